"""Labels of which only the stored cells are kept, where a matrix of all cells would be too large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import scipy.sparse as sp

MANY_CELLS = 1 << 24  # cells of y up to which all of them are kept, which is faster and leaves every method open
MANY_TASKS = 1024  # at least skmtl.layers.WIDE, from which a network can compute single outputs
SMALL_SHARE = 0.25  # of the cells; of more, a matrix of all of them is not much larger


def keeps_stored(y: Any) -> bool:
    """Whether of a sparse y only the stored cells should be kept."""
    n_rows, n_tasks = y.shape
    many = n_tasks >= MANY_TASKS and n_rows * n_tasks > MANY_CELLS
    return bool(many and y.nnz <= SMALL_SHARE * n_rows * n_tasks)


class StoredColumns(Sequence[np.ndarray]):
    """Columns of labels, each of which is made when it is asked for; 0 where nothing is stored.

    Parameters
    ----------
    stored : csc_array of shape (n, n_tasks)
        The labels.
    """

    def __init__(self, stored: sp.csc_array) -> None:
        self.stored = stored

    def __len__(self) -> int:
        return int(self.stored.shape[1])

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        """Labels of one or several tasks, ``(n,)`` each."""
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        column = np.zeros(self.stored.shape[0], dtype=self.stored.dtype)
        rows, labels = cells_of_column(self.stored, index)
        column[rows] = labels
        return column


def cells_of_column(stored: Any, column: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and values of the cells that are stored in a column."""
    cells = slice(stored.indptr[column], stored.indptr[column + 1])
    return stored.indices[cells], stored.data[cells]


def with_values(pattern: Any, values: np.ndarray) -> Any:
    """Sparse array of the same cells with other values."""
    return type(pattern)((values, pattern.indices, pattern.indptr), shape=pattern.shape)
