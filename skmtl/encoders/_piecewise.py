"""Piecewise linear encoding of numbers over quantile bins."""

from __future__ import annotations

import numpy as np

from skmtl._quantiles import weighted_quantile
from skmtl.encoders._columns import Array
from skmtl.encoders._encoder import FloatArray

_ELEMENTS_AT_ONCE = 2**16  # rows encoded together stay in the cache
_VALUES_A_BIN = 2  # a column of no more values than these times the bins has an edge at each


class PiecewiseLinear:
    """Each number as its place in every bin: 0 below the bin, 1 above it, linear within.

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

    Attributes
    ----------
    columns : ndarray of shape (n_outputs,)
        Column of each output.
    low, inverse_width : ndarray of shape (n_outputs,)
        Lower edge of its bin and one over the bin's width.
    """

    def __init__(self, values: Array, weights: FloatArray, n_bins: int) -> None:
        columns, low, width = [], [], []
        for column, edges in enumerate(_edges(values, weights, n_bins)):
            if len(edges) > 2:
                columns.append(np.full(len(edges) - 1, column))
                low.append(edges[:-1])
                width.append(np.diff(edges))
        self.columns = np.concatenate(columns) if columns else np.zeros(0, dtype=int)
        self.low = np.concatenate(low) if low else np.zeros(0)
        self.inverse_width = 1.0 / np.concatenate(width) if width else np.zeros(0)

    @property
    def n_outputs(self) -> int:
        """Number of bins of all columns."""
        return len(self.columns)

    def encode(self, values: Array, fill: FloatArray, out: FloatArray) -> None:
        """Write the encoded numbers into ``out``; ``fill`` ``(n_columns,)`` stands in for missing ones."""
        step = max(1, _ELEMENTS_AT_ONCE // max(1, self.n_outputs))
        for start in range(0, len(values), step):
            part = values[start : start + step]
            places = np.where(np.isnan(part), fill, part).take(self.columns, axis=1)
            places -= self.low
            places *= self.inverse_width
            out[start : start + step] = places.clip(0.0, 1.0, out=places)


def _edges(values: Array, weights: FloatArray, n_bins: int) -> list[FloatArray]:
    """Ascending edges of the bins of every column, all its values where they are few."""
    levels = np.linspace(0, 1, n_bins + 1)
    found = []
    for column, quantiles in zip(values.T, weighted_quantile(values, weights, levels).T, strict=True):
        distinct = np.unique(column[~np.isnan(column)])
        if len(distinct) <= _VALUES_A_BIN * n_bins:
            found.append(distinct.astype(np.float64))
            continue
        frequent = quantiles[1:][np.diff(quantiles) == 0]
        if len(frequent):
            rest = ~(np.isin(column, frequent) | np.isnan(column))
            others = weighted_quantile(column[rest, None], weights[rest], levels)[:, 0]
            quantiles = np.concatenate([quantiles[[0, -1]], frequent, others])
        found.append(np.unique(quantiles))
    return found
