"""Activations and their derivatives, and dropout behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skmtl.layers._workspace import Workspace


@dataclass(frozen=True)
class Activation:
    """An elementwise function and its backward.

    Attributes
    ----------
    apply : callable
        Pre-activations to activations: in place where the derivative is a function of the output, else beside them.
    backward : callable
        ``(gradient, kept) -> gradient at the pre-activation``, written over ``gradient``; ``kept`` is what ``apply``
        was given, as it left it.
    gain : float
        Weights drawn with standard deviation gain / sqrt(n_inputs) keep the variance from layer to layer.
    """

    apply: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    gain: float


def _identity(z: Tensor) -> Tensor:
    return z


def _identity_backward(gradient: Tensor, output: Tensor) -> Tensor:
    return gradient


def _relu_backward(gradient: Tensor, output: Tensor) -> Tensor:
    return torch.ops.aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)  # type: ignore[no-any-return]


def _tanh_backward(gradient: Tensor, output: Tensor) -> Tensor:
    return gradient.mul_(1 - output.square())


def _logistic_backward(gradient: Tensor, output: Tensor) -> Tensor:
    return gradient.mul_(output * (1 - output))


def _silu(z: Tensor) -> Tensor:
    return torch.ops.aten.silu(z)  # type: ignore[no-any-return]


def _silu_backward(gradient: Tensor, z: Tensor) -> Tensor:
    """Z s(z) with s the logistic function has the derivative s(z) (1 + z (1 - s(z)))."""
    written: Tensor = torch.ops.aten.silu_backward.grad_input(gradient, z, grad_input=gradient)
    return written


ACTIVATIONS = {
    "identity": Activation(_identity, _identity_backward, 1.0),
    "logistic": Activation(torch.sigmoid_, _logistic_backward, 1.0),
    "tanh": Activation(torch.tanh_, _tanh_backward, 5 / 3),
    "relu": Activation(torch.relu_, _relu_backward, 2**0.5),
    "silu": Activation(_silu, _silu_backward, 1.677),
}


class MemberNonlinearity:
    """h = dropout(activation(z)).

    Parameters
    ----------
    name : str
        Under which run state is saved.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : Tensor of shape (member,)
        Dropout rate of each member.
    """

    def __init__(self, name: str, activation: str, dropout: Tensor) -> None:
        self.activation, self.dropout = ACTIVATIONS[activation], dropout
        self._hidden_name, self._mask_name = f"{name}.hidden", f"{name}.mask"
        self._drops: list[bool] = (dropout > 0).tolist()
        self._any_drops = any(self._drops)

    def forward(self, z: Tensor, workspace: Workspace) -> Tensor:
        """``(stack, row, width)``, which is overwritten, to the same shape."""
        workspace.saved[self._hidden_name] = z
        h = self.activation.apply(z)
        if self._any_drops and workspace.training:
            stack, rows, width = h.shape
            mask = workspace.keep_mask(self._mask_name, (stack, rows, width), self.dropout, h, self._drops)
            workspace.saved[self._mask_name] = mask
            h = torch.mul(h, mask, out=workspace.out(self._mask_name, stack, rows, width, h))
        return h

    def backward(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at z from the one at h, which is overwritten."""
        if self._any_drops:
            gradient = gradient.mul_(workspace.saved[self._mask_name])
        return self.activation.backward(gradient, workspace.saved[self._hidden_name])
