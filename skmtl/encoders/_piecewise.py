"""Piecewise linear encoding of numbers over quantile bins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skmtl._quantiles import weighted_quantile
from skmtl.encoders._columns import Array
from skmtl.encoders._encoder import FloatArray

_ELEMENTS_AT_ONCE = 2**16  # rows encoded together stay in the cache
_VALUES_A_BIN = 2  # a column of no more values than these times the bins has an edge at each
_HEIGHT, _LOW = 1.0, 0.5  # of bins


class PiecewiseLinear:
    """Each number as its place in every bin: 0 below the bin, the bin's height above it, linear within.

    A linear map of the result is any piecewise linear function with knots at the bins' edges, which spares the network
    from building steep functions of a column (Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in
    Tabular Deep Learning", NeurIPS 2022). The edges are quantiles. A value so frequent that quantiles coincide, as 0
    often is, is one edge, and the others are quantiles of the other values. A column of few values gets a bin between
    neighbouring values, and one of two values gets none, since a line is all it allows.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Numbers; NaN where missing.
    weights : ndarray of shape (n_samples,)
        Strictly positive weights.
    n_bins : int
        Most bins of a column.
    bend : bool
        Whether columns of many values get bins of half the height, which bend a line and do not replace it.

    Attributes
    ----------
    columns : ndarray of shape (n_outputs,)
        Column of each output.
    low, slope : ndarray of shape (n_outputs,)
        Lower edge of its bin and slope within it.
    bent : ndarray of bool, shape (n_columns,)
        Which columns have bins of half the height.
    """

    def __init__(self, values: Array, weights: FloatArray, n_bins: int, bend: bool) -> None:
        edges, many = _edges(values, weights, n_bins)
        self.bent = many & bend
        counts = [len(own) - 1 if len(own) > 2 else 0 for own in edges]
        self.columns = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        self.low = np.concatenate([own[:count] for own, count in zip(edges, counts, strict=True)])
        width = np.concatenate([np.diff(own)[:count] for own, count in zip(edges, counts, strict=True)])
        self.slope = self.height / width

    @property
    def height(self) -> FloatArray:
        """What each output is above its bin, ``(n_outputs,)``."""
        return np.where(self.bent, _LOW, _HEIGHT)[self.columns]

    @property
    def n_outputs(self) -> int:
        """Number of bins of all columns."""
        return len(self.columns)

    def encode(self, values: Array, fill: FloatArray, out: FloatArray) -> None:
        """Write the encoded numbers into ``out``; ``fill`` ``(n_columns,)`` stands in for missing ones."""
        height = self.height.astype(out.dtype)
        step = max(1, _ELEMENTS_AT_ONCE // max(1, self.n_outputs))
        for start in range(0, len(values), step):
            part = values[start : start + step]
            places = np.where(np.isnan(part), fill, part).take(self.columns, axis=1)
            places -= self.low
            places *= self.slope
            out[start : start + step] = places.clip(0.0, height, out=places)


def _edges(values: Array, weights: FloatArray, n_bins: int) -> tuple[list[FloatArray], npt.NDArray[np.bool_]]:
    """Ascending edges of the bins of every column, and whether they are its quantiles: where few, all its values."""
    levels = np.linspace(0, 1, n_bins + 1)
    found, many = [], np.zeros(values.shape[1], dtype=bool)
    for place, quantiles in enumerate(weighted_quantile(values, weights, levels).T):
        column = values[:, place]
        distinct = np.unique(column[~np.isnan(column)])
        many[place] = len(distinct) > _VALUES_A_BIN * n_bins
        found.append(_between(column, weights, quantiles, levels) if many[place] else distinct.astype(np.float64))
    return found, many


def _between(column: Array, weights: FloatArray, quantiles: FloatArray, levels: FloatArray) -> FloatArray:
    """Quantiles, of which those that coincide are left to be one edge and spread over the other values."""
    frequent = quantiles[1:][np.diff(quantiles) == 0]
    if len(frequent):
        rest = ~(np.isin(column, frequent) | np.isnan(column))
        others = weighted_quantile(column[rest, None], weights[rest], levels)[:, 0]
        quantiles = np.concatenate([quantiles[[0, -1]], frequent, others])
    return np.unique(quantiles)
