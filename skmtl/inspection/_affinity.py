"""The result of measuring affinities."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmtl.inspection._affinity_display import TaskAffinityDisplay


class TaskAffinity:
    """What each task does to each other one; made by :func:`task_affinity`.

    Parameters
    ----------
    matrix : ndarray of shape (n_tasks, n_tasks)
        The affinities.
    task_names : list
        Names of the tasks.
    method : str
        How they were measured.

    Attributes
    ----------
    matrix : ndarray of shape (n_tasks, n_tasks)
        Row i, column j: what task j does to task i. NaN where it cannot be said.
    task_names : list
        Names of the tasks, in the order of the label matrix.
    method : str
        How they were measured.
    """

    def __init__(self, matrix: np.ndarray, task_names: list[Any], method: str) -> None:
        self.matrix, self.task_names, self.method = matrix, list(task_names), method

    def frame(self) -> Any:
        """Return the matrix as a pandas frame.

        Returns
        -------
        pandas.DataFrame of shape (n_tasks, n_tasks)
            A row for each task that is affected, a column for each that affects it.
        """
        import pandas as pd

        index = pd.Index(self.task_names, name="task")
        return pd.DataFrame(self.matrix, index=index, columns=pd.Index(self.task_names, name="beside"))

    def plot(self, *, ax: Any = None, **kwargs: Any) -> TaskAffinityDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to :meth:`TaskAffinityDisplay.plot`.

        Returns
        -------
        TaskAffinityDisplay
            The drawn display.
        """
        return TaskAffinityDisplay.from_affinity(self, ax=ax, **kwargs)

    def __repr__(self) -> str:
        return f"TaskAffinity(method={self.method!r}, n_tasks={len(self.task_names)})"
