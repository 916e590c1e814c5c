"""The picture of a Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmtl.model_selection.search._results import pareto_front


class ParetoDisplay:
    """Scores of a search's candidates on two tasks, with the Pareto front and the chosen candidate.

    The line is the front of the two tasks shown; candidates off the line may be on the front of all tasks.

    Use :meth:`from_search` to make one.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_tasks)
        Mean score of each candidate on each task; greater is better.
    front : ndarray of int
        Candidates on the Pareto front.
    task_names : sequence of str
        Names of the tasks.
    best : int, default=None
        The chosen candidate.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn.
    figure_ : matplotlib.figure.Figure
        Around ``ax_``.

    See Also
    --------
    MultiTaskSearchCV : The search whose candidates are shown.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import ParetoDisplay
    >>> scores = np.array([[0.9, 0.2], [0.7, 0.7], [0.6, 0.6]])
    >>> display = ParetoDisplay(scores, np.array([1, 0]), ["a", "b"])
    >>> display.plot().ax_.get_xlabel()
    'score of a'
    """

    def __init__(
        self, scores: np.ndarray, front: np.ndarray, task_names: Sequence[str], best: int | None = None
    ) -> None:
        self.scores, self.front, self.task_names, self.best = scores, front, list(task_names), best

    @classmethod
    def from_search(cls, search: Any, *, tasks: Sequence[str] | None = None, ax: Any = None) -> ParetoDisplay:
        """Draw the candidates of a fitted search.

        Parameters
        ----------
        search : MultiTaskSearchCV
            Fitted.
        tasks : sequence of two str, default=None
            Tasks of the two axes; None is the first two.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ParetoDisplay
            The display, drawn.
        """
        check_is_fitted(search, "pareto_front_")
        best = getattr(search, "best_index_", None)
        display = cls(search.task_scores_, search.pareto_front_, search.task_names_.tolist(), best)
        return display.plot(tasks=tasks, ax=ax)

    def plot(self, *, tasks: Sequence[str] | None = None, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        tasks : sequence of two str, default=None
            Tasks of the two axes; None is the first two.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        Self
            The display.

        Raises
        ------
        ValueError
            If there are fewer than two tasks, or ``tasks`` does not name two of them.
        """
        first, second = self._axes(tasks)
        import matplotlib.pyplot as plt

        self.ax_ = plt.subplots()[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        pair = self.scores[:, [first, second]]
        x, y = pair.T
        both = pareto_front(pair)  # of these two tasks alone: part of the front of all, and a line that falls
        self.ax_.scatter(x, y, color="0.75", label="candidate")
        self.ax_.scatter(x[self.front], y[self.front], color="C0", label="Pareto front")
        # Between two candidates nothing is known to be reachable but what both reach.
        self.ax_.step(x[both], y[both], where="pre", color="C0", linewidth=1)
        if self.best is not None:
            self.ax_.scatter(x[self.best], y[self.best], s=150, marker="*", color="C3", zorder=3, label="chosen")
        names = [self.task_names[k] for k in (first, second)]
        self.ax_.set(xlabel=f"score of {names[0]}", ylabel=f"score of {names[1]}")
        self.ax_.legend()
        return self

    def _axes(self, tasks: Sequence[str] | None) -> tuple[int, int]:
        names = self.task_names[:2] if tasks is None else list(tasks)
        if len(names) != 2 or any(name not in self.task_names for name in names):
            raise ValueError(
                f"A ParetoDisplay shows two tasks of {', '.join(map(repr, self.task_names))}; got {names!r}. "
                "Name two of them with tasks=."
            )
        return self.task_names.index(names[0]), self.task_names.index(names[1])
