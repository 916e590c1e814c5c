"""Piecewise linear encoding of numbers over quantile bins."""

from __future__ import annotations

import numpy as np

from skmtl.defaults import encoders as rules
from skmtl.encoders._columns import Array
from skmtl.encoders._encoder import FloatArray
from skmtl.inputs import weighted_quantile

_ELEMENTS_AT_ONCE = 2**16  # rows encoded together stay in the cache
_HEIGHT, _LOW = 1.0, 0.5  # of bins
_MIN_WIDTH = 1e-300  # of bins, whose slopes are to be finite


class PiecewiseLinear:
    """Piecewise linear encoding: for every bin 0 below it, the bin's height above it, linear within.

    A linear map of the result is any piecewise linear function with knots at the bins' edges, so the network need not
    build steep functions of a column (Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in
    Tabular Deep Learning", NeurIPS 2022). The edges are quantiles. A value so frequent that quantiles coincide, as 0
    often is, is one edge, and the others are quantiles of the other values. A column of few values gets a bin between
    neighbouring values; a column of two values gets none, since it is linear. A column of
    more than twice as many values as bins is scaled up, and its bins have half the height: they bend its line.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Numbers; NaN where missing.
    weights : ndarray of shape (n_samples,)
        Strictly positive weights.
    n_bins : int or "auto"
        Largest number of bins of a column.

    Attributes
    ----------
    n_bins : int
        Largest number of quantile bins of a column.
    columns : ndarray of shape (n_outputs,)
        Column of each output.
    low, slope : ndarray of shape (n_outputs,)
        Lower edge of its bin and slope within it.
    bent : ndarray of bool, shape (n_columns,)
        Which columns have bins of half the height.
    """

    def __init__(self, values: Array, weights: FloatArray, n_bins: int | str) -> None:
        distinct = [np.unique(column[~np.isnan(column)]) for column in values.T]
        sizes = np.array([len(found) for found in distinct])
        self.n_bins = rules.n_bins(int(np.sum(sizes > rules.FEW_VALUES))).value if isinstance(n_bins, str) else n_bins
        self.bent = sizes > rules.VALUES_PER_BIN * self.n_bins
        edges = [found.astype(np.float64) for found in distinct]
        quantiles = _edges(values[:, self.bent], weights, self.n_bins)
        for column, found in zip(np.flatnonzero(self.bent), quantiles, strict=True):
            edges[column] = found
        edges = [found[np.diff(found, prepend=-np.inf) > _MIN_WIDTH] for found in edges]
        counts = [len(found) - 1 if len(found) > 2 else 0 for found in edges]
        self.columns = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        self.low = np.concatenate([found[:count] for found, count in zip(edges, counts, strict=True)])
        width = np.concatenate([np.diff(found)[:count] for found, count in zip(edges, counts, strict=True)])
        self.slope = self.height / width

    @property
    def line(self) -> FloatArray:
        """Factor of each scaled number beside its bins, ``(n_columns,)``."""
        return np.where(self.bent, np.sqrt(self.n_bins), 1.0)

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
        height, step = self.height, max(1, _ELEMENTS_AT_ONCE // max(1, self.n_outputs))
        memory = np.empty((min(step, len(values)), self.n_outputs))  # in float64 close numbers keep their digits
        for start in range(0, len(values), step):
            part = values[start : start + step].astype(np.float64, copy=False)
            missing = np.isnan(part)
            if missing.any():
                part = np.where(missing, fill, part)
            scaled = part.take(self.columns, axis=1, out=memory[: len(part)], mode="clip")  # unlike "raise" in place
            scaled -= self.low
            scaled *= self.slope
            np.maximum(scaled, 0.0, out=scaled)  # takes half the time of clip
            out[start : start + step] = np.minimum(scaled, height, out=scaled)


def _edges(values: Array, weights: FloatArray, n_bins: int) -> list[FloatArray]:
    """Ascending edges of the bins of every column, as a rule its quantiles."""
    levels = np.linspace(0, 1, n_bins + 1)
    quantiles = weighted_quantile(values, weights, levels)
    return [_between(column, weights, found, levels) for column, found in zip(values.T, quantiles.T, strict=True)]


def _between(column: Array, weights: FloatArray, quantiles: FloatArray, levels: FloatArray) -> FloatArray:
    """Quantiles of a column; where some coincide, that value is one edge and the others are quantiles of the rest."""
    frequent = quantiles[1:][np.diff(quantiles) == 0]
    if len(frequent):
        rest = ~(np.isin(column, frequent) | np.isnan(column))
        others = weighted_quantile(column[rest, None], weights[rest], levels)[:, 0]
        quantiles = np.concatenate([quantiles[[0, -1]], frequent, others])
    return np.unique(quantiles)
