"""Order statistics of held-out scores, of which each team of members has its own."""

from __future__ import annotations

import numpy as np

_SLACK = 1e-12  # of the total weight: 0.7 * 10 is a little more than 7
_HALVINGS = 34  # of the range in which the answer lies


class Scores:
    """Scores of held-out rows, each of the team of members that held the row out.

    A new row counts as much as the mean row, in which each row is met by its weight: w = sum(w_i^2) / sum(w_i), which
    is 1 for equal weights of 1. So the scale of the weights does not matter.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Scores.
    weights : ndarray of shape (n,) or None
        Positive weights; None: all are 1.
    teams : ndarray of shape (n,), int, or None
        Team of each row; None: all are of team 0.
    """

    def __init__(self, values: np.ndarray, weights: np.ndarray | None, teams: np.ndarray | None) -> None:
        self.n_rows = len(values)
        own = np.ones(len(values)) if weights is None else weights.astype(np.float64)
        self._total = float(own.sum())
        self._of_new_row = float(np.square(own).sum()) / self._total if self._total else 1.0
        order = np.argsort(values)
        self._of_teams: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        team_of = np.zeros(len(values), dtype=int) if teams is None else teams.astype(int)
        for team in np.unique(team_of).tolist():
            rows = order[team_of[order] == team]
            self._of_teams[team] = values[rows].astype(np.float64), np.concatenate([[0.0], np.cumsum(own[rows])])

    @property
    def n_effective(self) -> float:
        """Number of rows of equal weight that tell as much."""
        return self._total / self._of_new_row

    @property
    def max_coverage(self) -> float:
        """Largest coverage that so many rows can promise."""
        return self._total / (self._total + self._of_new_row)

    def _level(self, coverage: float) -> float:
        """Fraction of the weight that must lie at or below the quantile."""
        return coverage * (1 + self._of_new_row / self._total) - _SLACK

    def _own_quantile(self, team: int, level: float) -> float:
        values, cumulative = self._of_teams[team]
        return float(values[min(np.searchsorted(cumulative[1:], level * cumulative[-1]), len(values) - 1)])

    def upper_bound(self, coverage: float, centers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Least v such that rows with ``center + scale * score <= v``, of all and the new row, weigh ``coverage``.

        Centres and scales are those of the row's team, ``(team, m)``; the result is ``(m,)``. It lies between the
        quantiles of single teams at the same level, and is found between them by bisection.
        """
        level = self._level(coverage)
        ends = [centers[team] + scales[team] * self._own_quantile(team, level) for team in self._of_teams]
        low, high = np.min(ends, axis=0), np.max(ends, axis=0)
        for _ in range(_HALVINGS if len(ends) > 1 else 0):
            middle = (low + high) / 2
            reached = self._weight_up_to(middle, centers, scales) >= level * self._total
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return np.asarray(high)

    def _weight_up_to(self, bound: np.ndarray, centers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        total = np.zeros(len(bound))
        for team, (values, cumulative) in self._of_teams.items():
            total += cumulative[np.searchsorted(values, (bound - centers[team]) / scales[team], side="right")]
        return total

    def reach(self, coverage: float, values: np.ndarray) -> np.ndarray:
        """Whether values ``(team, ...)`` of a new row are such that rows of lower score do not weigh ``coverage``."""
        below = np.zeros(values.shape[1:])
        for team, (scores, cumulative) in self._of_teams.items():
            below += cumulative[np.searchsorted(scores, values[team], side="left")]
        within: np.ndarray = below < self._level(coverage) * self._total
        return within
