"""Weighted quantiles of many columns at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_ELEMENTS_AT_ONCE = 2**21  # sorted together: bounds the memory beside the data to a few times 16 MB
_TIE = 1e-12  # of the total weight: cumulative sums of fractions meet a level only up to rounding


def weighted_quantile(
    values: npt.NDArray[Any], weights: npt.NDArray[Any], levels: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Quantiles of every column, by the averaged inverted distribution function.

    The quantile at level q is the smallest value whose cumulative weight exceeds q times the total, averaged with the
    value before it where that one meets q times the total exactly (numpy's ``averaged_inverted_cdf``; definition 2 of
    Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996). A row of integer weight w counts exactly as w
    equal rows, and the scale of the weights cancels. NaN is left out.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Real numbers; NaN marks a missing value.
    weights : ndarray of shape (n_samples,)
        Strictly positive weights.
    levels : array-like of shape (n_levels,)
        Levels from 0 (the minimum) to 1 (the maximum).

    Returns
    -------
    ndarray of shape (n_levels, n_columns)
        The quantiles; NaN for a column without values.
    """
    levels = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    n_rows, n_columns = values.shape
    quantiles = np.empty((len(levels), n_columns))
    equal = bool((weights == weights[0]).all())
    width = max(1, _ELEMENTS_AT_ONCE // n_rows)
    dtype = np.float32 if values.dtype == np.float32 else np.float64  # as exact, and sorted in half the time
    for start in range(0, n_columns, width):
        columns = np.array(values[:, start : start + width].T, dtype=dtype, order="C")  # (column, row), a copy
        part = _of_equal_weights(columns, levels) if equal else _of_weights(columns, weights, levels)
        quantiles[:, start : start + width] = part.T
    return quantiles


def _of_equal_weights(columns: npt.NDArray[Any], levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    columns.sort(axis=1)  # NaN last
    counts = np.count_nonzero(~np.isnan(columns), axis=1, keepdims=True)
    targets, slack = counts * levels, counts * _TIE
    # The cumulative weight of entry i is i + 1.
    return _average(columns, np.ceil(targets - slack).astype(int) - 1, np.floor(targets + slack).astype(int))


def _of_weights(
    columns: npt.NDArray[Any], weights: npt.NDArray[Any], levels: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    order = np.argsort(columns, axis=1)
    columns = np.take_along_axis(columns, order, axis=1)
    cumulative = weights[order]
    cumulative[np.isnan(columns)] = 0.0
    np.cumsum(cumulative, axis=1, out=cumulative)
    total = cumulative[:, -1:]
    targets, slack = total * levels, total * _TIE
    return _average(columns, _count_below(cumulative, targets - slack), _count_below(cumulative, targets + slack))


def _average(
    ordered: npt.NDArray[Any], lower: npt.NDArray[np.intp], upper: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Mean of the entries at two positions of every row, (column, level)."""
    last = np.maximum(np.count_nonzero(~np.isnan(ordered), axis=1, keepdims=True) - 1, 0)
    low, high = (np.take_along_axis(ordered, np.clip(at, 0, last), axis=1) for at in (lower, upper))
    averages: npt.NDArray[np.float64] = 0.5 * (low.astype(np.float64) + high)
    return averages


def _count_below(ordered: npt.NDArray[Any], targets: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Number of entries of each row below each of its targets, (column, level), by bisection in all rows at once."""
    n = ordered.shape[1]
    low = np.zeros(targets.shape, dtype=np.intp)
    high = np.full(targets.shape, n, dtype=np.intp)
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        below = np.take_along_axis(ordered, np.minimum(middle, n - 1), axis=1) < targets
        below &= middle < high
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low
