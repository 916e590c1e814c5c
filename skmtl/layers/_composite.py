"""Layers made of other layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from skmtl.layers._buffer import ParameterBuffer, ParameterSpec


class Layer(Protocol):
    """What has parameters in the buffer."""

    @property
    def specs(self) -> Sequence[ParameterSpec]:
        """Parameters of one member; each says whether it is shared or belongs to a task."""
        ...

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        ...


class Composite:
    """A layer whose parameters are those of its parts.

    Attributes
    ----------
    parts : sequence of Layer
        The layers, in the order of their parameters; none by default.
    """

    parts: Sequence[Layer] = ()

    @property
    def specs(self) -> Sequence[ParameterSpec]:
        """Parameters of one member; each says whether it is shared or belongs to a task."""
        return [spec for part in self.parts for spec in part.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        for part in self.parts:
            part.bind(buffer, leaves)
