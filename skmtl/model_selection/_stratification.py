"""Iterative stratification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]


def deal(strata: IntArray, sizes: IntArray, groups: IntArray | None, order: IntArray) -> IntArray:
    """Deal rows to parts so that each part has its fraction of every stratum.

    Rows of the scarcest strata are dealt first, each to the part where the counts stay closest to the fractions: the
    sum over strata and parts of (count - expected)^2 / expected is to grow least. It is iterative stratification
    (Sechidis et al., 2011), but weighs all strata of a row rather than the scarcest alone. Rows that are in the same
    strata stay in their order, in contiguous blocks.

    Parameters
    ----------
    strata : ndarray of shape (n_samples, n_memberships)
        Numbers of the strata that each row is in, -1 for none.
    sizes : ndarray of shape (n_parts,)
        Number of rows of each part; their sum is n_samples.
    groups : ndarray of shape (n_samples,), optional
        Rows with the same number stay together; the parts then have about their sizes, else exactly.
    order : ndarray of shape (n_samples,)
        Order in which rows are dealt that are otherwise alike.

    Returns
    -------
    ndarray of shape (n_samples,)
        Part of each row.
    """
    counts = _memberships(strata)
    if groups is None:
        counts = counts[order]
        alike = np.unique(strata[order], axis=0, return_inverse=True)[1].reshape(-1)
        rarity = sparse.diags_array(1 / counts.sum(axis=0))
        rarest, rare = (counts @ rarity).max(axis=1).toarray(), (counts @ rarity).sum(axis=1)
        parts = _deal_alike(alike, sizes)
        _deal_units(counts, sizes, parts, np.lexsort((-rare, -rarest)), exact=True)
        dealt = np.empty_like(parts)
        dealt[order] = _contiguous_where_alike(parts, alike)
        return dealt
    numbers, first = np.unique(groups[order], return_index=True)
    by_group = sparse.csr_array((np.ones(len(groups)), (groups, np.arange(len(groups))))) @ counts
    parts = np.full(len(numbers), -1, dtype=np.intp)
    # A large group is placed while there is room for it.
    _deal_units(by_group, sizes, parts, np.lexsort((first, -np.bincount(groups))), exact=False)
    return parts[groups]


def _memberships(strata: IntArray) -> sparse.csr_array:
    """Which rows are in which stratum, ``(n_samples, 1 + n_strata)``; the first stratum is all rows."""
    strata = np.column_stack([np.zeros(len(strata), dtype=np.intp), np.where(strata < 0, -1, strata + 1)])
    rows, columns = np.nonzero(strata >= 0)
    return sparse.csr_array((np.ones(len(rows)), (rows, strata[rows, columns])))


def _deal_alike(alike: IntArray, sizes: IntArray) -> IntArray:
    """Deal rows of the same strata by the sizes of the parts, as many as come out even; -1 for the others.

    Nothing is left to choose for them, and most rows of a `y` with few patterns are dealt at once.
    """
    counts = np.bincount(alike)
    ends = np.cumsum(counts[:, None] * sizes // sizes.sum(), axis=1)  # (pattern, part)
    rank = np.empty_like(alike)
    rank[np.argsort(alike, kind="stable")] = np.arange(len(alike)) - np.repeat(np.cumsum(counts) - counts, counts)
    parts: IntArray = (rank[:, None] >= ends[alike]).sum(axis=1)
    return np.where(parts < len(sizes), parts, -1)


def _contiguous_where_alike(parts: IntArray, alike: IntArray) -> IntArray:
    """Reorder parts among rows of the same strata so that they follow the order of the rows."""
    ordered = np.empty_like(parts)
    ordered[np.argsort(alike, kind="stable")] = parts[np.lexsort((parts, alike))]
    return ordered


def _deal_units(counts: sparse.csr_array, sizes: IntArray, parts: IntArray, order: IntArray, *, exact: bool) -> None:
    """Fill in the parts, -1 so far, of rows or groups of them in the given order; ``counts`` is (unit, stratum)."""
    totals = counts.sum(axis=0)
    dealt = sparse.csr_array(parts == np.arange(len(sizes))[:, None], dtype=np.float64) @ counts
    lacks = np.outer(sizes / sizes.sum(), totals) - dealt.toarray()  # (part, stratum)
    # A part of no rows is closed, even where others have more than enough.
    expected = np.where(sizes > 0, sizes, np.inf)[:, None] * totals
    for unit in order[parts[order] < 0]:
        of_unit = slice(*counts.indptr[unit : unit + 2])
        strata, added = counts.indices[of_unit], counts.data[of_unit]
        need = (lacks[:, strata] / expected[:, strata]) @ added
        is_open = lacks[:, 0] > 0.5 if exact else sizes > 0
        # Rounding keeps sums of fractions that are equal on paper from being told apart.
        part = np.argmax(np.where(is_open, np.round(need, 12), -np.inf))
        parts[unit] = part
        lacks[part, strata] -= added
