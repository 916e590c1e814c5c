"""Gains of task subsets on folds, and what they tell of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from skmtl.model_selection._subset_measurements import SubsetMeasurements


@dataclass(frozen=True)
class FoldGains:
    """Gain of each task by each subset on each fold, over the task learned alone.

    Attributes
    ----------
    members : ndarray of shape (n_subsets, n_tasks), bool
        Tasks of each subset: every single task, all tasks, and others.
    gains : ndarray of shape (n_subsets, n_folds, n_tasks)
        1 - E_t(S) / E_t({t}) with the error E of task t on the fold, over its mean over the folds in the denominator. 0
        for single tasks; NaN outside the subset, and where the fold has no label of the task to test by.
    test_ratio : float
        Labels tested over labels learned from.
    """

    members: np.ndarray
    gains: np.ndarray
    test_ratio: float

    @classmethod
    def of(cls, measurements: Sequence[SubsetMeasurements]) -> FoldGains:
        """Gains from the scores, of which lower ones are better, of subsets on the same folds."""
        first = measurements[0]
        n_tasks = len(first.task_names)
        subsets = [subset for measured in measurements for subset in measured.subsets]
        errors = np.concatenate([measured.scores for measured in measurements])  # (n_subsets, n_folds, n_tasks)
        members = np.array([np.isin(np.arange(n_tasks), subset) for subset in subsets])
        single = errors[[subsets.index((task,)) for task in range(n_tasks)], :, np.arange(n_tasks)].T
        tested = ~np.isnan(single)
        if (tested.sum(axis=0) < 2).any():
            name = first.task_names[int(np.flatnonzero(tested.sum(axis=0) < 2)[0])]
            raise ValueError(
                f"Task {name!r} has labels to test by in fewer than two folds, so that no gain of it can be told "
                "(nor where all its training labels are the same). Give it more labels, leave it out, or take "
                "cv=MultiTaskKFold(...), which deals the labels of each task to all folds."
            )
        unit = np.nanmean(single, axis=0)
        gains = (single - errors) / np.where(unit > 0, unit, 1.0)
        return cls(members, gains, float(first.n_test.sum() / first.n_train.sum()))

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.gains.shape[1])

    @property
    def is_single(self) -> np.ndarray:
        """Whether a subset is one task, ``(n_subsets,)``."""
        single: np.ndarray = self.members.sum(axis=1) == 1
        return single

    @property
    def is_joint(self) -> np.ndarray:
        """Whether a subset is all tasks, ``(n_subsets,)``."""
        joint: np.ndarray = self.members.sum(axis=1) == self.members.shape[1]
        return joint

    @property
    def is_reference(self) -> np.ndarray:
        """Whether a subset is one task or all of them, ``(n_subsets,)``."""
        reference: np.ndarray = self.is_single | self.is_joint
        return reference

    def without(self, fold: int) -> FoldGains:
        """Gains on all other folds."""
        return FoldGains(self.members, np.delete(self.gains, fold, axis=1), self.test_ratio)

    def of_subsets(self, chosen: np.ndarray) -> FoldGains:
        """Gains of some of the subsets."""
        return FoldGains(self.members[chosen], self.gains[chosen], self.test_ratio)

    def mean(self) -> np.ndarray:
        """Mean over the folds, ``(n_subsets, n_tasks)``."""
        known = ~np.isnan(self.gains)
        count = known.sum(axis=1)
        total = np.where(known, self.gains, 0.0).sum(axis=1)
        means: np.ndarray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return means

    def standard_errors(self) -> np.ndarray:
        """Of the means, corrected for what training parts have in common, ``(n_subsets, n_tasks)``."""
        return corrected_standard_error(np.moveaxis(self.gains, 1, 0), self.test_ratio)


def corrected_standard_error(values: np.ndarray, test_ratio: float) -> np.ndarray:
    """Standard error of a mean over resampled training parts, ``(n_folds, ...) -> (...)``; NaN without two values.

    References
    ----------
    Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.
    """
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    mean = np.divide(np.where(known, values, 0.0).sum(axis=0), np.maximum(count, 1))
    squares = np.where(known, np.square(values - mean), 0.0).sum(axis=0)
    variance = np.divide(squares, count - 1, out=np.full(squares.shape, np.nan), where=count > 1)
    errors: np.ndarray = np.sqrt((1 / np.maximum(count, 1) + test_ratio) * variance)
    return errors


def lower_bound(values: np.ndarray, test_ratio: float, confidence: float) -> float:
    """Bound below which the mean of ``values``, one a fold, lies with probability 1 - ``confidence``."""
    quantile = stats.t.ppf(confidence, len(values) - 1)
    return float(values.mean() - quantile * corrected_standard_error(values, test_ratio))
