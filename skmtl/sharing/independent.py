"""No sharing: the single-task reference."""

from __future__ import annotations

from torch import Tensor

from skmtl.layers import MemberMLP, ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing._sharing import Body, Sharing, Trunk


class Independent(Sharing):
    """Every task has hidden layers of its own, trained in one stack.

    The single-task reference: for full labels, a fixed number of epochs, unit weights and the same initial parameters
    it equals one fit a task.
    """

    def build(self, trunk: Trunk) -> Body:
        """Make a stack of hidden layers for each task; see :meth:`Sharing.build`."""
        return _IndependentBody(trunk)


class _IndependentBody(Body):
    def __init__(self, trunk: Trunk) -> None:
        self.copies = trunk.n_tasks
        self.mlp = MemberMLP(
            "trunks",
            trunk.n_inputs,
            trunk.hidden_layer_sizes,
            activation=trunk.activation,
            dropout=trunk.dropout,
            copies=trunk.n_tasks,
            owner="task",
        )
        self.width = self.mlp.width

    @property
    def specs(self) -> list[ParameterSpec]:
        return self.mlp.specs

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        self.mlp.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        per_copy = x if x.shape[0] == 1 else x.repeat_interleave(self.copies, 0)
        return self.mlp.forward(per_copy, scratch)

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        self.mlp.backward(gradient, scratch)
