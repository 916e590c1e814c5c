"""Encoded rows and targets, resident where the network computes, and the batches taken from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Protocol

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from skmtl.processes import Collective
from skmtl.training._batch import Batch, TileBatch, cells_of, rows_of
from skmtl.training._streams import shuffled

BLOCK_BYTES = 1 << 20  # rows gathered at a time: large enough to amortise the calls, small enough for the cache


def as_tensor(values: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Values as a tensor, without a copy where type and device allow; torch would warn of read-only memory."""
    writeable = values if values.flags.writeable else values.copy()
    return torch.as_tensor(writeable, dtype=dtype, device=device)


class Rows(Protocol):
    """Encoded rows of X."""

    n_rows: int
    n_features: int

    def take(self, rows: Tensor | slice) -> Tensor:
        """Rows as a dense tensor ``(1 or member, len(rows), n_features)``."""
        ...


class DenseRows:
    """Encoded rows in one tensor.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
        Encoded rows.
    dtype : torch.dtype
        Type to compute in.
    device : torch.device
        Where to compute.
    """

    def __init__(self, values: np.ndarray, dtype: torch.dtype, device: torch.device) -> None:
        self.n_rows, self.n_features = values.shape
        self._values = as_tensor(values, dtype, device)  # rows are never written to

    def take(self, rows: Tensor | slice) -> Tensor:
        """See :class:`Rows`."""
        return rows_of(self._values, rows)


class SparseRows:
    """Encoded rows in compressed sparse form, made dense a block at a time.

    Parameters
    ----------
    values : CSR array of shape (n, n_features)
        Encoded rows.
    dtype : torch.dtype
        Type to compute in.
    device : torch.device
        Where to compute.
    """

    def __init__(self, values: sparse.csr_array, dtype: torch.dtype, device: torch.device) -> None:
        self.n_rows, self.n_features = values.shape
        self._values, self._dtype, self._device = values, dtype, device

    def take(self, rows: Tensor | slice) -> Tensor:
        """See :class:`Rows`."""
        index = rows if isinstance(rows, slice) else rows.cpu().numpy()
        return torch.tensor(self._values[index].toarray(), dtype=self._dtype, device=self._device)[None]


class Data(ABC):
    """What the members of a run learn from, or are judged by.

    Attributes
    ----------
    n_rows, n_features : int
        Largest number of rows that a member goes through in an epoch, width of an encoded row.
    counts : Tensor of shape (member, 1) or None
        Number of rows of each member, where they differ.
    totals : Tensor of shape (1 or member, task)
        Total weight of each task.
    row_bytes : int
        Memory of a row of a batch.
    parts : tuple of int
        Numbers of neighbouring members that share the rows of a batch, where neither all do nor each has its own.
    epochs_per_pass, tasks : int, slice
        An epoch is one of so many parts of the rows. Tasks that batches have labels of.
    keeps_stored : bool
        Whether batches have the cells with a label only.
    """

    n_rows: int
    n_features: int
    totals: Tensor
    row_bytes: int
    parts: tuple[int, ...] = ()
    counts: Tensor | None = None
    epochs_per_pass: int = 1
    tasks: slice = slice(None)
    keeps_stored: bool = False

    @abstractmethod
    def select(self, members: Tensor) -> Data:
        """Data of some of the members, which rise."""

    @property
    def rows_per_weight(self) -> Tensor:
        """Number of rows over the total weight of each of ``tasks``, ``(1 or member, task)``; 0 without a label."""
        n_rows = self.n_rows if self.counts is None else self.counts
        return torch.where(self.totals > 0, n_rows / self.totals, 0.0)[:, self.tasks]

    def sliced(self, collective: Collective) -> Data:
        """Slices of the batches, where other processes learn from the rest."""
        return self

    def mean_losses(self, sums: Tensor) -> Tensor:
        """Mean losses ``(member, task)`` from their weighted sums over an epoch; NaN without a label."""
        return sums / self.totals

    @abstractmethod
    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """The rows of an epoch, in the order that the generator of each part draws; the last batch may be smaller.

        ``epoch`` counts within a pass over all rows, at whose beginning the generators are.
        """

    def batches_by_tile(
        self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0
    ) -> Iterator[Batch | TileBatch]:
        """The same batches, whose labels are gathered for a tile of the tasks at a time where the data can."""
        return self.batches(batch_size, orders, epoch)


