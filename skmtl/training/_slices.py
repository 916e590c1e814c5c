"""Batches of which each process of a group takes a slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from skmtl.processes import Collective, part_of
from skmtl.training._batch import Batch
from skmtl.training._data import Data, IndexedData
from skmtl.training._data_view import DataView


def slice_of(n_rows: int, collective: Collective) -> slice:
    """Rows of a batch that a process learns from, and a row that will not count instead of none."""
    own = part_of(n_rows, collective.rank, collective.size)
    return slice(own.start, max(own.stop, own.start + 1))


def as_slice(batch: Any, n_rows: int, collective: Collective) -> Any:
    """These rows of a batch of ``n_rows``, with what they must know of it."""
    own = part_of(n_rows, collective.rank, collective.size)
    if n_rows < collective.size:  # so that all processes add up weights, or none
        weights = torch.ones_like(batch.targets) if batch.weights is None else batch.weights
        batch = batch._replace(weights=weights * (own.start < own.stop))
    return batch._replace(counts=batch.targets.new_full((1, 1), n_rows), drawn=(own.start, n_rows))


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

    def select(self, members: torch.Tensor) -> IndexedData:
        """See :class:`IndexedData`."""
        return SlicedData(self.whole.select(members), self._collective)

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """Slices of the batches that ``whole`` gives."""
        if batch_size >= self.n_rows:
            if self._batch is None:  # the same in every epoch
                batch = self.take(slice_of(self.n_rows, self._collective))
                self._batch = as_slice(batch, self.n_rows, self._collective)
            yield self._batch
            return
        batches = torch.from_numpy(self.permutation(orders)).to(self.totals.device).split(batch_size)
        slices = [batch[slice_of(len(batch), self._collective)] for batch in batches]
        cut = self.cut(torch.cat(slices), [len(each) for each in slices])
        for batch, whole in zip(cut, batches, strict=True):
            yield as_slice(batch, len(whole), self._collective)


def sliced(data: Data, collective: Collective) -> Data:
    """Slices of the batches, where other processes learn from the rest."""
    if isinstance(data, IndexedData) and collective.size > 1:
        return SlicedData(data, collective)
    return data.sliced(collective)
