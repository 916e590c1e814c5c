"""Losses of the tasks by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skmtl.inspection._history import best_epochs, draw_lines, fitted_names, indices_of, make_axes, member_means


class LearningCurveDisplay:
    """Training and held-out loss of each task by epoch, means over the members.

    A member that has stopped counts with its last losses. Ticks at the top mark the epochs whose weights the members
    have kept. Use :meth:`from_estimator`.

    Parameters
    ----------
    loss : ndarray of shape (n_epochs, n_tasks)
        Training losses on the scale that is trained on, before loss weights.
    validation_loss : ndarray of shape (n_epochs, n_tasks)
        Held-out losses; NaN where nothing was held out.
    task_names : sequence of str
        Names of the tasks.
    best_epochs : array-like of shape (n_members,), default=()
        Epoch, from 1 on, of the lowest held-out loss of each member.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib Line2D
        Training curves, one a task.
    validation_lines_ : list of matplotlib Line2D
        Held-out curves of the same colours, dashed; empty where nothing was held out.
    best_ : matplotlib Line2D or None
        The ticks.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.inspection import LearningCurveDisplay
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> model = MultiTaskNetRegressor(max_iter=5).fit(X, np.column_stack([X, X**2]))
    >>> display = LearningCurveDisplay.from_estimator(model)
    >>> [line.get_label() for line in display.lines_]
    ['task0', 'task1']
    """

    def __init__(
        self, *, loss: np.ndarray, validation_loss: np.ndarray, task_names: Sequence[str], best_epochs: Any = ()
    ) -> None:
        self.loss, self.validation_loss, self.task_names = loss, validation_loss, task_names
        self.best_epochs = np.asarray(best_epochs, dtype=int)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, tasks: Sequence[str] | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the curves of a fitted estimator.

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
        LearningCurveDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If a task is unknown.
        """
        names = fitted_names(estimator)
        indices = indices_of(tasks, names)
        loss, held_out = (member_means(estimator, name)[:, indices] for name in ("loss", "validation_loss"))
        shown = [names[index] for index in indices]
        display = cls(loss=loss, validation_loss=held_out, task_names=shown, best_epochs=best_epochs(estimator))
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        LearningCurveDisplay
            This display.
        """
        self.ax_ = make_axes(ax)
        self.figure_ = self.ax_.figure
        self.lines_ = draw_lines(self.ax_, self.loss, self.task_names, **kwargs)
        self.validation_lines_ = []
        if not np.isnan(self.validation_loss).all():
            hidden = ["_"] * len(self.task_names)  # labels that a legend leaves out
            style = {**kwargs, "linestyle": "--"}
            self.validation_lines_ = draw_lines(self.ax_, self.validation_loss, hidden, **style)
            for line, training in zip(self.validation_lines_, self.lines_, strict=True):
                line.set_color(training.get_color())
        self.best_ = None
        if len(self.best_epochs):
            heights = np.ones(len(self.best_epochs))  # of the axes
            style = {"marker": "|", "markersize": 14, "color": "0.4", "linestyle": "none", "label": "_"}
            where = {"transform": self.ax_.get_xaxis_transform(), "clip_on": False}
            self.best_ = self.ax_.plot(self.best_epochs, heights, **style, **where)[0]
        self.ax_.set(xlabel="Epoch", ylabel="Loss" + (" (dashed: held out)" if self.validation_lines_ else ""))
        self.ax_.legend()
        return self