class IndexedData(Data):
    """Data of which any rows can be asked for."""

    @abstractmethod
    def take(self, rows: Tensor | slice) -> Batch:
        """Gather rows."""

    @abstractmethod
    def x_at(self, rows: Tensor) -> Tensor:
        """Encoded rows ``(1 or member, row, feature)`` at ``(1 or member, row)``."""

    @abstractmethod
    def cells_at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Targets and weights of cells, not of rows, ``(1 or member, row, task)`` at ``(1 or member, row)``."""

    @abstractmethod
    def select(self, members: Tensor) -> IndexedData:
        """Data of some of the members, which rise."""

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """All rows in each epoch; see :class:`Data`."""
        if batch_size >= self.n_rows:
            yield self.take(slice(None))
        else:
            rows = torch.from_numpy(self.permutation(orders)).to(self.totals.device)
            whole, rest = divmod(self.n_rows, batch_size)
            yield from self.cut(rows, [batch_size] * whole + [rest] * (rest > 0))

    def cut(self, rows: Tensor, sizes: Sequence[int]) -> Iterator[Batch]:
        """Batches of these rows, ``(row,)`` or ``(part, row)``, in their order, of so many rows each."""
        per_block = max(BLOCK_BYTES // (self.row_bytes * max(sizes, default=1)), 1)
        blocks = [list(sizes[first : first + per_block]) for first in range(0, len(sizes), per_block)]
        for own, block_rows in zip(blocks, rows.split_with_sizes([sum(own) for own in blocks], -1), strict=True):
            block = self.take(block_rows.long())
            parts = (repeat(None) if part is None else part.split_with_sizes(own, 1) for part in block[:-1])
            yield from map(Batch, *parts)  # nothing is copied

    @abstractmethod
    def permutation(self, orders: Sequence[np.random.Generator]) -> np.ndarray:
        """Draw an order of the rows: ``(row,)``, or ``(part, row)`` where parts of the members have different rows."""


class TrainingData(IndexedData):
    """Rows, targets and the weight of every cell for every member.

    Parameters
    ----------
    rows : Rows
        Encoded rows.
    targets : Tensor of shape (n, n_tasks)
        Encoded labels, anything finite where a label is missing.
    cell_weights : Tensor of shape (n, n_tasks) or (member, n, n_tasks)
        Weight of each cell, 0 where a label is missing; for each member where class weights differ between them.
    row_mask : Tensor of shape (member, n), optional
        1 where a member may learn from a row, 0 where it holds the row out; None: all may learn from all.
    """

    def __init__(self, rows: Rows, targets: Tensor, cell_weights: Tensor, row_mask: Tensor | None = None) -> None:
        self.rows, self.n_rows = rows, rows.n_rows
        self.targets, self.cell_weights, self.row_mask = targets.contiguous(), cell_weights, row_mask
        self.is_unweighted = row_mask is None and bool((cell_weights.amin() == 1) & (cell_weights.amax() == 1))
        if row_mask is None:
            self.totals = cell_weights.sum(-2).view(-1, targets.shape[1])  # (1 or member, task)
        elif cell_weights.ndim == 2:
            self.totals = row_mask @ cell_weights
        else:
            self.totals = (row_mask[:, None] @ cell_weights)[:, 0]
        self.n_features = rows.n_features
        self.row_bytes = targets.element_size() * (rows.n_features + 2 * targets.shape[1])

    @classmethod
    def stack(cls, parts: Sequence[TrainingData], members: Sequence[int]) -> TrainingData:
        """Data of fits to the same rows and targets, of so many members each, whose weights may differ."""
        first = parts[0]
        if len(parts) == 1:
            return first
        masks = [part.row_mask for part in parts if part.row_mask is not None]
        row_mask = torch.cat(masks) if masks else None
        cells = first.cell_weights
        if not all(part.cell_weights is cells or torch.equal(part.cell_weights, cells) for part in parts):
            each = zip(parts, members, strict=True)
            cells = torch.cat([part.cell_weights.expand(count, -1, -1) for part, count in each])
        return cls(first.rows, first.targets, cells, row_mask)

    @property
    def identity(self) -> tuple[Tensor | None, ...]:
        """What fits to the same rows and targets may differ in."""
        return self.cell_weights, self.row_mask

    def select(self, members: Tensor) -> TrainingData:
        """Data of some of the members."""
        cells = self.cell_weights if self.cell_weights.ndim == 2 else self.cell_weights[members]
        return TrainingData(self.rows, self.targets, cells, None if self.row_mask is None else self.row_mask[members])

    def take(self, rows: Tensor | slice) -> Batch:
        """See :class:`IndexedData`."""
        x, targets = self.rows.take(rows), cells_of(self.targets, rows)
        if self.is_unweighted:
            return Batch(x, targets)
        cells = cells_of(self.cell_weights, rows)
        if self.row_mask is None:
            return Batch(x, targets, cells, None, cells)
        mask = self.row_mask[:, rows]
        return Batch(x, targets, cells, mask, cells * mask[:, :, None])

    def batches_by_tile(
        self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0
    ) -> Iterator[Batch | TileBatch]:
        """See :class:`Data`."""
        if batch_size >= self.n_rows:
            yield self.take(slice(None))  # nothing is gathered
            return
        cells = None if self.is_unweighted else self.cell_weights
        for rows in torch.from_numpy(self.permutation(orders)).to(self.totals.device).long().split(batch_size):
            mask = None if self.row_mask is None else self.row_mask[:, rows]
            yield TileBatch(self.rows.take(rows), self.targets, cells, rows, mask)

    def permutation(self, orders: Sequence[np.random.Generator]) -> np.ndarray:
        """See :class:`IndexedData`."""
        return shuffled(self.n_rows, *orders)

    def x_at(self, rows: Tensor) -> Tensor:
        """See :class:`Data`."""
        gathered: Tensor = self.rows.take(rows.flatten())[0].unflatten(0, rows.shape)
        return gathered

    def cells_at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Data`."""
        return cells_of(self.targets, rows), cells_of(self.cell_weights, rows)
