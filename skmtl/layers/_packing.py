"""Token sequences without their padding."""

from __future__ import annotations

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

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the tokens of each row: ``(stack, token, width) -> (stack, row, width)``."""
        sums = values.new_zeros(values.shape[0], len(self.order), values.shape[2]).index_add(1, self.row, values)
        return sums / self.lengths.clamp(min=1).to(values.dtype)[:, None]

    def max(self, values: Tensor) -> Tensor:
        """Largest value over each row's tokens, 0 without any: ``(stack, token, width) -> (stack, row, width)``."""
        index = self.row[:, None].expand_as(values)
        blank = values.new_zeros(values.shape[0], len(self.order), values.shape[2])
        return blank.scatter_reduce(1, index, values, "amax", include_self=False)
