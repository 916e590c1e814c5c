"""What happens to the inputs in front of the hidden layers, member by member."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers import Scratch
from skmtl.network._prepared import PreparedBody
from skmtl.sharing import Body


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
        shape = len(self.rate), x.shape[1], x.shape[2]
        return torch.mul(x, scratch.keep_mask("inputs", shape, self.rate, x), out=scratch.out("inputs", *shape, x))
