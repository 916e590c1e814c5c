"""Token sequences without their padding, and with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Token sequences without their padding: all first tokens, then all second ones, ...

    Rows are taken in order of falling length, so that the rows still running at a time are the first ones. A batch then
    costs what its tokens cost, whatever its longest row.

    Attributes
    ----------
    order : Tensor of shape (row,)
        Rows in order of falling length.
    running : list of int
        Number of rows at each time.
    row, time : Tensor of shape (token,)
        Place of each token: its row within ``order`` and its time.
    lengths : Tensor of shape (row,)
        Number of tokens of each row within ``order``.
    """

    order: Tensor
    running: list[int]
    row: Tensor
    time: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, ids: Tensor) -> Packing:
        """Packing of ``(row, length)`` ids whose zeros, if any, are at the end of their row."""
        counts = (ids != 0).sum(1)
        lengths, order = counts.sort(descending=True, stable=True)
        longest = int(lengths[0]) if len(lengths) else 0
        there = torch.arange(longest, device=ids.device)[:, None] < lengths  # (time, row)
        time, row = there.nonzero(as_tuple=True)
        return cls(order, there.sum(1).tolist(), row, time, lengths)

    def take(self, ids: Tensor) -> Tensor:
        """Tokens in packed order: ``(row, length) -> (token,)``."""
        return ids[self.order[self.row], self.time]

    def take_reversed(self, ids: Tensor) -> Tensor:
        """Tokens in packed order, each row read from its end: ``(row, length) -> (token,)``."""
        return ids[self.order[self.row], self.lengths[self.row] - 1 - self.time]

    def unsort(self, values: Tensor) -> Tensor:
        """Put ``(stack, row, width)`` back into the order of the batch."""
        return torch.empty_like(values).index_copy(1, self.order, values)

    def by_time(self, values: Tensor) -> Sequence[Tensor]:
        """Values at each time, ``(stack, token, width)`` to one ``(stack, running row, width)`` a time."""
        by_time: tuple[Tensor, ...] = values.split(self.running, 1)
        return by_time

    def last(self, states: Tensor, ended: Tensor) -> Tensor:
        """State at the last token of each row: what a recurrent layer has ended with."""
        return ended

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the tokens of each row: ``(stack, token, width) -> (stack, row, width)``."""
        sums = values.new_zeros(values.shape[0], len(self.order), values.shape[2]).index_add(1, self.row, values)
        return sums / self.lengths.clamp(min=1).to(values.dtype)[:, None]

    def max(self, values: Tensor) -> Tensor:
        """Largest value over each row's tokens, 0 without any: ``(stack, token, width) -> (stack, row, width)``."""
        index = self.row[:, None].expand_as(values)
        blank = values.new_zeros(values.shape[0], len(self.order), values.shape[2])
        return blank.scatter_reduce(1, index, values, "amax", include_self=False)


class Padding(Packing):
    """The same sequences with their padding, for graphs, in which no shape may depend on the tokens.

    All rows run to the end, in the order of the batch. States behind the end of a row are computed and not looked at,
    so that results are those of the packing.
    """

    @classmethod
    def of(cls, ids: Tensor) -> Padding:
        """As :meth:`Packing.of`."""
        n_rows, length = ids.shape
        rows, times = torch.arange(n_rows, device=ids.device), torch.arange(length, device=ids.device)
        row, time = rows.repeat(length), times.repeat_interleave(n_rows)
        return cls(rows, [n_rows] * length, row, time, (ids != 0).sum(1))

    def take(self, ids: Tensor) -> Tensor:
        """As :meth:`Packing.take`; padding as any token."""
        return ids.T.flatten().clamp(min=1)

    def take_reversed(self, ids: Tensor) -> Tensor:
        """As :meth:`Packing.take_reversed`; padding as any token."""
        times = torch.arange(ids.shape[1], device=ids.device)
        place = (self.lengths[:, None] - 1 - times).clamp(min=0)
        return self.take(ids.gather(1, place))

    def unsort(self, values: Tensor) -> Tensor:
        """As :meth:`Packing.unsort`: the order is that of the batch."""
        return values

    def by_time(self, values: Tensor) -> Sequence[Tensor]:
        """As :meth:`Packing.by_time`; a split by sizes would make the number of rows part of a graph."""
        by_time: tuple[Tensor, ...] = values.unflatten(1, (len(self.running), -1)).unbind(1)
        return by_time

    def last(self, states: Tensor, ended: Tensor) -> Tensor:
        """As :meth:`Packing.last`; 0 without any token."""
        by_time, _ = self._by_time(states)
        times = torch.arange(len(self.running), device=states.device)[:, None]
        ends: Tensor = (times == self.lengths - 1)[..., None].to(states.dtype)
        return (by_time * ends).sum(1)

    def mean(self, values: Tensor) -> Tensor:
        """As :meth:`Packing.mean`."""
        by_time, there = self._by_time(values)
        sums: Tensor = (by_time * there.to(values.dtype)).sum(1)
        return sums / self.lengths.clamp(min=1).to(values.dtype)[:, None]

    def max(self, values: Tensor) -> Tensor:
        """As :meth:`Packing.max`."""
        by_time, there = self._by_time(values)
        largest: Tensor = by_time.masked_fill(~there, -torch.inf).amax(1)
        return largest.masked_fill((self.lengths == 0)[:, None], 0.0)

    def _by_time(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Values ``(stack, time, row, width)``, and where there is a token, ``(time, row, 1)``."""
        length = len(self.running)
        there = torch.arange(length, device=values.device)[:, None] < self.lengths
        return values.unflatten(1, (length, -1)), there[..., None]
