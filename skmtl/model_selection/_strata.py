"""What a stratified split has to spread: each task's labelled rows, and those of each of its classes or bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmtl.inputs import LabelMatrix, group_codes, read_labels
from skmtl.model_selection._stratification import IntArray

MAX_BINNED_CLASSES = 20  # where numbers are binned, whole ones of more distinct values are binned, too


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
