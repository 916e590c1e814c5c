"""Iterative stratification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skmtl.model_selection._strata import IntArray

FloatArray = NDArray[np.float64]


def deal(strata: NDArray[np.bool_], shares: IntArray, units: IntArray | None, order: IntArray) -> IntArray:
    """Deal rows to parts so that each part has its share of every stratum.

    The scarcest stratum is dealt first: each of its rows goes to the part that lacks most of that stratum, of equal
    ones to the part that lacks most rows.

    Parameters
    ----------
    strata : ndarray of shape (n_samples, n_strata), bool
        Which rows are in which stratum.
    shares : ndarray of shape (n_parts,)
        Number of rows of each part; their sum is n_samples.
    units : ndarray of shape (n_samples,), optional
        Rows with the same number stay together; the parts then have about their sizes, else exactly.
    order : ndarray of shape (n_samples,)
        Order in which rows of a stratum are dealt.

    Returns
    -------
    ndarray of shape (n_samples,)
        Part of each row.

    References
    ----------
    K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011.
    """
    if units is None:
        dealt = np.empty(len(order), dtype=np.intp)
        dealt[order] = _Dealer(strata[order].astype(np.float64), np.ones(len(order)), shares, exact=True).deal()
        return dealt
    numbers, first = np.unique(units[order], return_index=True)
    counts = np.zeros((len(numbers), strata.shape[1]))
    np.add.at(counts, units, strata)
    sizes = np.bincount(units).astype(np.float64)
    by_size = np.lexsort((first, -sizes))  # a large group is placed while there is room for it
    parts = np.empty(len(numbers), dtype=np.intp)
    parts[by_size] = _Dealer(counts[by_size], sizes[by_size], shares, exact=False).deal()
    of_rows: IntArray = parts[units]
    return of_rows


class _Dealer:
    """What each part still lacks, and which units are still to be dealt."""

    def __init__(self, counts: FloatArray, sizes: FloatArray, shares: IntArray, *, exact: bool) -> None:
        self._counts = counts  # (unit, stratum)
        self._sizes = sizes
        self._exact = exact
        self._wants = shares > 0  # a part of no rows lacks nothing, but others may have more than enough
        self._lacks = np.outer(shares / shares.sum(), counts.sum(axis=0))  # (part, stratum)
        self._lacks_rows = shares.astype(np.float64)
        self._left = (counts > 0).sum(axis=0)
        self._parts = np.full(len(counts), -1, dtype=np.intp)

    def deal(self) -> IntArray:
        while self._left.any():
            scarcest = int(np.argmin(np.where(self._left > 0, self._left, np.inf)))
            for unit in np.flatnonzero((self._parts < 0) & (self._counts[:, scarcest] > 0)):
                self._place(unit, self._lacks[:, scarcest])
        for unit in np.flatnonzero(self._parts < 0):
            self._place(unit, self._lacks_rows)
        return self._parts

    def _place(self, unit: np.intp, lacks: FloatArray) -> None:
        part = self._neediest(lacks)
        self._parts[unit] = part
        self._lacks[part] -= self._counts[unit]
        self._lacks_rows[part] -= self._sizes[unit]
        self._left -= self._counts[unit] > 0

    def _neediest(self, lacks: FloatArray) -> int:
        # rounding keeps sums of shares that are equal on paper from being told apart
        lacks = np.round(lacks, 9)
        lacks = np.where(self._lacks_rows > 0.5 if self._exact else self._wants, lacks, -np.inf)
        neediest = np.flatnonzero(lacks == lacks.max())
        return int(neediest[np.argmax(np.round(self._lacks_rows[neediest], 9))])
