"""Effective loss weights by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skmtl.inspection._history import draw_lines, fitted_names, indices_of, make_axes, member_means


class LossWeightDisplay:
    """Effective weight of each task's loss by epoch, means over the members.

    Use :meth:`from_estimator`.

    Parameters
    ----------
    weight : ndarray of shape (n_epochs, n_tasks)
        Means over the epoch's steps in which a task had a label.
    task_names : sequence of str
        Names of the tasks.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib Line2D
        Curves, one a task.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.inspection import LossWeightDisplay
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> net = MultiTaskNetRegressor(balancing="dwa", hidden_layer_sizes=(8,), max_iter=2, effort="fixed")
    >>> display = LossWeightDisplay.from_estimator(net.fit(X, np.column_stack([X, X**2])))
    >>> display.weight.shape  # of each epoch and task
    (2, 2)
    """

    def __init__(self, *, weight: np.ndarray, task_names: Sequence[str]) -> None:
        self.weight, self.task_names = weight, task_names

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, tasks: Sequence[str] | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the weights of a fitted estimator.

        Parameters
        ----------
        estimator : MultiTaskNet, MultiTaskNetClassifier or MultiTaskNetRegressor
            Fitted.
        tasks : sequence of str, default=None
            Names of the tasks to show; all by default.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        LossWeightDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If a task is unknown.
        """
        names = fitted_names(estimator)
        indices = indices_of(tasks, names)
        weight = member_means(estimator, "weight")[:, indices]
        return cls(weight=weight, task_names=[names[index] for index in indices]).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        LossWeightDisplay
            This display.
        """
        self.ax_ = make_axes(ax)
        self.figure_ = self.ax_.figure
        self.lines_ = draw_lines(self.ax_, self.weight, self.task_names, **kwargs)
        self.ax_.set(xlabel="Epoch", ylabel="Weight of the loss")
        self.ax_.legend()
        return self
