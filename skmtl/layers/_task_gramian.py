"""Inner products of many tasks' gradients: by the parameters of one stack of hidden layers, by what they mix."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers._linear import MemberLinear
from skmtl.layers._mlp import MemberMLP
from skmtl.layers._scratch import Scratch


def task_gramian(mlp: MemberMLP, gradient: Tensor, scratch: Scratch, members: slice) -> Tensor:
    """Gramian of the tasks' gradients by all parameters, without a gradient of any task in memory.

    The backward of all tasks runs through each layer as one product, over what the last forward saved.

    Parameters
    ----------
    mlp : MemberMLP
        A stack without copies.
    gradient : Tensor of shape (member, task, row, width)
        Each task's gradient at the last hidden layer; overwritten.
    scratch : Scratch
        Of the last forward.
    members : slice
        The members that ``gradient`` belongs to.

    Returns
    -------
    Tensor of shape (member, task, task)
        Inner products, summed over the layers.
    """
    gramian = gradient.new_zeros(*gradient.shape[:2], gradient.shape[1])
    for i in range(len(mlp.layers) - 1, -1, -1):
        layer = mlp.layers[i]
        mask = scratch.saved.get(layer.name + ".mask")
        if mask is not None:
            gradient = gradient.mul_(mask[members, None])
        gradient = mlp.activation.backward(gradient, scratch.saved[layer.name + ".hidden"][members, None])
        gramian += _layer_gramian(scratch.saved[layer.name][members], gradient)
        if i > 0:
            gradient = _input_gradient(layer, gradient, members)
    return gramian


def mixture_gramian(gates: Tensor, gradient: Tensor) -> Tensor:
    """Gramian of the tasks' gradients by the experts' outputs, where task t reads sum_e g_te E_e.

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


def _layer_gramian(x: Tensor, gradient: Tensor) -> Tensor:
    """Of the gradients x^T D_t by the weight and sum_row D_t by the bias, the weight of a constant input.

    <x^T D_s, x^T D_t> = <D_s, x x^T D_t>: whichever of x^T D and x x^T D is smaller is formed.
    """
    if x.stride(0) == 0:
        x = x[:1]  # rows common to all members
    n_rows, n_inputs = x.shape[1:]
    if n_rows <= n_inputs:
        kernel = torch.baddbmm(x.new_ones(()), x, x.transpose(1, 2))  # of the rows, the constant input in it
        return _inner(gradient, torch.matmul(kernel[:, None], gradient))
    weight = torch.matmul(x.transpose(1, 2)[:, None], gradient)  # (member, task, n_inputs, n_outputs)
    bias = gradient.sum(2)
    return _inner(weight, weight).baddbmm_(bias, bias.transpose(1, 2))


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner products over all but the first two axes: ``(member, task, ...) -> (member, task, task)``."""
    return torch.bmm(a.flatten(2), b.flatten(2).transpose(1, 2))


def _input_gradient(layer: MemberLinear, gradient: Tensor, members: slice) -> Tensor:
    """Gradient at the layer's input, ``(member, task, row, n_inputs)``."""
    weight = layer.weight[members].transpose(1, 2)
    stacked: Tensor = torch.bmm(gradient.flatten(1, 2), weight)  # (member, task * row, n_inputs)
    return stacked.view(*gradient.shape[:3], -1)
