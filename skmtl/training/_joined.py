"""Data of several fits to different rows, stacked: each part of the members goes through batches of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import NARROW
from skmtl.training._batch import Batch
from skmtl.training._data import IndexedData
from skmtl.training._merged import MergedRows

# Batch elements above which one matmul a part beats repeating the rows for each member.
MAX_REPEATED = 1 << 15


def split_members(members: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Split increasing members by part, of so many members each, into indices within the parts."""
    edges = np.cumsum(sizes)
    cuts = np.searchsorted(members.cpu().numpy(), edges[:-1]).tolist()
    starts = [0, *edges[:-1].tolist()]
    return [index - start for index, start in zip(members.tensor_split(cuts), starts, strict=True)]


class JoinedData(IndexedData):
    """Data of several parts of the members, which all take as many steps in an epoch.

    Where parts differ in the number of their rows, all batches but the last of an epoch have rows of all; the last is
    filled up with rows that do not count.

    Parameters
    ----------
    parts : sequence of IndexedData
        One a part.
    sizes : sequence of int
        Number of members of each.
    batch_size : int or None
        Rows of a step, where the network can read rows of parts; None: they are repeated for each member.
    """

    def __init__(self, parts: Sequence[IndexedData], sizes: Sequence[int], batch_size: int | None) -> None:
        self.pieces, self.sizes, self.batch_size = tuple(parts), tuple(sizes), batch_size
        self.n_rows, self.n_features = max(part.n_rows for part in parts), parts[0].n_features
        self.totals = self._for_members([part.totals for part in parts])
        copied = (batch_size or 0) * self.n_features * sum(sizes) / len(sizes)
        self.parts = self.sizes if copied > MAX_REPEATED else ()
        repeated = len(self.parts) or sum(sizes)
        self.row_bytes = self.totals.element_size() * (repeated * self.n_features + 2 * self.totals.numel())
        self._whole: Batch | None = None
        lengths = [part.n_rows for part in parts]
        if min(lengths) < self.n_rows:
            self.counts = self._for_members([self.totals.new_full((1, 1), length) for length in lengths])
        self._own: dict[int, tuple[Tensor, Tensor]] = {}
        self._merged = MergedRows.of(parts, sizes, repeats=not self.parts)

    def _for_members(self, tensors: Sequence[Tensor]) -> Tensor:
        """Join what belongs to parts or to their members, ``(1 or member, ...)`` each, for all members."""
        pairs = zip(tensors, self.sizes, strict=True)
        return torch.cat([tensor.expand(size, *tensor.shape[1:]) for tensor, size in pairs])

    def _cells(self, cells: Sequence[Tensor]) -> Tensor:
        """Join cells ``(1 or member, row, task)`` in the outputs' order of memory."""
        if cells[0].shape[2] >= NARROW:
            return self._for_members(cells)
        return self._for_members([values.transpose(1, 2) for values in cells]).transpose(1, 2)

    def select(self, members: Tensor) -> IndexedData:
        """See :class:`Data`."""
        pairs = zip(self.pieces, split_members(members, self.sizes), strict=True)
        selected = [(part.select(index), len(index)) for part, index in pairs if len(index)]
        parts, sizes = zip(*selected, strict=True)
        return parts[0] if len(parts) == 1 else JoinedData(parts, sizes, self.batch_size)

    def permutation(self, orders: Sequence[np.random.Generator]) -> np.ndarray:
        """See :class:`Data`."""
        rows = np.zeros((len(self.pieces), self.n_rows), dtype=np.int64)
        for filled, order, piece in zip(rows, orders, self.pieces, strict=True):
            filled[: piece.n_rows] = piece.permutation([order])
        return rows

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """See :class:`Data`."""
        last = (self.n_rows - 1) // batch_size
        for step, batch in enumerate(super().batches(batch_size, orders)):
            fills = self.counts is not None and step == last
            yield self._without_filling(batch, step * batch_size) if fills else batch

    def _without_filling(self, batch: Batch, first: int) -> Batch:
        """The last batch, with rows from index ``first`` on, where no member learns from what it is filled up with."""
        if first not in self._own:
            assert self.counts is not None
            counts = self.counts - first
            real = torch.arange(batch.targets.shape[1], device=counts.device) < counts
            self._own[first] = real.to(counts.dtype), counts
        real, counts = self._own[first]  # (member, row), (member, 1)
        mask = real if batch.row_mask is None else batch.row_mask * real
        weights = (
            real[:, :, None].expand_as(batch.targets) if batch.weights is None else batch.weights * real[:, :, None]
        )
        return Batch(batch.x, batch.targets, batch.cell_weights, mask, weights, counts)

    def take(self, rows: Tensor | slice) -> Batch:
        """Gather rows ``(part, row)`` of the parts, or a slice of each; see :class:`Data`."""
        if not isinstance(rows, slice):
            if self._merged is not None:
                return self._merged.take(rows)
            return self._join([part.take(index) for part, index in zip(self.pieces, rows, strict=True)])
        if self._whole is None:
            self._whole = self._join([part.take(rows) for part in self.pieces])
        return self._whole

    def _join(self, batches: Sequence[Batch]) -> Batch:
        rows, targets = [batch.x for batch in batches], [batch.targets for batch in batches]
        x = torch.cat(rows) if self.parts else self._for_members(rows)
        cell_weights, weights, row_mask = None, None, None
        if any(batch.cell_weights is not None for batch in batches):
            cell_weights = self._cells(_filled([batch.cell_weights for batch in batches], targets))
        if any(batch.row_mask is not None for batch in batches):
            of_rows = [target[:, :, 0] for target in targets]
            row_mask = self._for_members(_filled([batch.row_mask for batch in batches], of_rows))
            weights = self._cells(_filled([batch.weights for batch in batches], targets))
        return Batch(x, self._cells(targets), cell_weights, row_mask, cell_weights if weights is None else weights)

    def x_at(self, rows: Tensor) -> Tensor:
        """See :class:`Data`."""
        return torch.cat([part.x_at(index) for part, index in self._members(rows)])

    def cells_at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Data`."""
        targets, weights = zip(*(part.cells_at(index) for part, index in self._members(rows)), strict=True)
        return self._cells(targets), self._cells(weights)

    def _members(self, rows: Tensor) -> Iterable[tuple[IndexedData, Tensor]]:
        """Parts with the rows of their members, ``(member, row)``."""
        return zip(self.pieces, rows.split(self.sizes), strict=True)


def _filled(tensors: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Ones in the place of what is None."""
    pairs = zip(tensors, like, strict=True)
    return [other.new_ones(()).expand_as(other) if tensor is None else tensor for tensor, other in pairs]
