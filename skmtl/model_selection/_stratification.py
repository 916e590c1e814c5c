"""Iterative stratification: the strata of a label matrix with missing cells, and how rows are dealt by them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skmtl.inputs import LabelMatrix, group_codes, read_labels

IntArray = NDArray[np.intp]

MAX_BINNED_CLASSES = 20  # where numbers are binned, whole ones of more distinct values are binned, too
MAX_PARTS = 16  # dealt to at a time: bounds the memory beside the labels


def read_strata(y: Any, n_bins: int | None, missing_label: object) -> tuple[LabelMatrix, IntArray]:
    """Read y and number the strata of each row, -1 for none, ``(n_samples, 2 n_tasks)``.

    The first half are the tasks that have a label, the second half its classes or bins; ``n_bins`` None spreads numbers
    by their whole values only.

    Raises
    ------
    ValueError
        If y is missing, or a task has fewer than 2 labels.
    """
    if y is None:
        raise ValueError("y is None, but its labels are what is stratified. Pass y, or use sklearn's KFold.")
    labels = read_labels(y, missing_label)
    _require_two_labels(labels)
    n_tasks = n_strata = len(labels.names)
    strata = np.full((len(labels.observed), 2 * n_tasks), -1, dtype=np.intp)
    for task, column in enumerate(labels.columns):
        seen = labels.observed[:, task]
        codes = _codes(column[seen], n_bins)
        strata[seen, task] = task
        strata[seen, n_tasks + task] = np.where(codes < 0, -1, codes + n_strata)
        n_strata += codes.max() + 1
    return labels, strata


def _require_two_labels(labels: LabelMatrix) -> None:
    counts = zip(labels.names, labels.observed.sum(axis=0), strict=True)
    few = [f"{name!r} ({count})" for name, count in counts if count < 2]
    if few:
        raise ValueError(
            f"Every task needs at least 2 labels to be split; too few in task {', '.join(few)}. "
            "Remove the column or label more of its rows."
        )


def _codes(labels: np.ndarray, n_bins: int | None) -> IntArray:
    """Class or quantile bin of each label; -1 where a number is in none, or a class is in one row only."""
    values, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_number = labels.dtype.kind in "iuf"
    fractional = is_number and bool((values % 1 != 0).any())
    if n_bins is None and fractional:
        return np.full(len(labels), -1, dtype=np.intp)
    if n_bins is not None and (fractional or (is_number and len(values) > MAX_BINNED_CLASSES)):
        inner = np.quantile(labels, np.linspace(0, 1, n_bins + 1)[1:-1])
        bins = np.searchsorted(np.unique(inner), labels, side="right")
        return np.unique(bins, return_inverse=True)[1]  # the first is empty where many have the least value
    repeated: IntArray = np.where(counts > 1, np.cumsum(counts > 1) - 1, -1)
    return repeated[codes.reshape(-1)]


def read_groups(groups: Any, n_samples: int, n_parts: int) -> IntArray | None:
    """Return the number of each row's group, or None without groups.

    Raises
    ------
    ValueError
        If there are fewer groups than parts, or they are not one for each row.
    """
    if groups is None:
        return None
    codes = group_codes(groups, n_samples)
    n_groups = int(codes.max()) + 1
    if n_groups < n_parts:
        raise ValueError(
            f"groups has {n_groups} distinct values, but each of the {n_parts} parts needs a group of its own. "
            "Ask for fewer parts, or split without groups."
        )
    return codes


def keep_trainable(folds: IntArray, observed: NDArray[np.bool_], n_splits: int) -> IntArray:
    """Swap pairs of rows while that lowers the number of tasks that have all labels in one fold."""
    lost = np.any([lost_tasks(folds != fold, observed) for fold in range(n_splits)], axis=0)
    for task in np.flatnonzero(lost):
        for row in np.flatnonzero(observed[:, task]):
            change = _change_by_swap(folds, observed, row, n_splits)
            other = change.argmin()
            if change[other] < 0:
                folds[[row, other]] = folds[[other, row]]
                break
    return folds


def lost_tasks(train: NDArray[np.bool_], observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which tasks have no label among the training rows, ``(n_tasks,)``."""
    return np.asarray(~observed[train].any(axis=0))


def _change_by_swap(folds: IntArray, observed: NDArray[np.bool_], row: np.intp, n_splits: int) -> IntArray:
    """Change in the number of lost tasks by swapping `row` with each other row, ``(n_samples,)``."""
    labels = observed.astype(np.intp)
    counts = np.stack([labels[folds == fold].sum(axis=0) for fold in range(n_splits)])
    lost = (counts == labels.sum(axis=0)).sum(axis=1)
    gain = labels - labels[row]
    lost_here = (counts[folds[row]] + gain == labels.sum(axis=0)).sum(axis=1)
    lost_there = (counts[folds] - gain == labels.sum(axis=0)).sum(axis=1)
    change = lost_here + lost_there - lost[folds[row]] - lost[folds]
    return np.where(folds == folds[row], 0, change)


def require_trainable(train: NDArray[np.bool_], labels: LabelMatrix, split: int) -> None:
    """Check that every task has a label among the training rows.

    Raises
    ------
    ValueError
        If one has none.
    """
    lost = lost_tasks(train, labels.observed)
    if lost.any():
        raise ValueError(
            f"Split {split} leaves no label of task {labels.names[lost.argmax()]!r} to train on. Remove the column, "
            "label more of its rows, or shuffle with another random_state."
        )


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
