"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from skmtl._params import require_boolean, require_number
from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers._optimizer import Memberwise, Optimizer, Update
from skmtl.training.optimizers.weight_average import WeightAverage


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    u = momentum u + g, theta = (1 - lr wd) theta - lr u; with Nesterov's momentum, g + momentum u in place of u.

    Decoupled weight decay rests where g + (1 - momentum) wd theta = 0, so what it penalises depends on the momentum.
    With ``decoupled=False`` the decay is part of the gradient, g + wd theta: exactly the Frobenius penalty
    wd / 2 |theta|^2 on all parameters (biases among them) of classic regularised multi-task networks. Without momentum
    the two are the same.

    Parameters
    ----------
    momentum : float, default=0.9
        Decay of the velocity.
    nesterov : bool, default=True
        Whether to look ahead.
    decoupled : bool, default=True
        Whether weight decay stays out of the velocity.
    weight_average : {"ema", "swa"}, WeightAverage or None, default=None
        Average of the weights along the run that is validated and kept in place of the weights of an epoch, by name or
        as an object such as ``EMA(decay=0.9)``.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        nesterov: bool = True,
        decoupled: bool = True,
        weight_average: Literal["ema", "swa"] | WeightAverage | None = None,
    ) -> None:
        self.momentum, self.nesterov, self.decoupled = momentum, nesterov, decoupled
        self.weight_average = weight_average

    def start(self, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> Update:
        """Begin a run at rest; see :meth:`Optimizer.start`."""
        require_number(self.label("momentum"), self.momentum, below=1)
        require_boolean(self.label("nesterov"), self.nesterov)
        require_boolean(self.label("decoupled"), self.decoupled)
        return _MemberwiseSGD(self, buffer, learning_rate, weight_decay)


class _MemberwiseSGD(Memberwise):
    tensors = ("_rate", "_decay", "_velocity")
    saved = ("_velocity",)

    def __init__(self, settings: SGD, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> None:
        self.settings, self.buffer = settings, buffer
        self._rate = buffer.per_member(learning_rate)
        self._decay = buffer.per_member(learning_rate * weight_decay if settings.decoupled else weight_decay)
        self._velocity = torch.zeros_like(buffer.gradient)

    def step(self, factor: float | Tensor) -> None:
        assert isinstance(factor, float)
        values, gradient = self.buffer.learned, self.buffer.gradient
        if self.settings.decoupled:
            values.addcmul_(self._decay, values, value=-factor)
        else:
            gradient.addcmul_(self._decay, values)
        self._velocity.mul_(float(self.settings.momentum)).add_(gradient)
        direction = self._velocity
        if self.settings.nesterov:
            direction = gradient.add(self._velocity, alpha=float(self.settings.momentum))
        values.addcmul_(self._rate, direction, value=-factor)
