"""Sum of the logarithms of the losses."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from skmtl.balancing._balancer import Balancer, Seen, require
from skmtl.balancing._weights import first_losses, unseen


class LogLosses(Balancer):
    """Minimise sum_t p_t log(L_t + eps L_t(0)), the logarithm of the losses' geometric mean; p are the loss weights.

    w_t = p_t / (L_t + eps L_t(0)): the factor by which a loss falls counts, not its scale. The weights are the
    derivatives as they are, not normalised: they rise as the losses fall.

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

    def start(self, importance: Tensor) -> Any:
        """No first loss yet; see :meth:`Balancer.start`."""
        require(self, "epsilon", self.epsilon > 0, "positive")
        return unseen(importance)

    def weights(self, importance: Tensor, seen: Seen, state: Any) -> tuple[Tensor, Any]:
        """Importance over loss; see :meth:`Balancer.weights`."""
        assert seen.losses is not None
        present = importance > 0
        first = first_losses(state, seen.losses, present)
        floored = (seen.losses + self.epsilon * first).clamp(min=1e-30)  # a first loss of 0
        return (importance / floored).where(present, importance), first
