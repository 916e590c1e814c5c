"""Hard parameter sharing."""

from __future__ import annotations

from torch import Tensor

from skmtl.layers import MemberMLP, ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing._sharing import Body, Sharing, Trunk


class Hard(Sharing):
    """One trunk of hidden layers serves all tasks (Caruana, 1997).

    References
    ----------
    Caruana, R. (1997). Multitask learning. Machine Learning 28, 41-75.
    """

    def build(self, trunk: Trunk) -> Body:
        """Make one stack of hidden layers; see :meth:`Sharing.build`."""
        return _HardBody(trunk)


class _HardBody(Body):
    def __init__(self, trunk: Trunk) -> None:
        self.mlp = MemberMLP(
            "trunk",
            trunk.n_inputs,
            trunk.hidden_layer_sizes,
            activation=trunk.activation,
            dropout=trunk.dropout,
        )
        self.width, self.stack = self.mlp.width, self.mlp

    @property
    def specs(self) -> list[ParameterSpec]:
        return self.mlp.specs

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        self.mlp.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        return self.mlp.forward(x, scratch)

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        self.mlp.backward(gradient, scratch)
