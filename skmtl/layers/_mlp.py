"""A stack of hidden layers, for all members at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor

from skmtl.layers._activations import ACTIVATIONS, MemberNonlinearity
from skmtl.layers._buffer import Composite
from skmtl.layers._linear import MemberLinear
from skmtl.layers._workspace import Workspace


class MemberMLP(Composite):
    """Hidden layers h_l = dropout(activation(h_{l-1} W_l + b_l)).

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_inputs : int
        Width of the input.
    sizes : sequence of int
        Widths of the hidden layers; empty: the input itself.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : Tensor of shape (member,)
        Dropout rate of each member.
    copies : int, default=1
        Independent stacks within a member.
    owner : {"shared", "task"}, default="shared"
        Who the parameters belong to.
    """

    def __init__(
        self,
        name: str,
        n_inputs: int,
        sizes: Sequence[int],
        *,
        activation: str,
        dropout: Tensor,
        copies: int = 1,
        owner: Literal["shared", "task"] = "shared",
    ) -> None:
        self.activation = ACTIVATIONS[activation]
        widths = [n_inputs, *sizes]
        self.width = widths[-1]
        self.layers = [
            MemberLinear(f"{name}.{i}", *shape, copies=copies, gain=self.activation.gain, owner=owner, hidden=True)
            for i, shape in enumerate(pairwise(widths))
        ]
        self.parts = self.layers
        self._nonlinearities = [MemberNonlinearity(layer.name, activation, dropout) for layer in self.layers]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or stack, row, n_inputs) -> (stack, row, width)``."""
        h = x
        for layer, nonlinearity in zip(self.layers, self._nonlinearities, strict=True):
            h = nonlinearity.forward(layer.forward(h, workspace), workspace)
        return h

    def backward(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Write the parameters' gradients from ``gradient`` at the last hidden layer, which is overwritten.

        Returns what :meth:`input_gradient` takes: the gradient at the first layer's pre-activation.
        """
        for i in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[i]
            gradient = self._nonlinearities[i].backward(gradient, workspace)
            layer.backward(gradient, workspace)
            if i > 0:
                gradient = layer.input_gradient(gradient, workspace)
        return gradient

    def input_gradient(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at the input, ``(stack, row, n_inputs)``, from what :meth:`backward` returned."""
        return self.layers[0].input_gradient(gradient, workspace) if self.layers else gradient
