"""Affine maps whose matrices the peers of a cohort share but for scalings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from skmtl.layers._buffer import ParameterBuffer
from skmtl.layers._linear import MemberLinear
from skmtl.layers._workspace import Workspace


class ScaledMatrices(NamedTuple):
    """Common matrices and the scalings of each peer, or their gradients.

    Attributes
    ----------
    matrices : Tensor of shape (cohort, n_inputs, n_outputs)
        Of each cohort; their gradient is that of the mean loss of its peers.
    inputs, outputs : Tensor of shape (member, 1, n_inputs) and (member, 1, n_outputs)
        Factors of the inputs before the product, and of what it gives.
    """

    matrices: Tensor
    inputs: Tensor
    outputs: Tensor


class CohortLinear(MemberLinear):
    """y = ((x * r) W) * s + b: the rows of all peers of a cohort in one product with their common matrix W.

    Parameters
    ----------
    layer : MemberLinear
        What it takes the place of, with one copy; the bias stays the peer's own.
    buffer : ParameterBuffer
        Where the biases are.
    values, gradients : ScaledMatrices
        W, r and s, and where their gradients go.
    """

    def __init__(
        self, layer: MemberLinear, buffer: ParameterBuffer, values: ScaledMatrices, gradients: ScaledMatrices
    ) -> None:
        super().__init__(layer.name, layer.n_inputs, layer.n_outputs, owner=layer.owner)
        self.bind(buffer)
        self.values, self.gradients = values, gradients
        self._transposed = values.matrices.transpose(1, 2)
        self.n_peers = len(values.inputs) // len(values.matrices)

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or part or member, row, n_inputs) -> (member, row, n_outputs)``."""
        if len(x) not in (1, self._stack):
            x = x.repeat_interleave(torch.tensor(workspace.parts, device=x.device), 0)
        rows, out = x.shape[1], workspace.out
        scaled = torch.mul(x, self.values.inputs, out=out(f"{self.name}.scaled", self._stack, rows, self.n_inputs, x))
        product = self._product(f"{self.name}.product", scaled, self.values.matrices, workspace)
        workspace.saved |= {self.name: x, f"{self.name}.scaled": scaled, f"{self.name}.product": product}
        memory = out(self.name, self._stack, rows, self.n_outputs, x)
        return torch.addcmul(self.bias, product, self.values.outputs, out=memory)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """Write the gradients of W, r, s and b from ``gradient`` at the output."""
        saved, name, at = workspace.saved, self.name, self.gradients
        torch.sum(gradient, 1, keepdim=True, out=self._bias_gradient)
        memory = workspace.out(f"{name}.gradient", self._stack, gradient.shape[1], self.n_outputs, gradient)
        torch.sum(torch.mul(gradient, saved[f"{name}.product"], out=memory), 1, keepdim=True, out=at.outputs)
        below = torch.mul(gradient, self.values.outputs, out=memory)
        scaled = self._by_cohort(saved[f"{name}.scaled"])
        torch.bmm(scaled.transpose(1, 2), self._by_cohort(below), out=at.matrices).div_(self.n_peers)
        at_scaled = self._product(self._input_name, below, self._transposed, workspace)
        torch.sum(at_scaled * saved[name], 1, keepdim=True, out=at.inputs)
        saved[self._input_name] = at_scaled

    def input_gradient(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at the input, ``(member, row, n_inputs)``, after :meth:`backward`."""
        return workspace.saved[self._input_name].mul_(self.values.inputs)

    def _product(self, name: str, rows: Tensor, matrices: Tensor, workspace: Workspace) -> Tensor:
        """Rows ``(member, row, ...)`` times the matrices of their cohorts."""
        by_cohort = self._by_cohort(rows)
        out = workspace.out(name, len(matrices), by_cohort.shape[1], matrices.shape[2], rows)
        return torch.bmm(by_cohort, matrices, out=out).view(self._stack, rows.shape[1], -1)

    def _by_cohort(self, rows: Tensor) -> Tensor:
        return rows.view(len(self.values.matrices), -1, rows.shape[2])
