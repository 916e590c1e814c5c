"""Run state of a pass through the network: reused memory, saved activations, random streams."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Workspace:
    """Run state of forward and backward, passed from layer to layer.

    Parameters
    ----------
    reuse : bool
        Keep every intermediate tensor for the next pass of the same shape. Must be off where autograd records.
    generators : sequence of torch.Generator, optional
        One stream a member for dropout; none outside training.
    parts : sequence of int, optional
        Numbers of neighbouring members that read the same rows, where not all do.

    Attributes
    ----------
    training : bool
        Whether the pass is part of a training step.
    row_mask : Tensor of shape (member, row) or None
        1 where a member may learn from a row of the training pass, 0 where not; None: all may learn from all.
    drawn : (int, int) or None
        Where the rows are a slice of a batch: the first of them, and the number of rows of the batch.
    """

    def __init__(
        self,
        *,
        reuse: bool = False,
        generators: Sequence[torch.Generator] | None = None,
        parts: Sequence[int] = (),
    ) -> None:
        self.generators, self.parts = generators, parts
        self.training = generators is not None
        self.row_mask: Tensor | None = None
        self.drawn: tuple[int, int] | None = None
        self.saved: dict[str, Tensor] = {}
        self._reuse = reuse
        self._memory: dict[tuple[str, int, int], Tensor] = {}
        self._words: dict[str, Tensor] = {}  # what masks are drawn in
        self._kept: dict[str, tuple[Tensor, Tensor]] = {}  # largest value kept, fraction kept

    def out(self, name: str, stack: int, rows: int, width: int, like: Tensor) -> Tensor | None:
        """Memory ``(stack, rows, width)`` to write a result to; None lets the operation allocate."""
        if not self._reuse:
            return None
        memory = self._memory.get((name, rows, width))
        if memory is None:
            memory = torch.empty(stack, rows, width, dtype=like.dtype, device=like.device)
            self._memory[name, rows, width] = memory
        return memory

    def keep_mask(
        self, name: str, shape: tuple[int, int, int], rate: Tensor, like: Tensor, drops: Sequence[bool] | None = None
    ) -> Tensor:
        """Inverted-dropout mask: 0 with probability ``rate`` (one for each member), else 1 / (1 - rate).

        Each member draws from its own stream, so that a member's mask does not depend on its neighbours. Those that
        ``drops`` excludes, whose rate must be 0, draw nothing, as they would alone. A draw of 64 bits decides on four
        cells, for which rates are rounded to multiples of 2^-16: uniform numbers take five times as long to draw. For
        a slice of a batch the mask of the whole batch is drawn.
        """
        assert self.generators is not None
        members = len(self.generators)
        stack, rows, width = shape
        first, n_drawn = self.drawn or (0, rows)
        cells = stack // members * n_drawn * width  # of a member
        n_words = -(-cells // 4)
        if name not in self._words or self._words[name].shape[1] < n_words:
            self._words[name] = torch.zeros(members, n_words, dtype=torch.int64, device=like.device)
        words = self._words[name][:, :n_words]
        for member, generator in enumerate(self.generators):
            if drops is None or drops[member]:
                words[member].random_(-(2**63), None, generator=generator)
        if name not in self._kept:
            kept = ((1 - rate.double()) * 2**16).round_().clamp_(min=1)[:, None]  # so many of the 2^16 values
            self._kept[name] = (kept - 2**15 - 1).to(torch.int16), (kept / 2**16).to(like.dtype)
        largest, keep = self._kept[name]
        mask = self.out(f"{name}.mask", *shape, like)
        if mask is None:
            mask = torch.empty(shape, dtype=like.dtype, device=like.device)
        of_member, drawn = mask.view(members, mask.numel() // members), words.view(torch.int16)[:, :cells]
        if n_drawn != rows:
            drawn = drawn.unflatten(1, (-1, n_drawn, width))[:, :, first : first + rows].flatten(1)
        torch.le(drawn, largest, out=of_member)
        of_member.div_(keep)
        return mask
