"""Which rows each member holds out: dealt by the content of distinct rows, so that duplicates stay together."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from skmtl.inputs._labels import LabelMatrix
from skmtl.inputs._stored import StoredColumns, cells_of_column, with_values

HASHED_CELLS = 1 << 22  # cells hashed at a time
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def row_hashes(encoded: np.ndarray | sp.csr_array, seed: int) -> np.ndarray:
    """A 64-bit number for each row that depends on its content and the seed only, ``(n,)``."""
    constants: np.ndarray = np.random.default_rng(seed).integers(0, 2**64, (encoded.shape[1],), dtype=np.uint64)
    if sp.issparse(encoded):
        return _row_sums(_mix(encoded.data, constants[encoded.indices]), encoded.indptr)
    step = max(HASHED_CELLS // max(encoded.shape[1], 1), 1)
    parts = [
        _mix(encoded[start : start + step], constants).sum(1, dtype=np.uint64)
        for start in range(0, encoded.shape[0], step)
    ]
    hashes: np.ndarray = np.concatenate(parts)
    return hashes


def _row_sums(values: np.ndarray, row_ends: np.ndarray) -> np.ndarray:
    """Sums of values that stand row by row, ``(n,)``."""
    ends = np.concatenate([[np.uint64(0)], np.cumsum(values, dtype=np.uint64)])  # wraps around, as the sums do
    total: np.ndarray = ends[row_ends[1:]] - ends[row_ends[:-1]]
    return total


def _mix(values: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Scramble the bits of each number (the finaliser of splitmix64); -0.0 counts as 0.0."""
    bits: np.ndarray = np.ascontiguousarray(values.astype(np.float64) + 0.0).view(np.uint64) + constants
    bits ^= bits >> np.uint64(30)
    bits *= _MIX[0]
    bits ^= bits >> np.uint64(27)
    bits *= _MIX[1]
    bits ^= bits >> np.uint64(31)
    return bits


def label_hashes(labels: LabelMatrix, seed: int) -> np.ndarray:
    """A number for each row that depends on its labels and the seed only, ``(n,)``."""
    if not isinstance(labels.columns, StoredColumns):
        return row_hashes(label_codes(labels), seed)
    stored = labels.columns.stored
    codes = np.concatenate(
        [1 + np.unique(cells_of_column(stored, k)[1], return_inverse=True)[1] for k in range(stored.shape[1])]
    )
    cells = with_values(stored, codes.astype(np.float64)).tocsr()
    constants: np.ndarray = np.random.default_rng(seed).integers(0, 2**64, (stored.shape[1],), dtype=np.uint64)
    without = _mix(np.zeros(len(constants)), constants)  # what a cell without a label counts
    hashes: np.ndarray = _row_sums(_mix(cells.data, constants[cells.indices]) - without[cells.indices], cells.indptr)
    hashes += without.sum(dtype=np.uint64)
    return hashes


def label_codes(labels: LabelMatrix) -> np.ndarray:
    """Rank of each label among those of its task, 0 where there is none; ``(n, n_tasks)``."""
    codes = np.zeros(labels.observed.shape)
    for k, column in enumerate(labels.columns):
        seen = labels.observed[:, k]
        codes[seen, k] = 1 + np.unique(column[seen], return_inverse=True)[1]
    return codes


def held_out_rows(hashes: np.ndarray, members: int, n_folds: int, n_peers: int = 1) -> np.ndarray:
    """Whether a member holds out a row, ``(member, n)``: distinct hashes, in order, are dealt to folds in turn."""
    fold = np.unique(hashes, return_inverse=True)[1] % n_folds
    return take_turns(fold == np.arange(n_folds)[:, None], members, n_peers)


def take_turns(parts: np.ndarray, members: int, n_peers: int = 1) -> np.ndarray:
    """Rows of each member, ``(member, n)``, of the ``parts`` of splits: cohort k takes split k modulo their number.

    A cohort is ``n_peers`` neighbouring members. They hold out the same rows, as a peer could pass labels on.
    """
    cohort = np.arange(members) // n_peers
    taken: np.ndarray = parts[cohort % len(parts)]
    return taken
