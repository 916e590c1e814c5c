"""An affine map to few outputs, of every member at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skmtl.layers._buffer import Initializer, ParameterBuffer, ParameterSpec
from skmtl.layers._linear import MemberLinear
from skmtl.layers._workspace import Workspace

NARROW = 16  # columns from which a product is as fast as its transpose


def _transposed(initial: Initializer) -> Initializer:
    """The same draws for a parameter that is kept transposed."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        copies, n_outputs, n_inputs = shape
        return initial(generator, (copies, n_inputs, n_outputs)).swapaxes(1, 2)

    return draw


class MemberReadout(MemberLinear):
    """y = x W + b with weights and outputs in transposed memory, y^T = W^T x^T + b^T.

    For fewer than ``NARROW`` outputs: a product with a handful of columns takes up to six times as long as the same
    product with so few rows, and the losses, elementwise over the outputs, keep whatever order of memory they get.
    Shapes are those of :class:`MemberLinear`; only the strides differ.
    """

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``; see :meth:`MemberLinear.bind`."""
        super().bind(buffer, leaves)
        self.weight_transposed = self.weight  # (stack, n_outputs, n_inputs)

    def _make_specs(self, weight: Initializer, bias: Initializer) -> tuple[ParameterSpec, ParameterSpec]:
        return (
            ParameterSpec(
                self._weight_name, (self.copies, self.n_outputs, self.n_inputs), _transposed(weight), self.owner
            ),
            ParameterSpec(self._bias_name, (self.copies, self.n_outputs, 1), _transposed(bias), self.owner),
        )

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or stack, row, n_inputs) -> (stack, row, n_outputs)``."""
        x = self._keep_input(x, workspace)
        out = workspace.out(self.name, self._stack, self.n_outputs, x.shape[1], self.weight)
        return torch.baddbmm(self.bias, self.weight, x.transpose(1, 2), out=out).transpose(1, 2)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """Write the gradients of weight and bias from ``gradient`` at the output."""
        transposed = gradient.transpose(1, 2)
        torch.bmm(transposed, workspace.saved[self.name], out=self._weight_gradient)
        torch.sum(transposed, 2, keepdim=True, out=self._bias_gradient)
