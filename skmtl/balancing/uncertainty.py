"""Learned observation noise."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import Balancer, BalancerInputs
from skmtl.balancing._weights import Moments, adam


class Uncertainty(Balancer):
    """Minimise sum_t p_t (a_t exp(-s_t) L_t + b_t s_t) also by s, the log of each task's noise; p are the loss weights.

    The kind of a task says which likelihood: a = b = 1/2 for squared errors, a = 1 and b = 1/2 for classes, a = b = 1
    for absolute and other errors. s is not clamped, so that losses above 1 lose weight and losses below 1 gain it, and
    is learned by Adam. The weights p_t a_t exp(-s_t) are the derivatives, not normalised.

    Parameters
    ----------
    learning_rate : float, default=0.01
        Of s.

    References
    ----------
    Kendall, A., Gal, Y. and Cipolla, R. (2018). Multi-task learning using uncertainty to weigh losses for scene
    geometry and semantics. CVPR.
    """

    needs = frozenset({"losses", "likelihood"})

    def __init__(self, learning_rate: float = 0.01) -> None:
        self.learning_rate = learning_rate

    def start(self, loss_weights: Tensor) -> Any:
        """Noise of 1; see :meth:`Balancer.start`."""
        require_number(self.label("learning_rate"), self.learning_rate)
        return torch.zeros_like(loss_weights), Moments.zero(loss_weights)

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Inverse of the noise; see :meth:`Balancer.weights`."""
        assert inputs.losses is not None
        assert inputs.likelihood is not None
        log_noise, moments = state
        slope, offset = inputs.likelihood
        precision = slope * (-log_noise).exp()
        gradient = offset - precision * inputs.losses
        return loss_weights * precision, adam(log_noise, gradient, moments, self.learning_rate, loss_weights > 0)
