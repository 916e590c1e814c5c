"""Iterative stratification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]

MAX_PARTS = 16  # dealt to at a time: bounds the memory beside the labels


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


def draw(strata: IntArray, size: int, groups: IntArray | None, rows: IntArray, rng: np.random.RandomState) -> IntArray:
    """Rows of a stratified sample of ``rows`` in which every row, or group of rows, is as likely as any other.

    The rows are dealt to as many equal parts as there can be, no more than there are groups, and one of the parts is
    taken by lot. What does not go
    into equal parts is drawn before in the same way, or by lot where it is so little that no stratum feels it.

    Parameters
    ----------
    strata, groups
        Of all rows, as for :func:`deal`.
    size : int
        Number of rows to draw; about so many where groups stay together.
    rows : ndarray of shape (n,)
        Indices of the rows to draw from.
    rng : RandomState
        Source of the lots.

    Returns
    -------
    ndarray of shape (size,)
        Indices of the rows drawn.
    """
    if size in (0, len(rows)):
        return rows[:size]
    if 2 * size > len(rows):
        return np.setdiff1d(rows, draw(strata, len(rows) - size, groups, rows, rng))
    n_parts, n_groups = len(rows) // size, len(rows if groups is None else np.unique(groups[rows]))
    over = len(rows) - n_parts * size
    if n_groups <= n_parts:
        n_parts = n_groups  # a part is a group, however large
    elif over:
        few = 4 * over <= n_parts**2
        rows = np.setdiff1d(rows, _by_lot(over, groups, rows, rng) if few else draw(strata, over, groups, rows, rng))
    shares = np.bincount(np.arange(n_parts) % MAX_PARTS)  # of a part: so many parts of the sample's size are in it
    ends = np.round(len(rows) * shares.cumsum() / n_parts).astype(np.intp)
    units = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
    parts = deal(_renumbered(strata[rows]), np.diff(ends, prepend=0), units, rng.permutation(len(rows)))
    chosen = rng.choice(len(shares), p=shares / n_parts)
    part: IntArray = rows[parts == chosen]
    return part if shares[chosen] == 1 or len(part) == len(rows) else draw(strata, size, groups, part, rng)


def _by_lot(size: int, groups: IntArray | None, rows: IntArray, rng: np.random.RandomState) -> IntArray:
    """Rows, or groups of no more than ``size`` rows together, drawn without regard to strata."""
    if groups is None:
        shuffled: IntArray = rng.permutation(rows)
        return shuffled[:size]
    order = rng.permutation(np.unique(groups[rows]))
    counts = np.bincount(groups[rows], minlength=groups.max() + 1)[order]
    drawn: IntArray = rows[np.isin(groups[rows], order[counts.cumsum() <= size])]
    return drawn


def _renumbered(strata: IntArray) -> IntArray:
    """Strata numbered from 0 without gaps; -1 stays -1."""
    numbers, codes = np.unique(strata, return_inverse=True)
    renumbered: IntArray = codes.reshape(strata.shape) - (numbers[0] < 0)
    return renumbered


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
    wants = lacks / expected
    rooms = lacks[:, 0] if exact else np.where(sizes > 0, np.inf, 0.0)
    closed = np.where(rooms > 0.5, 0.0, -np.inf)
    units = order[parts[order] < 0]
    starts, ends = counts.indptr[units].tolist(), counts.indptr[units + 1].tolist()
    for unit, start, end in zip(units.tolist(), starts, ends, strict=True):
        strata, added = counts.indices[start:end], counts.data[start:end]
        need = wants.take(strata, axis=1) @ added
        # Rounding keeps sums of fractions that are equal on paper from being told apart.
        part = int((need.round(12) + closed).argmax())
        parts[unit] = part
        wants[part, strata] -= added / expected[part, strata]
        rooms[part] -= 1
        if rooms[part] <= 0.5:
            closed[part] = -np.inf
