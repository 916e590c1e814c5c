"""Fast adaptive multitask optimization."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import Balancer, BalancerInputs
from skmtl.balancing._weights import Moments, adam, first_losses, masked_softmax, unknown_losses


class _Logits(NamedTuple):
    """Logits xi with Adam's moments, the first losses, and what the previous step saw."""

    logits: Tensor
    moments: Moments
    first: Tensor
    log_losses: Tensor
    present: Tensor


class FAMO(Balancer):
    """Weights under which all losses fall at the same rate, without a gradient of any task.

    The objective is c sum_t z_t log(L_t - b + eps L_t(0)) with z = softmax(xi) and the constant
    c = 1 / sum_t z_t / (L_t - b + eps L_t(0)), so that the weights sum to 1. After the step the losses of the same
    batch are computed again, and Adam moves xi towards the tasks whose logarithm fell least. The loss weights multiply
    z.

    Parameters
    ----------
    learning_rate : float, default=0.025
        Of xi.
    weight_decay : float, default=0.001
        Adds ``weight_decay * xi`` to the gradient by xi.
    best_loss : float, default=0.0
        b, a lower bound of the losses.
    epsilon : float, default=1e-6
        eps, relative to the task's first loss.

    References
    ----------
    Liu, B., Feng, Y., Stone, P. and Liu, Q. (2023). FAMO: Fast adaptive multitask optimization. NeurIPS 36.
    """

    needs = frozenset({"losses", "losses_after_step"})

    def __init__(
        self,
        learning_rate: float = 0.025,
        weight_decay: float = 1e-3,
        best_loss: float = 0.0,
        epsilon: float = 1e-6,
    ) -> None:
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.best_loss, self.epsilon = best_loss, epsilon

    def start(self, loss_weights: Tensor) -> Any:
        """Equal logits; see :meth:`Balancer.start`."""
        require_number(self.label("learning_rate"), self.learning_rate)
        require_number(self.label("weight_decay"), self.weight_decay)
        require_number(self.label("best_loss"), self.best_loss, minimum=-inf)
        require_number(self.label("epsilon"), self.epsilon, positive=True)
        zero = torch.zeros_like(loss_weights)
        return _Logits(zero, Moments.zero(zero), unknown_losses(zero), zero, zero > 0)

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Learn from the previous step, then weigh this one; see :meth:`Balancer.weights`."""
        assert inputs.losses is not None
        logits, moments = self._learned(state, inputs.losses_after_step)
        present = loss_weights > 0
        first = first_losses(state.first, inputs.losses, present)
        gaps = self._gaps(inputs.losses, first)
        fractions = masked_softmax(logits, present) * loss_weights / gaps
        total = fractions.sum(1, keepdim=True)
        weights = fractions * (loss_weights.sum(1, keepdim=True) / torch.where(total > 0, total, 1.0))
        weights = torch.where(present, weights, 0.0)
        return weights, _Logits(logits, moments, first, gaps.log(), present)

    def _learned(self, state: _Logits, losses_after_step: Tensor | None) -> tuple[Tensor, Moments]:
        if losses_after_step is None:
            return state.logits, state.moments
        fall = torch.where(state.present, state.log_losses - self._gaps(losses_after_step, state.first).log(), 0.0)
        fractions = masked_softmax(state.logits, state.present)
        gradient = fractions * (fall - (fractions * fall).sum(1, keepdim=True)) + self.weight_decay * state.logits
        return adam(state.logits, gradient, state.moments, self.learning_rate, state.present)

    def _gaps(self, losses: Tensor, first: Tensor) -> Tensor:
        floor = self.epsilon * torch.where(first > 0, first, 1.0)
        return (losses - self.best_loss + floor).maximum(floor)
