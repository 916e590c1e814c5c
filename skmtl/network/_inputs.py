"""What happens to the inputs in front of the hidden layers, member by member."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing import Body, Finding


class PreparedBody(Body):
    """Hidden layers behind a step without parameters, so that their backward is that of the whole.

    Parameters
    ----------
    body : Body
        Reads the prepared inputs.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.width, self.copies, self.hand_derived = body.width, body.copies, body.hand_derived
        self.stack, self.penalties = body.stack, body.penalties
        self.cells, self.operations = body.cells, body.operations

    @abstractmethod
    def prepare(self, x: Tensor, scratch: Scratch) -> Tensor:
        """``(1 or member, row, n_inputs)`` to the same shape, or to ``(member, row, n_inputs)``."""

    @property
    def specs(self) -> list[ParameterSpec]:
        """See :class:`Body`."""
        return [*self.body.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Body`."""
        self.body.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        """See :class:`Body`."""
        return self.body.forward(self.prepare(x, scratch), scratch)

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        """See :class:`Body`."""
        self.body.backward(gradient, scratch)

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """See :class:`Body`."""
        return self.body.findings(self.prepare(x, Scratch()))


class ScalingBody(PreparedBody):
    """Hidden layers that read each input times a constant factor of the member's own.

    Parameters
    ----------
    factors : Tensor of shape (member, n_inputs)
        Of every input.
    body : Body
        Reads the scaled inputs.
    """

    def __init__(self, factors: Tensor, body: Body) -> None:
        super().__init__(body)
        self.factors = factors[:, None]

    def prepare(self, x: Tensor, scratch: Scratch) -> Tensor:
        """See :class:`PreparedBody`."""
        members, _, n_inputs = self.factors.shape
        return torch.mul(x, self.factors, out=scratch.out("scaled", members, x.shape[1], n_inputs, x))


class DroppingBody(PreparedBody):
    """Hidden layers that in training miss a share of each row's inputs, other inputs for every member.

    Parameters
    ----------
    rate : Tensor of shape (member,)
        Share of the inputs set to 0; the others are divided by the share that is left.
    body : Body
        Reads the rest.
    """

    def __init__(self, rate: Tensor, body: Body) -> None:
        super().__init__(body)
        self.rate = rate

    def prepare(self, x: Tensor, scratch: Scratch) -> Tensor:
        """See :class:`PreparedBody`."""
        if not scratch.training:
            return x
        return x * scratch.keep_mask("inputs", (len(self.rate), *x.shape[1:]), self.rate, x)
