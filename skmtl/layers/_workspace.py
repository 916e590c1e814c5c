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
        self.saved: dict[str, Tensor] = {}
        self._reuse = reuse
        self._memory: dict[tuple[str, int, int], Tensor] = {}

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
        ``drops`` excludes, whose rate must be 0, draw nothing, as they would alone.
        """
        assert self.generators is not None
        copies = shape[0] // len(self.generators)
        mask = self.out(f"{name}.mask", *shape, like)
        if mask is None:
            mask = torch.empty(shape, dtype=like.dtype, device=like.device)
        for member, generator in enumerate(self.generators):
            of_member = mask[member * copies : (member + 1) * copies]
            if drops is None or drops[member]:
                of_member.uniform_(generator=generator)
            else:
                of_member.zero_()
        keep = (1 - rate).repeat_interleave(copies)[:, None, None]
        return mask.lt_(keep).div_(keep)  # in place: a mask of bools would cost more than the draws
