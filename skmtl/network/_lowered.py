"""Passes in a lower precision than that of the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from skmtl.network._network import Network


class Lowered:
    """Mixed precision: layers compute with rounded copies of the parameters, losses and updates in full precision.

    Rounded parameters alone would lose every update smaller than their last digit, so the network keeps its own (the
    master weights of Micikevicius et al., 2018). bfloat16 has the range of float32: losses need no scaling.

    Parameters
    ----------
    network : Network
        Whose parameters are trained.
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
        self, network: Network, generators: list[torch.Generator], dtype: str, parts: Sequence[int] = ()
    ) -> None:
        self.buffer = network.buffer
        self.body, self.head = network.architecture.parts(network.device)
        self.body.bind(self.buffer)
        self.head.bind(self.buffer)
        rounded = type(network)(replace(network.architecture, dtype=dtype), network.device)
        self._rounded, self._dtype = rounded.buffer, rounded.buffer.values.dtype
        self._passes = rounded.training_passes(generators, parts=parts)
        self.scratch = self._passes.scratch

    def mode(self) -> AbstractContextManager[None]:
        """See :class:`Differentiation`."""
        return self._passes.mode()

    def forward(self, x: Tensor) -> Tensor:
        """See :class:`Differentiation`."""
        self._rounded.values.copy_(self.buffer.values)
        return self._passes.forward(x.to(self._dtype)).to(self.buffer.values.dtype)

    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """See :class:`Differentiation`."""
        rounded = None if at_head is None else at_head.to(self._dtype)
        self._passes.backward(gradient.to(self._dtype), again=again, at_head=rounded)
        self.buffer.gradient.copy_(self._rounded.gradient)
