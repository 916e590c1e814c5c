"""Affine maps of every member at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from skmtl.layers._buffer import Initializer, ParameterBuffer, ParameterSpec, uniform
from skmtl.layers._cells import CellPattern
from skmtl.layers._workspace import Workspace


class MemberLinear:
    """y = x W + b, for all members and all copies within a member in one batched product.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_inputs, n_outputs : int
        Widths.
    copies : int, default=1
        Independent maps within a member (one a task or an expert); the leading axis is then ``member * copies``.
    gain : float, default=1.0
        Scale of the initial weights, whose variance is gain^2 / n_inputs.
    bias : callable, optional
        Draws the initial bias; by default uniform in plus or minus 1 / sqrt(n_inputs).
    owner : {"shared", "task"}, default="shared"
        Who the parameters belong to.
    hidden : bool, default=False
        Whether it is a hidden layer.
    """

    def __init__(
        self,
        name: str,
        n_inputs: int,
        n_outputs: int,
        *,
        copies: int = 1,
        gain: float = 1.0,
        bias: Initializer | None = None,
        owner: Literal["shared", "task"] = "shared",
        hidden: bool = False,
    ) -> None:
        self.name, self.n_inputs, self.n_outputs, self.copies, self.owner = name, n_inputs, n_outputs, copies, owner
        self.hidden = hidden
        self._weight_name, self._bias_name, self._input_name = f"{name}.weight", f"{name}.bias", f"{name}.input"
        fan_in = max(n_inputs, 1)
        self.specs = self._make_specs(uniform(gain * (3 / fan_in) ** 0.5), bias or uniform(fan_in**-0.5))

    def _make_specs(self, weight: Initializer, bias: Initializer) -> tuple[ParameterSpec, ParameterSpec]:
        shape = self.copies, self.n_inputs, self.n_outputs
        return (
            ParameterSpec(self._weight_name, shape, weight, self.owner, self.hidden),
            ParameterSpec(self._bias_name, (self.copies, 1, self.n_outputs), bias, self.owner),
        )

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        weight, bias = (spec.name for spec in self.specs)
        values = leaves or {name: buffer.views[name] for name in (weight, bias)}
        self.weight = values[weight].flatten(0, 1)  # (member * copies, n_inputs, n_outputs)
        self.bias = values[bias].flatten(0, 1)
        self._weight_gradient = buffer.gradient_views[weight].flatten(0, 1)
        self._bias_gradient = buffer.gradient_views[bias].flatten(0, 1)
        self.weight_transposed = self.weight.transpose(1, 2)
        self._stack = self.weight.shape[0]
        self._pieces: dict[tuple[int, ...], tuple[tuple[Tensor, ...], ...]] = {}

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or part or stack, row, n_inputs) -> (stack, row, n_outputs)``."""
        x = self._keep_input(x, workspace)
        out = workspace.out(self.name, self._stack, x.shape[1], self.n_outputs, self.weight)
        if x.shape[0] != self._stack:
            weights, biases, _ = self._of_parts(workspace.parts)
            return affine_of_parts(x, weights, biases, workspace.parts, out)
        return torch.baddbmm(self.bias, x, self.weight, out=out)

    def _keep_input(self, x: Tensor, workspace: Workspace) -> Tensor:
        if self._stack != 1 == x.shape[0]:
            x = x.expand(self._stack, -1, -1)
        workspace.saved[self.name] = x
        return x

    def _of_parts(self, sizes: Sequence[int]) -> tuple[tuple[Tensor, ...], ...]:
        """Weights, biases and gradients of the weights of each part, which are cut once."""
        key = tuple(sizes)
        if key not in self._pieces:
            whole = self.weight, self.bias, self._weight_gradient
            self._pieces[key] = tuple(values.split_with_sizes(key) for values in whole)
        return self._pieces[key]

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """Write the gradients of weight and bias from ``gradient`` at the output."""
        x = workspace.saved[self.name]
        if x.shape[0] == self._stack:
            torch.bmm(x.transpose(1, 2), gradient, out=self._weight_gradient)
        else:
            weight_gradient_of_parts(x, gradient, workspace.parts, self._of_parts(workspace.parts)[2])
        torch.sum(gradient, 1, keepdim=True, out=self._bias_gradient)

    def input_gradient(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at the input, ``(stack, row, n_inputs)``."""
        out = workspace.out(self._input_name, self._stack, gradient.shape[1], self.n_inputs, self.weight)
        return torch.bmm(gradient, self.weight_transposed, out=out)


def affine_of_parts(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], sizes: Sequence[int], out: Tensor | None
) -> Tensor:
    """Outputs ``(member, row, n_outputs)`` of rows ``(part, row, n_inputs)``, part by part.

    Parameters
    ----------
    x : Tensor of shape (part, row, n_inputs)
        Rows of each part.
    weights, biases : sequence of Tensor of shape (member, n_inputs or 1, n_outputs)
        Parameters of each part.
    sizes : sequence of int
        Number of members of each part.
    out : Tensor or None
        Memory to write to.
    """
    if out is None:
        out = weights[0].new_empty(sum(sizes), x.shape[1], weights[0].shape[2])
    for rows, w, b, o in zip(x.unbind(), weights, biases, out.split_with_sizes(sizes), strict=True):
        torch.baddbmm(b, rows.expand(w.shape[0], -1, -1), w, out=o)
    return out


def weight_gradient_of_parts(x: Tensor, gradient: Tensor, sizes: Sequence[int], out: Sequence[Tensor]) -> None:
    """Write x^T gradient of every member, part by part, to ``out``, ``(member, n_inputs, n_outputs)`` for each."""
    for rows, g, o in zip(x.transpose(1, 2).unbind(), gradient.split_with_sizes(sizes), out, strict=True):
        torch.bmm(rows.expand(g.shape[0], -1, -1), g, out=o)


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


WIDE = 1024  # outputs from which a readout is worth cutting into tiles that stay in the cache


class WideReadout(MemberReadout):
    """y = x W + b with the weights, but not the outputs, in transposed memory: for many tasks.

    All weights of an output stand together, so that those of some of the outputs are one piece of memory.
    """

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or stack, row, n_inputs) -> (stack, row, n_outputs)``."""
        x = self._keep_input(x, workspace)
        out = workspace.out(self.name, self._stack, x.shape[1], self.n_outputs, self.weight)
        return torch.baddbmm(self.bias.transpose(1, 2), x, self.weight.transpose(1, 2), out=out)

    def residuals(self, x: Tensor, targets: Tensor, workspace: Workspace) -> Tensor:
        """Outputs less targets, where there is one for each output; in their memory, if each member has its own."""
        x, memory = self._keep_input(x, workspace), targets
        if len(targets) != self._stack:
            memory = targets.new_empty(self._stack, *targets.shape[1:])
        torch.baddbmm(targets, x, self.weight.transpose(1, 2), beta=-1, out=memory)
        return memory.add_(self.bias.transpose(1, 2))

    def at(self, cells: CellPattern, features: Tensor, member: int) -> Tensor:
        """Outputs ``(cell,)`` of a member at some cells only, from features ``(row, n_inputs)``."""
        products = cells.products(features, self.weight[member])
        return products + self.bias[member, :, 0].index_select(0, cells.column)

    def backward_at(
        self, cells: CellPattern, gradient: Tensor, features: Tensor, member: int, below: Tensor | None
    ) -> None:
        """Write the gradients of a member's parameters, and at its features to ``below``, from one at the cells."""
        torch.addmm(
            self._weight_gradient[member],
            cells.by_column(gradient),
            features,
            beta=0,
            out=self._weight_gradient[member],
        )
        self._bias_gradient[member, :, 0].zero_().index_add_(0, cells.column, gradient)
        if below is not None:
            torch.addmm(below, cells.by_row(gradient), self.weight[member], beta=0, out=below)

    def cut(self, outputs: slice) -> WideReadout:
        """The part of it that gives some of the outputs, over the same memory."""
        part = copy.copy(self)
        part.n_outputs = outputs.stop - outputs.start
        for name in ("weight", "bias", "weight_transposed", "_weight_gradient", "_bias_gradient"):
            setattr(part, name, getattr(self, name)[:, outputs])
        return part

    def add_input_gradient(self, gradient: Tensor, total: Tensor | None, workspace: Workspace) -> Tensor:
        """Add the gradient at the input to ``total``, which is written over; None: begin with this one."""
        return self.input_gradient(gradient, workspace) if total is None else total.baddbmm_(gradient, self.weight)
