"""Products of two dense matrices at some cells only, and of a matrix of these cells with a dense one."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from scipy import sparse
from torch import Tensor


class CellPattern:
    """Some cells of a matrix, row by row.

    Parameters
    ----------
    cells : CSR array of shape (row, column)
        Its stored cells; the values do not matter.
    device : torch.device
        Where to compute.

    Attributes
    ----------
    row, column : Tensor of shape (cell,), int
        Where each cell is.
    """

    def __init__(self, cells: sparse.csr_array, device: torch.device) -> None:
        self.shape, order = cells.shape, np.arange(cells.nnz, dtype=np.int32)
        by_column = sparse.csr_array((order, cells.indices, cells.indptr), shape=cells.shape).tocsc()
        of_rows = np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr))
        self.row, self.column = (
            torch.from_numpy(index.astype(np.int64)).to(device) for index in (of_rows, cells.indices)
        )
        self._order = torch.from_numpy(by_column.data.astype(np.int64)).to(device)
        self._by_row, self._by_column = (
            [torch.from_numpy(index.astype(np.int32)).to(device) for index in (own.indptr, own.indices)]
            for own in (cells, by_column)
        )

    def by_row(self, values: Tensor) -> Tensor:
        """Sparse matrix ``(row, column)`` with values ``(cell,)``."""
        return _compressed(self._by_row, values, self.shape)

    def by_column(self, values: Tensor) -> Tensor:
        """The same transposed, ``(column, row)``."""
        return _compressed(self._by_column, values.index_select(0, self._order), self.shape[::-1])

    def products(self, left: Tensor, right: Tensor) -> Tensor:
        """Products ``(cell,)`` of rows of two matrices, ``(row, width)`` and ``(column, width)``."""
        pattern = self.by_row(left.new_zeros(len(self.column)))
        values: Tensor = torch.sparse.sampled_addmm(pattern, left, right.T, beta=0.0).values()
        return values


def _compressed(places: list[Tensor], values: Tensor, shape: tuple[int, ...]) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)  # given once a process
        ends, indices = places
        return torch.sparse_csr_tensor(ends, indices, values, shape, check_invariants=False)
