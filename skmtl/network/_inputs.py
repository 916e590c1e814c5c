"""What happens to the inputs in front of the hidden layers, member by member."""

from __future__ import annotations

import numpy as np
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


class SelectingBody(PreparedBody):
    """Hidden layers that read some of the inputs, each member its own.

    Parameters
    ----------
    places : Tensor of shape (member, n_read)
        Which inputs.
    body : Body
        Reads these.
    """

    def __init__(self, places: Tensor, body: Body) -> None:
        super().__init__(body)
        self.places, self._of_all = places, places.flatten()

    def prepare(self, x: Tensor, scratch: Scratch) -> Tensor:
        """See :class:`PreparedBody`."""
        if x.shape[0] == 1:  # one pass over the rows for all members
            return x[0].index_select(1, self._of_all).view(-1, *self.places.shape).transpose(0, 1)
        return x.gather(2, self.places[:, None].expand(-1, x.shape[1], -1))


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


def keep_largest(factors: np.ndarray, n_read: int) -> np.ndarray:
    """Set all but the ``n_read`` largest factors of each member to 0; of equal ones the first are kept."""
    kept = np.argsort(-factors, axis=1, kind="stable")[:, :n_read]
    largest = np.zeros_like(factors)
    np.put_along_axis(largest, kept, np.take_along_axis(factors, kept, axis=1), axis=1)
    return largest


def places_read(factors: np.ndarray, n_read: int) -> np.ndarray:
    """Where the inputs are that each member reads, ``(member, n_read)``, if all others have a factor of 0."""
    places: np.ndarray = np.argsort(factors <= 0, axis=1, kind="stable")[:, :n_read]
    return places
