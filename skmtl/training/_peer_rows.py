"""Batches whose rows are divided among the peers of each cohort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import NARROW
from skmtl.training._batch import Batch
from skmtl.training._data import IndexedData
from skmtl.training._data_view import DataView


class PeerRows(DataView):
    """Data of which each peer of a cohort learns from its own part of every batch, another one in each epoch.

    Parameters
    ----------
    data : IndexedData
        What all learn from.
    n_peers : int
        Peers of a cohort.
    members : int
        Number of members, which make whole cohorts.
    """

    def __init__(self, data: IndexedData, n_peers: int, members: int) -> None:
        super().__init__(data)
        self.n_peers, self.members = n_peers, members
        self._parts: dict[int, tuple[Tensor, Tensor | None, Tensor | None]] = {}

    def select(self, members: Tensor) -> IndexedData:
        """See :class:`Data`; the members make whole cohorts."""
        return PeerRows(self.whole.select(members), self.n_peers, len(members))

    def mean_losses(self, sums: Tensor) -> Tensor:
        """See :class:`Data`; a member goes through its share of the rows only."""
        return self.whole.mean_losses(sums * self.n_peers)

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """See :class:`Data`; rows that are one batch are dealt anew in each epoch, too."""
        if batch_size < self.n_rows:
            yield from map(self._divided, self.whole.batches(batch_size, orders, epoch))
        else:
            rows = torch.from_numpy(self.permutation(orders)).to(self.totals.device)
            yield self._divided(self.whole.take(rows.long()))

    def _divided(self, batch: Batch) -> Batch:
        """Each member's part; where the parts are not equal, the smaller ones are filled up with rows of weight 0."""
        rows, real, counts = self._part_of_members(batch.targets.shape[1])

        def own(values: Tensor | None) -> Tensor | None:
            if values is None:
                return None
            return values[0][rows] if len(values) == 1 else values[torch.arange(self.members)[:, None], rows]

        def cells(values: Tensor | None) -> Tensor | None:
            chosen = own(values)
            if chosen is None or chosen.shape[2] >= NARROW:
                return chosen
            return chosen.transpose(1, 2).contiguous().transpose(1, 2)  # the outputs' order of memory

        x, targets = own(batch.x), cells(batch.targets)
        assert x is not None
        assert targets is not None
        mask, weights = own(batch.row_mask), cells(batch.weights)
        if real is not None:
            mask = real if mask is None else mask * real
            weights = real[:, :, None].expand_as(targets) if weights is None else weights * real[:, :, None]
        return Batch(x, targets, cells(batch.cell_weights), mask, weights, counts)

    def _part_of_members(self, n_rows: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Rows of a batch that each member reads, ``(member, row)``, which of them count, and how many do."""
        if n_rows not in self._parts:
            sizes = torch.tensor([len(part) for part in np.array_split(np.arange(n_rows), self.n_peers)])
            within = torch.arange(int(sizes.max()))
            rows = ((sizes.cumsum(0) - sizes)[:, None] + within).clamp_(max=n_rows - 1)
            real = (within < sizes[:, None]).to(self.totals.dtype)
            n_cohorts, device = self.members // self.n_peers, self.totals.device
            of_members = [part.repeat(n_cohorts, 1).to(device) for part in (rows, real, sizes[:, None].clamp(min=1))]
            even = n_rows % self.n_peers == 0
            self._parts[n_rows] = (of_members[0], *((None, None) if even else of_members[1:]))
        return self._parts[n_rows]
