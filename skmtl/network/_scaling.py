"""Hidden layers whose inputs are scaled, member by member."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing import Body, Finding


class ScalingBody(Body):
    """Hidden layers that read each input times a factor of the member's own.

    The factors are constants, so the backward of the hidden layers is that of the whole.

    Parameters
    ----------
    factors : Tensor of shape (member, n_inputs)
        Of every input.
    body : Body
        Reads the scaled inputs.
    """

    def __init__(self, factors: Tensor, body: Body) -> None:
        self.factors, self.body = factors[:, None], body
        self.width, self.copies, self.hand_derived = body.width, body.copies, body.hand_derived
        self.stack, self.penalties = body.stack, body.penalties
        self.cells, self.operations = body.cells, body.operations

    @property
    def specs(self) -> list[ParameterSpec]:
        """See :class:`Body`."""
        return [*self.body.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Body`."""
        self.body.bind(buffer, leaves)

    def _scale(self, x: Tensor, scratch: Scratch) -> Tensor:
        members, _, n_inputs = self.factors.shape
        return torch.mul(x, self.factors, out=scratch.out("scaled", members, x.shape[1], n_inputs, x))

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        """See :class:`Body`."""
        return self.body.forward(self._scale(x, scratch), scratch)

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        """See :class:`Body`."""
        self.body.backward(gradient, scratch)

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """See :class:`Body`."""
        return self.body.findings(self._scale(x, Scratch()))
