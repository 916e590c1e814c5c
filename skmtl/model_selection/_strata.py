"""What a stratified split has to spread: each task's labelled rows, and those of each of its classes or bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmtl.inputs import LabelMatrix, read_labels

IntArray = NDArray[np.intp]
MOST_WHOLE_NUMBERS = 20  # of more distinct values than these, whole numbers are quantities rather than classes


def read_strata(y: Any, n_bins: int, missing_label: object) -> tuple[LabelMatrix, NDArray[np.bool_]]:
    """Read y and tell which rows are in which stratum, ``(n_samples, n_strata)``.

    Raises
    ------
    ValueError
        If y is missing, or a task has fewer than 2 labels.
    """
    if y is None:
        raise ValueError("y is None, but its labels are what is stratified. Pass y, or use sklearn's KFold.")
    labels = read_labels(y, missing_label)
    for name, count in zip(labels.names, labels.observed.sum(axis=0), strict=True):
        if count < 2:
            raise ValueError(
                f"Task {name!r} has {count} labels; every task needs at least 2 to be split. "
                "Remove the column or label more of its rows."
            )
    strata = [_strata(column, seen, n_bins) for column, seen in zip(labels.columns, labels.observed.T, strict=True)]
    return labels, np.hstack(strata)


def _strata(column: np.ndarray, seen: NDArray[np.bool_], n_bins: int) -> NDArray[np.bool_]:
    """Strata of one task: labelled, then each class or bin; ``(n_samples, 1 + n_values)``."""
    codes = _codes(column[seen], n_bins)
    strata = np.zeros((len(column), codes.max() + 2), dtype=bool)
    strata[seen, 0] = True
    strata[np.flatnonzero(seen), codes + 1] = True
    return strata


def _codes(labels: np.ndarray, n_bins: int) -> IntArray:
    """Class or quantile bin of each label."""
    values, codes = np.unique(labels, return_inverse=True)
    is_quantity = labels.dtype.kind in "iuf" and (len(values) > MOST_WHOLE_NUMBERS or bool((values % 1 != 0).any()))
    if not is_quantity:
        return codes.reshape(-1)
    inner = np.quantile(labels, np.linspace(0, 1, n_bins + 1)[1:-1])
    return np.searchsorted(np.unique(inner), labels, side="right")


def read_units(groups: Any, n_samples: int, n_parts: int) -> IntArray | None:
    """Return the number of each row's group, or None without groups.

    Raises
    ------
    ValueError
        If there are fewer groups than parts.
    """
    if groups is None:
        return None
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    n_groups = int(codes.max()) + 1
    if n_groups < n_parts:
        raise ValueError(
            f"groups has {n_groups} distinct values, but each of the {n_parts} parts needs a group of its own. "
            "Ask for fewer parts, or split without groups."
        )
    return codes


def require_trainable(train: NDArray[np.bool_], labels: LabelMatrix, split: int) -> None:
    """Check that every task has a label among the training rows.

    Raises
    ------
    ValueError
        If one has none.
    """
    lost = ~labels.observed[train].any(axis=0)
    if lost.any():
        raise ValueError(
            f"Split {split} leaves no label of task {labels.names[lost.argmax()]!r} to train on. Remove the column, "
            "label more of its rows, or try another random_state."
        )
