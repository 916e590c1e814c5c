"""Batches of which each process of a group takes a slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np
import torch
from torch import Tensor

from skmtl.processes import Collective, part_of
from skmtl.training._data import BLOCK_BYTES, Batch, Data, IndexedData
from skmtl.training._data_view import DataView


class SlicedData(DataView):
    """Rows that all processes of a group have, each of which learns from its slice of every batch.

    Parameters
    ----------
    data : IndexedData
        All rows, the same for all members.
    collective : Collective
        The processes.
    """

    def __init__(self, data: IndexedData, collective: Collective) -> None:
        super().__init__(data)
        self._collective = collective
        self._batch: Batch | None = None

    def select(self, members: Tensor) -> IndexedData:
        """See :class:`IndexedData`."""
        return SlicedData(self.whole.select(members), self._collective)

    def _part(self, n_rows: int) -> slice:
        """Rows of a batch that are this process's; of few, maybe none."""
        return part_of(n_rows, self._collective.rank, self._collective.size)

    def _slice(self, n_rows: int) -> slice:
        """The same, and a row that will not count instead of none."""
        own = self._part(n_rows)
        return slice(own.start, max(own.stop, own.start + 1))

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """Slices of the batches that ``whole`` gives."""
        if batch_size < self.n_rows:
            yield from self._cut(torch.from_numpy(self.permutation(orders)).to(self.totals.device), batch_size)
            return
        if self._batch is None:  # the same in every epoch
            self._batch = self._of_batch(self.take(self._slice(self.n_rows)), self.n_rows)
        yield self._batch

    def _of_batch(self, batch: Batch, n_rows: int) -> Batch:
        """A slice with what it must know of its batch."""
        counts, own = self.totals.new_full((1, 1), n_rows), self._part(n_rows)
        if n_rows < self._collective.size:  # so that all processes add up weights, or none
            weights = torch.ones_like(batch.targets) if batch.weights is None else batch.weights
            batch = batch._replace(weights=weights * (own.start < own.stop))
        return batch._replace(counts=counts, drawn=(own.start, n_rows))

    def _cut(self, rows: Tensor, batch_size: int) -> Iterator[Batch]:
        batches = rows.split(batch_size)
        slices = [batch[self._slice(len(batch))] for batch in batches]
        per_block = max(BLOCK_BYTES // (self.row_bytes * len(slices[0])), 1)
        for first in range(0, len(batches), per_block):
            own = slices[first : first + per_block]
            block, sizes = self.take(torch.cat(own).long()), [len(each) for each in own]
            parts = (repeat(None) if part is None else part.split(sizes, 1) for part in block[:-1])
            for whole, batch in zip(batches[first:], map(Batch, *parts), strict=False):
                yield self._of_batch(batch, len(whole))


def sliced(data: Data, collective: Collective) -> Data:
    """Slices of the batches, where other processes learn from the rest."""
    return SlicedData(data, collective) if collective.size > 1 and isinstance(data, IndexedData) else data
