"""The picture of affinities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from skmtl.inspection._matrix import MatrixDisplay

LABELS = {
    "gain": "Gain in percent",
    "gradient_cosine": "Mean cosine of the gradients",
    "lookahead": "Relative decrease of the loss for a unit step",
    "representation": "Rank correlation of the representations",
    "output": "Correlation of the outputs",
    "residual": "Partial correlation of the residuals",
}


class TaskAffinityDisplay(MatrixDisplay):
    """What each task of a column does to each task of a row: blue where it helps or is alike, red where it harms.

    Use :meth:`from_affinity`, or ``plot`` of the affinity.

    Parameters
    ----------
    matrix : ndarray of shape (n_tasks, n_tasks)
        The affinities.
    task_names : sequence
        Names of the tasks.
    method : str, default="gain"
        How they were measured.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the matrix.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib AxesImage
        The matrix.
    text_ : ndarray of shape (n_tasks, n_tasks), dtype=matplotlib Text, or None
        The numbers in the cells.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.inspection import TaskAffinityDisplay
    >>> display = TaskAffinityDisplay(matrix=np.array([[0.0, 0.2], [-0.1, 0.0]]), task_names=["stays", "spend"])
    >>> display.plot().ax_.get_xlabel()
    'beside'
    """

    axis_labels: ClassVar[dict[str, str]] = {"xlabel": "beside", "ylabel": "task"}

    def __init__(self, *, matrix: np.ndarray, task_names: Sequence[Any], method: str = "gain") -> None:
        self.matrix, self.task_names, self.method = matrix, list(task_names), method

    @classmethod
    def from_affinity(cls, affinity: Any, *, include_values: bool = True, ax: Any = None, **kwargs: Any) -> Self:
        """Draw measured affinities.

        Parameters
        ----------
        affinity : TaskAffinity
            Made by :func:`task_affinity`.
        include_values : bool, default=True
            Whether to write the numbers into the cells.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``imshow``.

        Returns
        -------
        TaskAffinityDisplay
            The drawn display.
        """
        display = cls(matrix=affinity.matrix, task_names=affinity.task_names, method=affinity.method)
        return display.plot(include_values=include_values, ax=ax, **kwargs)

    def _drawing(self) -> tuple[np.ndarray, str, dict[str, Any]]:
        largest = 1.0 if self.method not in ("gain", "lookahead") else float(np.nanmax(np.abs(self.matrix))) or 1.0
        return self.matrix, LABELS[self.method], {"vmin": -largest, "vmax": largest}
