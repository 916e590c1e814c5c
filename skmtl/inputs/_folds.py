"""Which rows each member holds out: dealt by the content of distinct rows, so that duplicates stay together."""

from __future__ import annotations

import numpy as np

from skmtl.inputs._labels import LabelMatrix


def label_codes(labels: LabelMatrix) -> np.ndarray:
    """Rank of each label among those of its task, 0 where there is none; ``(n, n_tasks)``."""
    codes = np.zeros(labels.observed.shape)
    for k, column in enumerate(labels.columns):
        seen = labels.observed[:, k]
        codes[seen, k] = 1 + np.unique(column[seen], return_inverse=True)[1]
    return codes


def deal(hashes: np.ndarray, n_folds: int) -> np.ndarray:
    """Fold of each row, ``(n,)``: the distinct hashes in their order, dealt round-robin."""
    _, rank = np.unique(hashes, return_inverse=True)
    fold: np.ndarray = rank % n_folds
    return fold


def held_out_rows(fold: np.ndarray, members: int, n_folds: int) -> np.ndarray:
    """Whether member k holds out a row, which it does with the rows of fold k modulo ``n_folds``; ``(member, n)``."""
    held_out: np.ndarray = fold[None, :] == (np.arange(members) % n_folds)[:, None]
    return held_out
