"""Passes in a lower precision than that of the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer
from skmtl.network._architecture import Architecture
from skmtl.network._layers import Layers
from skmtl.network._passes import Passes, single_precision_passes


class MixedPrecisionPasses(Passes):
    """Layers compute with rounded copies of the parameters, losses and updates in full precision.

    Rounded parameters alone would lose every update smaller than their last digit, so the full ones are kept (the
    master weights of Micikevicius et al., 2018). bfloat16 has the range of float32: losses need no scaling.

    Parameters
    ----------
    architecture : Architecture
        Shapes and kinds of the layers.
    buffer : ParameterBuffer
        The parameters that are trained.
    generators : list of torch.Generator
        One stream a member for dropout.
    dtype : str
        Name of the torch type that the layers compute in.
    parts : sequence of int, optional
        Numbers of neighbouring members that read the same rows, where not all do.

    References
    ----------
    Micikevicius, P. et al. (2018). Mixed precision training. ICLR.
    """

    def __init__(
        self,
        architecture: Architecture,
        buffer: ParameterBuffer,
        generators: list[torch.Generator],
        dtype: str,
        parts: Sequence[int] = (),
    ) -> None:
        device, self._dtype = buffer.values.device, getattr(torch, dtype)
        self.buffer, self.layers = buffer, Layers(architecture, device)
        self.layers.bind(buffer)  # for penalties
        self._rounded = ParameterBuffer(buffer.specs, buffer.members, self._dtype, device)
        self._passes = single_precision_passes(replace(architecture, dtype=dtype), self._rounded, generators, parts)
        self.workspace = self._passes.workspace

    def mode(self) -> AbstractContextManager[None]:
        """See :class:`Passes`."""
        return self._passes.mode()

    def forward(self, x: Tensor, row_mask: Tensor | None = None) -> Tensor:
        """See :class:`Passes`."""
        self._rounded.values.copy_(self.buffer.values)
        return self._passes.forward(x.to(self._dtype), row_mask).to(self.buffer.values.dtype)

    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """See :class:`Passes`."""
        rounded = None if at_head is None else at_head.to(self._dtype)
        self._passes.backward(gradient.to(self._dtype), again=again, at_head=rounded)
        self.buffer.gradient.copy_(self._rounded.gradient)
