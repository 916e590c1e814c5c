"""A shared trunk beside small private nets."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers import MemberMLP, ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing._sharing import Body, Sharing, Trunk, for_each_copy, require_hidden_layers, require_integer


class Bypass(Sharing):
    """Each task reads the shared trunk and, beside it, a small net of its own that goes round the trunk.

    What all tasks need is learned once; what a single task needs has a place where it disturbs no other. With width 0
    it is hard sharing.

    Parameters
    ----------
    width : int, default=32
        Width of each hidden layer of a private net; there are as many layers as in the trunk.
    """

    def __init__(self, width: int = 32) -> None:
        self.width = width

    def build(self, trunk: Trunk) -> Body:
        """Make the trunk and the private nets; see :meth:`Sharing.build`."""
        require_integer(self, "width", least=0)
        require_hidden_layers(self, trunk)
        return _BypassBody(trunk, self.width)


class _BypassBody(Body):
    common_features = True

    def __init__(self, trunk: Trunk, width: int) -> None:
        self.copies = trunk.n_tasks
        sizes = trunk.hidden_layer_sizes
        self.shared = MemberMLP("trunk", trunk.n_inputs, sizes, activation=trunk.activation, dropout=trunk.dropout)
        self.private = MemberMLP(
            "private",
            trunk.n_inputs,
            (width,) * len(sizes),
            activation=trunk.activation,
            dropout=trunk.dropout,
            copies=trunk.n_tasks,
            owner="task",
        )
        self.width = self.shared.width + width

    @property
    def specs(self) -> list[ParameterSpec]:
        return [*self.shared.specs, *self.private.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        self.shared.bind(buffer, leaves)
        self.private.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        shared = self.shared.forward(x, scratch).repeat_interleave(self.copies, 0)
        private = self.private.forward(for_each_copy(x, self.copies), scratch)
        return torch.cat([shared, private], 2)

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        at_shared, at_private = gradient.split([self.shared.width, self.private.width], 2)
        self.shared.backward(at_shared.unflatten(0, (-1, self.copies)).sum(1), scratch)
        self.private.backward(at_private.contiguous(), scratch)

    def backward_of_weighted(self, gradient: Tensor, weights: Tensor, scratch: Scratch) -> None:
        at_shared, at_private = gradient.split([self.shared.width, self.private.width], 2)
        by_task = at_shared.unflatten(0, (-1, self.copies))
        self.shared.backward(torch.einsum("mt,mtrw->mrw", weights, by_task).contiguous(), scratch)
        self.private.backward(at_private.contiguous(), scratch)

    def features_gramian(self, gradient: Tensor, scratch: Scratch) -> Tensor:
        """By the features of the trunk."""
        by_task = gradient[:, :, : self.shared.width].unflatten(0, (-1, self.copies)).flatten(2)
        return torch.bmm(by_task, by_task.transpose(1, 2))
