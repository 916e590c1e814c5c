"""Sum of the logarithms of the losses."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import Balancer, BalancerInputs
from skmtl.balancing._weights import first_losses, unknown_losses


class LogLosses(Balancer):
    """Minimise sum_t p_t log(L_t + eps L_t(0)), the logarithm of the losses' geometric mean; p are the loss weights.

    w_t = p_t / (L_t + eps L_t(0)): the factor by which a loss falls counts, not its scale. The weights are the
    derivatives, not normalised: they rise as the losses fall.

    Parameters
    ----------
    epsilon : float, default=1e-6
        eps, relative to the task's first loss, so that the scale of a loss cancels.

    References
    ----------
    Chennupati, S., Sistu, G., Yogamani, S. and A Rawashdeh, S. (2019). MultiNet++: Multi-stream feature aggregation and
    geometric loss strategy for multi-task learning. CVPR Workshops.
    """

    needs = frozenset({"losses"})

    def __init__(self, epsilon: float = 1e-6) -> None:
        self.epsilon = epsilon

    def start(self, loss_weights: Tensor) -> Any:
        """No first loss yet; see :meth:`Balancer.start`."""
        require_number(self.label("epsilon"), self.epsilon, positive=True)
        return unknown_losses(loss_weights)

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Loss weight over loss; see :meth:`Balancer.weights`."""
        assert inputs.losses is not None
        present = loss_weights > 0
        first = first_losses(state, inputs.losses, present)
        floored = (inputs.losses + self.epsilon * first).clamp(min=1e-30)  # a first loss of 0
        return (loss_weights / floored).where(present, loss_weights), first
