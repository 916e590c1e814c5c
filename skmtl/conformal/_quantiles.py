"""Order statistics of held-out scores, of which each fold has its own."""

from __future__ import annotations

import numpy as np

_SLACK = 1e-12  # of the total weight: 0.7 * 10 is a little more than 7
_HALVINGS = 34  # of the range in which the answer lies


class Scores:
    """Scores of held-out rows, each of the fold in which members held the row out.

    A new row counts as much as the mean group, in which each group is met by the sum W of the weights of its rows:
    sum(W^2) / sum(W), which is 1 for rows that are alone and have weights of 1. So the scale of the weights does not
    matter. It follows that a label of weight 2 is not quite the same as two labels: it says twice as much of where the
    quantile lies, but is still one observation, by which the quantile is less certain.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Scores.
    weights : ndarray of shape (n,) or None
        Positive weights; None: all are 1.
    folds : ndarray of shape (n,), int, or None
        Fold of each row; None: all are of fold 0.
    groups : ndarray of shape (n,), int, or None
        Group of each row; None: each is alone.
    """

    def __init__(
        self,
        values: np.ndarray,
        weights: np.ndarray | None,
        folds: np.ndarray | None,
        groups: np.ndarray | None = None,
    ) -> None:
        self.n_rows = len(values)
        own = np.ones(len(values)) if weights is None else weights.astype(np.float64)
        self._total = float(own.sum())
        of_groups = own if groups is None else np.bincount(groups, own)
        self._of_new_row = float(np.square(of_groups).sum()) / self._total if self._total else 1.0
        order = np.argsort(values)
        self._of_folds: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        fold_of = np.zeros(len(values), dtype=int) if folds is None else folds.astype(int)
        for fold in np.unique(fold_of).tolist():
            rows = order[fold_of[order] == fold]
            self._of_folds[fold] = values[rows].astype(np.float64), np.concatenate([[0.0], np.cumsum(own[rows])])

    @property
    def n_effective(self) -> float:
        """Number of rows of equal weight, each of a group of its own, that tell as much."""
        return self._total / self._of_new_row

    @property
    def max_coverage(self) -> float:
        """Largest coverage that so many rows can promise."""
        return self._total / (self._total + self._of_new_row)

    def _level(self, coverage: float) -> float:
        """Fraction of the weight that must lie at or below the quantile."""
        return coverage * (1 + self._of_new_row / self._total) - _SLACK

    def _own_quantile(self, fold: int, level: float) -> float:
        values, cumulative = self._of_folds[fold]
        return float(values[min(np.searchsorted(cumulative[1:], level * cumulative[-1]), len(values) - 1)])

    def upper_bound(self, coverage: float, centers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Least v such that rows with ``center + scale * score <= v``, of all and the new row, weigh ``coverage``.

        Centres and scales are those of the members that held a fold out, ``(fold, m)``; the result is ``(m,)``. It
        lies between the quantiles of single folds at the same level, and is found between them by bisection.
        """
        level = self._level(coverage)
        ends = [centers[fold] + scales[fold] * self._own_quantile(fold, level) for fold in self._of_folds]
        low, high = np.min(ends, axis=0), np.max(ends, axis=0)
        for _ in range(_HALVINGS if len(ends) > 1 else 0):
            middle = (low + high) / 2
            reached = self._weight_up_to(middle, centers, scales) >= level * self._total
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return np.asarray(high)

    def _weight_up_to(self, bound: np.ndarray, centers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        total = np.zeros(len(bound))
        for fold, (values, cumulative) in self._of_folds.items():
            total += cumulative[np.searchsorted(values, (bound - centers[fold]) / scales[fold], side="right")]
        return total

    def reach(self, coverage: float, values: np.ndarray) -> np.ndarray:
        """Whether values ``(fold, ...)`` of a new row are such that rows of lower score do not weigh ``coverage``."""
        below = np.zeros(values.shape[1:])
        for fold, (scores, cumulative) in self._of_folds.items():
            below += cumulative[np.searchsorted(scores, values[fold], side="left")]
        within: np.ndarray = below < self._level(coverage) * self._total
        return within
