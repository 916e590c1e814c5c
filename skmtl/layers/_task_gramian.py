"""Gramians of many tasks' gradients, with respect to one stack of hidden layers or to the outputs of experts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from skmtl.layers._linear import MemberLinear
from skmtl.layers._mlp import MemberMLP
from skmtl.layers._workspace import Workspace


class LayerGradients(NamedTuple):
    """Each task's gradients of one layer: ``(member, task, n_inputs, n_outputs)`` and ``(member, task, n_outputs)``."""

    weight: Tensor
    bias: Tensor


def task_gramian(
    mlp: MemberMLP, gradient: Tensor, workspace: Workspace, members: slice
) -> tuple[Tensor, list[LayerGradients | None]]:
    """Gramian of the tasks' gradients with respect to all parameters.

    The backward of all tasks runs through each layer as one product, over what the last forward saved. The gradients by
    a layer are formed where that takes fewer multiplications than to go round them.

    Parameters
    ----------
    mlp : MemberMLP
        A stack without copies.
    gradient : Tensor of shape (member, task, row, width)
        Each task's gradient at the last hidden layer; overwritten.
    workspace : Workspace
        Of the last forward. What is returned holds until it is used for so many members again.
    members : slice
        The members that ``gradient`` belongs to.

    Returns
    -------
    gramian : Tensor of shape (member, task, task)
        Inner products, summed over the layers.
    formed : list
        The tasks' gradients by each layer; None where they were not formed.
    """
    gramian = gradient.new_zeros(*gradient.shape[:2], gradient.shape[1])
    formed: list[LayerGradients | None] = []
    for i in range(len(mlp.layers) - 1, -1, -1):
        layer = mlp.layers[i]
        mask = workspace.saved.get(layer.name + ".mask")
        if mask is not None:
            gradient = gradient.mul_(mask[members, None])
        gradient = mlp.activation.backward(gradient, workspace.saved[layer.name + ".hidden"][members, None])
        x = workspace.saved[layer.name][members]
        if _formed_sooner(layer, gradient):
            by_layer = _form(layer, x, gradient, workspace)
            formed.insert(0, by_layer)
            gramian += _inner(by_layer.weight).baddbmm_(by_layer.bias, by_layer.bias.transpose(1, 2))
        else:
            formed.insert(0, None)
            gramian += _inner_without_forming(layer, x, gradient, workspace)
        if i > 0:
            gradient = _input_gradient(layer, gradient, members, workspace)
    return gramian, formed


def mixture_gramian(gates: Tensor, gradient: Tensor) -> Tensor:
    """Gramian of the tasks' gradients with respect to the experts' outputs, where task t reads sum_e g_te E_e.

    Its gradient by E_e is g_te a_t with a_t the one at its mixture, so that two tasks' inner product is
    sum_row (g_s . g_t) (a_s . a_t): no gradient by an expert is formed.

    Parameters
    ----------
    gates : Tensor of shape (member, row, task, expert)
        Weights of the experts.
    gradient : Tensor of shape (member * task, row, width)
        Gradient at the mixtures.

    Returns
    -------
    Tensor of shape (member, task, task)
        Inner products.
    """
    by_row = gradient.unflatten(0, (-1, gates.shape[2])).transpose(1, 2)  # (member, row, task, width)
    products: Tensor = (gates @ gates.mT).mul_(by_row @ by_row.mT)
    return products.sum(1)


def _formed_sooner(layer: MemberLinear, gradient: Tensor) -> bool:
    """Whether x^T D_t of all tasks costs no more than x x^T and x x^T D_t."""
    n_tasks, n_rows = gradient.shape[1:3]
    through_rows = n_rows * (layer.n_inputs + n_tasks * layer.n_outputs)
    return n_tasks * layer.n_inputs * layer.n_outputs <= through_rows


def _form(layer: MemberLinear, x: Tensor, gradient: Tensor, workspace: Workspace) -> LayerGradients:
    """Gradients x^T D_t by the weight and sum_row D_t by the bias."""
    out = _out(f"{layer.name}.formed", (*gradient.shape[:2], layer.n_inputs, layer.n_outputs), gradient, workspace)
    return LayerGradients(torch.matmul(x.transpose(1, 2)[:, None], gradient, out=out), gradient.sum(2))


def _inner_without_forming(layer: MemberLinear, x: Tensor, gradient: Tensor, workspace: Workspace) -> Tensor:
    """<x^T D_s, x^T D_t> = <D_s, x x^T D_t>, with a constant input whose weight is the bias."""
    if x.stride(0) == 0:
        x = x[:1]  # rows common to all members
    kernel = torch.baddbmm(x.new_ones(()), x, x.transpose(1, 2))
    out = _out(f"{layer.name}.through_rows", tuple(gradient.shape), gradient, workspace)
    return _inner(gradient, torch.matmul(kernel[:, None], gradient, out=out))


def _inner(a: Tensor, b: Tensor | None = None) -> Tensor:
    """Inner products over all but the first two axes: ``(member, task, ...) -> (member, task, task)``."""
    return torch.bmm(a.flatten(2), (a if b is None else b).flatten(2).transpose(1, 2))


def _input_gradient(layer: MemberLinear, gradient: Tensor, members: slice, workspace: Workspace) -> Tensor:
    """Gradient at the layer's input, ``(member, task, row, n_inputs)``."""
    shape = (*gradient.shape[:3], layer.n_inputs)
    out = _out(f"{layer.name}.below", shape, gradient, workspace)
    weight = layer.weight[members].transpose(1, 2)
    stacked = torch.bmm(gradient.flatten(1, 2), weight, out=None if out is None else out.flatten(1, 2))
    return stacked.view(shape)


def _out(name: str, shape: tuple[int, ...], like: Tensor, workspace: Workspace) -> Tensor | None:
    """Memory for a result by member and task: fresh pages of this size cost more than the sums over them."""
    members, n_tasks, rows, width = shape
    memory = workspace.out(f"{name}.{members}", members * n_tasks, rows, width, like)
    return None if memory is None else memory.view(shape)
