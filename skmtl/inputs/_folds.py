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
    cells = _stored_codes(labels.columns).tocsr()
    constants: np.ndarray = np.random.default_rng(seed).integers(0, 2**64, (cells.shape[1],), dtype=np.uint64)
    without = _mix(np.zeros(len(constants)), constants)  # what a cell without a label counts
    hashes: np.ndarray = _row_sums(_mix(cells.data, constants[cells.indices]) - without[cells.indices], cells.indptr)
    hashes += without.sum(dtype=np.uint64)
    return hashes


def _stored_codes(columns: StoredColumns) -> sp.csc_array:
    """As :func:`label_codes`, of stored cells."""
    stored = columns.stored
    codes = np.concatenate(
        [1 + np.unique(cells_of_column(stored, k)[1], return_inverse=True)[1] for k in range(stored.shape[1])]
    )
    cells: sp.csc_array = with_values(stored, codes.astype(np.float64))
    return cells


def label_codes(labels: LabelMatrix) -> np.ndarray:
    """Rank of each label among those of its task, 0 where there is none; ``(n, n_tasks)``."""
    codes = np.zeros(labels.observed.shape)
    for k, column in enumerate(labels.columns):
        seen = labels.observed[:, k]
        codes[seen, k] = 1 + np.unique(column[seen], return_inverse=True)[1]
    return codes


def row_units(features: np.ndarray, contents: np.ndarray, labels: LabelMatrix) -> np.ndarray:
    """Equal numbers for rows that are held out together, by hashes of their features and of all that they contain.

    These are copies, and rows with the same features but labels of other tasks: a row that was written down task by
    task, whose labels tell of one another. Rows with the same features and different labels of a task are different.

    Parameters
    ----------
    features, contents : ndarray of shape (n,)
        Hashes of the features, and of features and labels.
    labels : LabelMatrix
        The labels.

    Returns
    -------
    ndarray of shape (n,)
        The features' hash where rows are joined, else that of the contents.
    """
    n_tasks, n_labels = labels.observed.shape[1], np.asarray(labels.observed.sum(axis=1)).reshape(-1)
    labelled = n_labels > 0
    if (n_labels[labelled] == n_tasks).all():  # then different rows differ in a label of a task
        return contents
    order = np.flatnonzero(labelled)[np.lexsort((contents[labelled], features[labelled]))]
    same, copies = (values[order[1:]] == values[order[:-1]] for values in (features, contents))
    repeated = np.unique(features[order[1:]][same & ~copies])
    if not len(repeated):
        return contents
    rows, tasks, codes = _labelled_cells(labels)
    group = np.searchsorted(repeated, features).clip(max=len(repeated) - 1)
    joined = repeated[group] == features
    kept = joined[rows]
    cells, codes = group[rows[kept]] * n_tasks + tasks[kept], codes[kept]
    order = np.argsort(cells, kind="stable")
    differs = (np.diff(cells[order]) == 0) & (np.diff(codes[order]) != 0)
    agrees = np.ones(len(repeated), dtype=bool)
    agrees[cells[order][1:][differs] // n_tasks] = False
    units: np.ndarray = np.where(joined & agrees[group], features, contents)
    return units


def _labelled_cells(labels: LabelMatrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, task, and rank of the label among those of its task, of each cell that has one."""
    if isinstance(labels.columns, StoredColumns):
        cells = _stored_codes(labels.columns).tocoo()
        return cells.row.astype(np.int64), cells.col.astype(np.int64), cells.data
    codes = label_codes(labels)
    rows, tasks = np.nonzero(codes)
    return rows, tasks, codes[rows, tasks]


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
