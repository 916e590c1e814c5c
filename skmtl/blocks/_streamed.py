"""Training data of which one buffer of blocks is in memory, and the next is being read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skmtl.training import Batch, Data, TrainingData, pass_after

Load = Callable[[Sequence[int]], TrainingData]


class Buffer(NamedTuple):
    """Blocks whose rows are shuffled together.

    Attributes
    ----------
    blocks : tuple of int
        Their indices.
    first, last : int
        Numbers of its first row in the pass, and of the row after its last.
    order : numpy.random.Generator
        Draws the order of its rows.
    """

    blocks: tuple[int, ...]
    first: int
    last: int
    order: np.random.Generator


class StreamedData(Data):
    """Rows that are read block by block, in an order that depends on the seed and the number of the pass alone.

    In each pass the blocks are put in another order and grouped into buffers, whose rows are shuffled: the two stages
    of CorgiPile [1]_. Batches go on over the ends of buffers. A thread reads the buffer that follows, also the
    first one of the next epoch, after the last epoch in vain. Where all rows fit one buffer, they stay in memory, and
    the batches are those of :class:`~skmtl.training.TrainingData`.

    Parameters
    ----------
    load : callable
        From indices of blocks to their encoded rows.
    sizes : ndarray of shape (n_blocks,)
        Number of rows of each block.
    totals : Tensor of shape (1, n_tasks)
        Total weight of each task.
    n_features : int
        Width of an encoded row.
    buffer_rows : int
        Rows of a buffer; more where a block has more.
    epoch_rows : int
        About how many rows an epoch has.
    batch_size : int
        Rows of a batch.
    identity : tuple
        What else tells these data from others.

    References
    ----------
    .. [1] Xu, L. et al. (2022). In-database machine learning with CorgiPile: stochastic gradient descent without full
       data shuffle. SIGMOD.
    """

    def __init__(
        self,
        load: Load,
        sizes: np.ndarray,
        totals: Tensor,
        n_features: int,
        *,
        buffer_rows: int,
        epoch_rows: int,
        batch_size: int,
        identity: tuple[Any, ...] = (),
    ) -> None:
        self.n_features, self.totals = n_features, totals
        self.row_bytes = totals.element_size() * (n_features + 2 * totals.shape[1])
        self._load, self._sizes, self._total_rows = load, sizes, int(sizes.sum())
        self._buffer_rows, self.identity = buffer_rows, (*identity, sizes, buffer_rows, epoch_rows)
        steps = -(-self._total_rows // batch_size)
        of_epoch = -(-steps // max(round(self._total_rows / epoch_rows), 1))
        self.n_rows, self.epochs_per_pass = min(of_epoch * batch_size, self._total_rows), -(-steps // of_epoch)
        self._held: tuple[tuple[int, ...], TrainingData] | None = None
        self._reader = ThreadPoolExecutor(1)
        self._ahead: tuple[tuple[int, ...], Future[TrainingData]] | None = None
        if self._total_rows <= buffer_rows:
            every = tuple(range(len(sizes)))
            self._held = every, load(every)
            self.totals = self._held[1].totals  # added up in the same order as those of data in memory
        self._seen = torch.zeros_like(totals)

    def select(self, members: Tensor) -> StreamedData:
        """All members learn from all rows; see :class:`Data`."""
        return self

    def mean_losses(self, sums: Tensor) -> Tensor:
        """See :class:`Data`."""
        return sums / (self.totals if self.epochs_per_pass == 1 else self._seen)

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """See :class:`Data`."""
        (order,) = orders
        next_pass = pass_after(order, self.epochs_per_pass)
        in_pass = self._buffers(order)
        buffers = self._of_epoch(in_pass, epoch)
        beyond = self._of_epoch(in_pass, epoch + 1) or self._buffers(next_pass)
        first, last = epoch * self.n_rows, (epoch + 1) * self.n_rows
        self._seen = torch.zeros_like(self.totals)
        carried = list[Batch]()  # of a batch that goes on in the next buffer
        missing = batch_size
        for buffer, after in zip(buffers, [*buffers[1:], beyond[0]], strict=True):
            data, ends = self._take(buffer.blocks), buffer is buffers[-1]
            self._ask_for(after.blocks)
            rows = torch.from_numpy(data.permutation([buffer.order])).to(self.totals.device)
            rows = rows[max(first - buffer.first, 0) : last - buffer.first]
            if carried:
                carried.append(data.take(rows[:missing].long()))
                missing, rows = missing - len(carried[-1].targets[0]), rows[missing:]
                if missing and not ends:
                    continue
                yield self._counted(_joined(carried))
                carried, missing = [], batch_size
            whole = len(rows) if ends else len(rows) // batch_size * batch_size
            yield from map(self._counted, data.cut(rows[:whole], batch_size) if whole else ())
            if whole < len(rows):
                carried, missing = [data.take(rows[whole:].long())], batch_size - (len(rows) - whole)

    def _of_epoch(self, buffers: Sequence[Buffer], epoch: int) -> list[Buffer]:
        """Those buffers of a pass that have rows of an epoch of it."""
        first, last = epoch * self.n_rows, (epoch + 1) * self.n_rows
        return [buffer for buffer in buffers if buffer.first < last and buffer.last > first]

    def _buffers(self, order: np.random.Generator) -> list[Buffer]:
        """Buffers of a pass. All rows in one keep the order of the blocks, and draw from the generator itself."""
        if self._total_rows <= self._buffer_rows:
            return [Buffer(tuple(range(len(self._sizes))), 0, self._total_rows, order)]
        blocks = order.permutation(np.flatnonzero(self._sizes))
        groups, rows = list[list[int]](), self._buffer_rows
        for block in blocks.tolist():
            rows += self._sizes[block]
            if rows > self._buffer_rows:
                groups.append([])
                rows = self._sizes[block]
            groups[-1].append(block)
        ends = np.cumsum([self._sizes[group].sum() for group in groups]).tolist()
        seeds = order.integers(2**63, size=len(groups)).tolist()
        parts = zip(groups, [0, *ends[:-1]], ends, seeds, strict=True)
        return [Buffer(tuple(group), first, last, np.random.default_rng(s)) for group, first, last, s in parts]

    def _ask_for(self, blocks: tuple[int, ...]) -> None:
        """Have blocks read while others are learned from."""
        self._ahead = blocks, self._reader.submit(self._loaded, blocks)

    def _take(self, blocks: tuple[int, ...]) -> TrainingData:
        """Rows of blocks, as a rule those that were asked for last."""
        if self._ahead is None or self._ahead[0] != blocks:
            if self._ahead is not None:
                self._held = None  # the memory of what is held may be that of what comes after what was asked for
            self._ask_for(blocks)
        assert self._ahead is not None
        (_, reading), self._ahead = self._ahead, None
        self._held = blocks, reading.result()
        return self._held[1]

    def _loaded(self, blocks: tuple[int, ...]) -> TrainingData:
        held = self._held
        return held[1] if held is not None and held[0] == blocks else self._load(blocks)

    def _counted(self, batch: Batch) -> Batch:
        """The batch, whose weights are added up where an epoch is a part of a pass."""
        if self.epochs_per_pass > 1:
            self._seen += batch.targets.shape[1] if batch.weights is None else batch.weights.sum(1)
        return batch


def _joined(batches: Sequence[Batch]) -> Batch:
    """Rows of several buffers as one batch; all cells of a buffer may have weight 1."""
    if len(batches) == 1:
        return batches[0]
    x, targets = (torch.cat(parts, 1) for parts in ([b.x for b in batches], [b.targets for b in batches]))
    if all(batch.weights is None for batch in batches):
        return Batch(x, targets)
    weights = torch.cat([b.targets.new_ones(b.targets.shape) if b.weights is None else b.weights for b in batches], 1)
    return Batch(x, targets, weights, None, weights)
