"""Training data of which one buffer of blocks is in memory, and the next is being read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skmtl.processes import ALONE, Collective
from skmtl.training import Batch, Data, TrainingData, as_slice, pass_after, shuffled, slice_of

Load = Callable[[Sequence[int], np.ndarray | None], TrainingData]
Asked = tuple[tuple[int, ...], np.ndarray | None]  # blocks, and a mask of their rows


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

    def rows(self) -> np.ndarray:
        """Draw the order of the rows, which is the same whenever it is asked for."""
        return shuffled(self.last - self.first, copy.deepcopy(self.order))


class Piece(NamedTuple):
    """Rows of a batch that this process learns from, as far as they are in one buffer.

    Attributes
    ----------
    rows : slice
        Where they are in the order of the buffer's rows.
    n_rows : int
        Number of rows of the batch.
    ends : bool
        Whether no rows of the batch are in the next buffer.
    """

    rows: slice
    n_rows: int
    ends: bool


class StreamedData(Data):
    """Rows that are read block by block, in an order that depends on the seed and the number of the pass alone.

    In each pass the blocks are put in another order and grouped into buffers, whose rows are shuffled: the two stages
    of CorgiPile [1]_. Batches go on over the ends of buffers. A thread reads the buffer that follows, also the
    first one of the next epoch, after the last epoch in vain. Where all rows fit one buffer, they stay in memory, and
    the batches are those of :class:`~skmtl.training.TrainingData`. Processes that take slices of the batches read all
    blocks, and encode their own rows alone.

    Parameters
    ----------
    load : callable
        From indices of blocks to their encoded rows, or to those of a mask.
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
        self._collective = ALONE
        self._held: tuple[Asked, TrainingData] | None = None
        self._reader = ThreadPoolExecutor(1)
        self._ahead: tuple[Asked, Future[TrainingData]] | None = None
        if self._total_rows <= buffer_rows:
            every = tuple(range(len(sizes)))
            self._held = (every, None), load(every, None)
            self.totals = self._held[1].totals  # added up in the same order as those of data in memory
        self._seen = torch.zeros_like(totals)

    def select(self, members: Tensor) -> StreamedData:
        """All members learn from all rows; see :class:`Data`."""
        return self

    def sliced(self, collective: Collective) -> StreamedData:
        """See :class:`Data`."""
        chosen = copy.copy(self)
        chosen._collective = collective
        return chosen

    def mean_losses(self, sums: Tensor) -> Tensor:
        """See :class:`Data`."""
        if self.epochs_per_pass == 1:
            return sums / self.totals
        seen = self._seen.clone()  # not a tensor of inference mode
        self._collective.add(seen)
        return sums / seen

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """See :class:`Data`."""
        (order,) = orders
        next_pass = pass_after(order, self.epochs_per_pass)
        in_pass = self._buffers(order)
        buffers = self._of_epoch(in_pass, epoch)
        beyond = self._of_epoch(in_pass, epoch + 1) or self._buffers(next_pass)
        self._seen = torch.zeros_like(self.totals)
        begun = list[Batch]()  # of a batch that goes on in the next buffer
        for buffer, after in zip(buffers, [*buffers[1:], beyond[0]], strict=True):
            rows, own = buffer.rows(), self._own(buffer, batch_size)
            data = self._take((buffer.blocks, own))
            self._ask_for((after.blocks, self._own(after, batch_size)))
            places = rows if own is None else (np.cumsum(own) - 1)[rows]
            pieces = self._pieces(buffer, batch_size, epoch)
            index = np.concatenate([places[:0], *(places[piece.rows] for piece in pieces)])
            parts = data.cut(torch.from_numpy(index).to(self.totals.device), [_length(piece.rows) for piece in pieces])
            for piece, part in zip(pieces, parts, strict=True):
                begun.append(part)
                if piece.ends:
                    yield self._counted(_joined(begun), piece.n_rows)
                    begun = []

    def _pieces(self, buffer: Buffer, batch_size: int, epoch: int | None = None) -> list[Piece]:
        """Rows of a buffer that this process learns from, in an epoch of the pass or in all of it."""
        first, last, found = buffer.first, buffer.last, []
        if epoch is not None:
            first, last = max(first, epoch * self.n_rows), min(last, (epoch + 1) * self.n_rows)
        for start in range(first // batch_size * batch_size, last, batch_size):
            n_rows = min(batch_size, self._total_rows - start)
            own = slice_of(n_rows, self._collective)
            rows = slice(max(start + own.start, first) - buffer.first, min(start + own.stop, last) - buffer.first)
            if _length(rows) > 0:
                found.append(Piece(rows, n_rows, start + own.stop <= last))
        return found

    def _own(self, buffer: Buffer, batch_size: int) -> np.ndarray | None:
        """Mask of the rows of a buffer that this process learns from; None where all are read."""
        if self._collective.size == 1 or self._total_rows <= self._buffer_rows:
            return None
        rows, mask = buffer.rows(), np.zeros(buffer.last - buffer.first, dtype=bool)
        mask[0] = True  # so that there is a row in any case
        for piece in self._pieces(buffer, batch_size):
            mask[rows[piece.rows]] = True
        return mask

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

    def _ask_for(self, asked: Asked) -> None:
        """Have rows read while others are learned from."""
        self._ahead = asked, self._reader.submit(self._loaded, asked)

    def _take(self, asked: Asked) -> TrainingData:
        """Rows of blocks, as a rule those that were asked for last."""
        if self._ahead is None or not _are_equal(self._ahead[0], asked):
            if self._ahead is not None:
                self._held = None  # the memory of what is held may be that of what comes after what was asked for
            self._ask_for(asked)
        assert self._ahead is not None
        (_, reading), self._ahead = self._ahead, None
        self._held = asked, reading.result()
        return self._held[1]

    def _loaded(self, asked: Asked) -> TrainingData:
        held = self._held
        return held[1] if held is not None and _are_equal(held[0], asked) else self._load(*asked)

    def _counted(self, batch: Batch, n_rows: int) -> Batch:
        """The batch, whose weights are added up where an epoch is a part of a pass."""
        if self._collective.size > 1:
            if batch.weights is None:  # others may have cells without a label
                batch = batch._replace(weights=torch.ones_like(batch.targets))
            batch = as_slice(batch, n_rows, self._collective)
        if self.epochs_per_pass > 1:
            self._seen += batch.targets.shape[1] if batch.weights is None else batch.weights.sum(1)
        return batch


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)


def _are_equal(one: Asked, other: Asked) -> bool:
    return one[0] == other[0] and np.array_equal(one[1], other[1])  # type: ignore[arg-type]


def _joined(batches: Sequence[Batch]) -> Batch:
    """Rows of several buffers as one batch; all cells of a buffer may have weight 1."""
    if len(batches) == 1:
        return batches[0]
    x, targets = (torch.cat(parts, 1) for parts in ([b.x for b in batches], [b.targets for b in batches]))
    if all(batch.weights is None for batch in batches):
        return Batch(x, targets)
    weights = torch.cat([b.targets.new_ones(b.targets.shape) if b.weights is None else b.weights for b in batches], 1)
    return Batch(x, targets, weights, None, weights)
