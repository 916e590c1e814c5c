"""Intervals of numeric tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from skmtl.conformal._errors import HeldOutCells, HeldOutErrors
from skmtl.inputs import weighted_quantile

PRIOR = 30.0  # rows that say that errors are equally large everywhere
OFFSET = 0.1  # of the median error: below it, logarithms of errors tell nothing


@dataclass(frozen=True)
class IntervalScores(HeldOutErrors):
    """Absolute errors of a numeric task in units, and the predictions that they are about.

    Attributes
    ----------
    levels : ndarray of shape (n,)
        Predictions by the members that held a row out, minus ``location``, over ``spread``.
    unit, location, spread : float
        Of errors and predictions.
    """

    levels: np.ndarray
    unit: float
    location: float
    spread: float

    @classmethod
    def of(cls, labels: np.ndarray, predictions: np.ndarray, cells: HeldOutCells) -> Self:
        """Scores of labels with their held-out predictions, ``(n,)`` each."""
        errors = np.abs(labels.astype(np.float64) - predictions)
        unit = float(errors.max(initial=0.0)) or 1.0
        location = float(np.average(predictions, weights=cells.shares)) if len(predictions) else 0.0
        distance = predictions - location
        spread = float(np.abs(distance).max(initial=0.0)) or 1.0
        errors, levels = (errors / unit).astype(np.float32), (distance / spread).astype(np.float32)
        return cls(errors, cells, levels, unit, location, spread)

    def bounds(self, responses: np.ndarray, coverage: float, *, by_fold: bool, normalize: bool) -> np.ndarray:
        """Lower and upper bounds ``(m, 2)`` about predictions.

        Parameters
        ----------
        responses : ndarray of shape (fold, m, 1)
            Predictions for new rows by the members of each fold, or by the whole ensemble, ``(1, m, 1)``.
        coverage : float
            Coverage that is wanted.
        by_fold : bool
            Whether predictions are those of folds.
        normalize : bool
            Whether the width follows the expected size of an error.
        """
        centers = responses[:, :, 0].astype(np.float64)
        scale, own = ErrorScale(), np.ones(len(self.errors))
        if normalize:
            scale, own = ErrorScale.fit(self.levels, self.errors, self.cells.shares, self.cells.groups)
        scores = self.scores(own, by_fold=by_fold)
        scales = self.unit * scale((centers - self.location) / self.spread)
        upper = scores.upper_bound(coverage, centers, scales)
        return np.stack([-scores.upper_bound(coverage, -centers, scales), upper], axis=1)


@dataclass(frozen=True)
class BandScores(HeldOutErrors):
    """How far labels were outside of the band of their outer quantiles, in units; negative inside of it.

    The conformalised quantile regression of Romano, Patterson and Candes (2019).

    Attributes
    ----------
    unit : float
        Of errors.
    """

    unit: float

    @classmethod
    def of(cls, labels: np.ndarray, quantiles: np.ndarray, cells: HeldOutCells) -> Self:
        """Scores of labels ``(n,)`` with their held-out quantiles ``(n, n_levels)``, which are sorted."""
        distances = np.maximum(quantiles[:, 0] - labels, labels - quantiles[:, -1])
        unit = float(np.abs(distances).max(initial=0.0)) or 1.0
        return cls((distances / unit).astype(np.float32), cells, unit)

    def bounds(self, responses: np.ndarray, coverage: float, *, by_fold: bool, normalize: bool) -> np.ndarray:
        """As of :class:`IntervalScores`, about ``(fold, m, n_levels)``; the widths are those of the band."""
        scores, outer = self.scores(by_fold=by_fold), responses.astype(np.float64)
        scales = np.full(outer.shape[:2], self.unit)
        upper = scores.upper_bound(coverage, outer[:, :, -1], scales)
        lower = -scores.upper_bound(coverage, -outer[:, :, 0], scales)
        middle = (lower + upper) / 2  # a band that is narrowed to less than nothing
        return np.stack([np.minimum(lower, middle), np.maximum(upper, middle)], axis=1)


@dataclass(frozen=True)
class ErrorScale:
    """Expected size of an error by the level of the prediction: log-linear in the level and in its absolute value.

    Attributes
    ----------
    coefficients : ndarray of shape (2,)
        Of the two.
    middle : float
        Subtracted from the logarithm.
    low, high : float
        Range in which the logarithm is held, so that levels never seen do not leave it.
    """

    coefficients: np.ndarray | None = None
    middle: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def fit(
        cls, levels: np.ndarray, errors: np.ndarray, weights: np.ndarray | None, groups: np.ndarray | None
    ) -> tuple[Self, np.ndarray]:
        """Least squares of the logarithms of errors, shrunk towards errors that are equally large everywhere.

        Also the relative size of each error by those of other groups, without which large errors would look smaller
        than they are.
        """
        own = np.ones(len(errors)) if weights is None else weights.astype(np.float64)
        offset = OFFSET * (weighted_quantile(errors[:, None], own, 0.5)[0, 0] or np.average(errors, weights=own))
        if offset == 0:
            return cls(), np.ones(len(errors))
        inputs, targets = _inputs(levels), np.log(errors + offset)
        middle = np.average(inputs, axis=0, weights=own)
        inputs = np.column_stack([np.ones(len(inputs)), inputs - middle])
        targets -= np.average(targets, weights=own)
        weighted = own[:, None] * inputs
        grams, products = weighted[:, :, None] * inputs[:, None, :], weighted * targets[:, None]  # of rows
        gram, product = grams.sum(axis=0), products.sum(axis=0)
        group_of = np.arange(len(errors)) if groups is None else groups
        of_groups = np.bincount(group_of, own)
        strength = np.r_[1e-12, np.full(2, PRIOR * np.square(of_groups).sum() / of_groups.sum() ** 2)]
        gram += np.diag(strength * np.maximum(np.diag(gram), 1e-12))
        coefficients = np.linalg.solve(gram, product)
        of_others = (product - _totals(group_of, products))[:, :, None]
        by_others = np.linalg.solve(gram - _totals(group_of, grams), of_others)[:, :, 0]
        fitted = inputs @ coefficients
        low, high = weighted_quantile(fitted[:, None], own, [0.01, 0.99])[:, 0].tolist()
        scale = cls(coefficients[1:], float(middle @ coefficients[1:]), low, high)
        return scale, np.exp(np.clip((inputs * by_others[group_of]).sum(axis=1), low, high))

    def __call__(self, levels: np.ndarray) -> np.ndarray:
        """Relative size of errors at levels of any shape."""
        if self.coefficients is None:
            return np.ones(levels.shape)
        scale: np.ndarray = np.exp(np.clip(_inputs(levels) @ self.coefficients - self.middle, self.low, self.high))
        return scale


def _inputs(levels: np.ndarray) -> np.ndarray:
    levels = levels.astype(np.float64)
    return np.stack([levels, np.abs(levels)], axis=-1)


def _totals(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums over the rows of each group, ``(group, ...)``."""
    totals = np.zeros((groups.max() + 1, *values.shape[1:]))
    np.add.at(totals, groups, values)
    return totals
