"""Activations whose derivative is a function of their output, so that one tensor a layer is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """An elementwise function and its backward.

    Attributes
    ----------
    apply_ : callable
        Replaces pre-activations by activations in place.
    backward : callable
        ``(gradient, output) -> gradient at the pre-activation``, written over ``gradient``.
    gain : float
        Weights drawn with standard deviation gain / sqrt(n_inputs) keep the variance from layer to layer.
    """

    apply_: Callable[[Tensor], Tensor]
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


ACTIVATIONS = {
    "identity": Activation(_identity, _identity_backward, 1.0),
    "logistic": Activation(torch.sigmoid_, _logistic_backward, 1.0),
    "tanh": Activation(torch.tanh_, _tanh_backward, 5 / 3),
    "relu": Activation(torch.relu_, _relu_backward, 2**0.5),
}
