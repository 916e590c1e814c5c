"""Gradient normalization."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import BalancerInputs, GradientBalancer
from skmtl.balancing._weights import Moments, adam, first_losses, masked_softmax, normalise, unknown_losses


class _Progress(NamedTuple):
    logits: Tensor
    moments: Moments
    first: Tensor


class GradNorm(GradientBalancer):
    """Weights under which the norms of the weighted gradients follow how slowly each task learns.

    With v = T softmax(xi), Adam moves xi to lower sum_t | v_t |g_t| - mean_s(v_s |g_s|) r_t^alpha |, the second term
    held fixed; r_t = (L_t / L_t(0)) / mean_s(L_s / L_s(0)) is the task's own rate. The logits keep the weights
    positive. They are multiplied by the loss weights and normalised to sum 1.

    Parameters
    ----------
    alpha : float, default=1.5
        How strongly slow tasks are pulled up.
    learning_rate : float, default=0.025
        Of xi.
    gradient : {"parameters", "representation"}, default="parameters"
        What the gradients are taken with respect to; see :class:`GradientBalancer`.

    References
    ----------
    Chen, Z., Badrinarayanan, V., Lee, C.-Y. and Rabinovich, A. (2018). GradNorm: Gradient normalization for adaptive
    loss balancing in deep multitask networks. ICML.
    """

    needs = frozenset({"losses", "gradient_norms"})

    def __init__(
        self,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
        gradient: Literal["parameters", "representation"] = "parameters",
    ) -> None:
        super().__init__(gradient)
        self.alpha, self.learning_rate = alpha, learning_rate

    def start(self, loss_weights: Tensor) -> Any:
        """Equal weights; see :meth:`Balancer.start`."""
        super().start(loss_weights)
        require_number(self.label("alpha"), self.alpha)
        require_number(self.label("learning_rate"), self.learning_rate)
        return _Progress(torch.zeros_like(loss_weights), Moments.zero(loss_weights), unknown_losses(loss_weights))

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Move the weights, then use them; see :meth:`Balancer.weights`."""
        assert inputs.losses is not None
        assert inputs.gradient_norms is not None
        present = loss_weights > 0
        first = first_losses(state.first, inputs.losses, present)
        count = present.sum(1, keepdim=True).clamp(min=1)
        fractions = masked_softmax(state.logits, present)
        norms = torch.where(present, count * fractions * inputs.gradient_norms, 0.0)
        target = norms.sum(1, keepdim=True) / count * self._rate(inputs.losses, first, present)
        pull = (norms - target).sign() * norms  # derivative by log v_t
        gradient = pull - fractions * pull.sum(1, keepdim=True)  # through the softmax
        logits, moments = adam(state.logits, gradient, state.moments, self.learning_rate, present)
        return normalise(masked_softmax(logits, present), loss_weights), _Progress(logits, moments, first)

    def _rate(self, losses: Tensor, first: Tensor, present: Tensor) -> Tensor:
        """Each task's loss ratio over their mean, to the power alpha."""
        left = torch.where(present & (first > 0), losses / first, 0.0)
        mean = left.sum(1, keepdim=True) / present.sum(1, keepdim=True).clamp(min=1)
        return (left / torch.where(mean > 0, mean, 1.0)) ** self.alpha
