"""Smooth Tchebycheff scalarization."""

from __future__ import annotations

from math import inf
from typing import Any

from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import Balancer, BalancerInputs
from skmtl.balancing._weights import masked_softmax


class STCH(Balancer):
    """Minimise mu log sum_t exp(lambda_t (L_t - z) / mu), a smooth maximum of the weighted losses.

    lambda are the loss weights times the number of tasks. w_t = lambda_t softmax_t(lambda (L - z) / mu), the
    derivative: for equal loss weights they sum to 1. Losses enter with their scale.

    Parameters
    ----------
    smoothing : float, default=0.1
        mu: towards 0 the worst task alone counts, a large value weighs all by lambda.
    ideal_loss : float, default=0.0
        z, what the losses could reach at best.

    References
    ----------
    Lin, X., Zhang, X., Yang, Z., Liu, F., Wang, Z. and Zhang, Q. (2024). Smooth Tchebycheff scalarization for
    multi-objective optimization. ICML.
    """

    needs = frozenset({"losses"})

    def __init__(self, smoothing: float = 0.1, ideal_loss: float = 0.0) -> None:
        self.smoothing, self.ideal_loss = smoothing, ideal_loss

    def start(self, loss_weights: Tensor) -> Any:
        """No state; see :meth:`Balancer.start`."""
        require_number(self.label("smoothing"), self.smoothing, positive=True)
        require_number(self.label("ideal_loss"), self.ideal_loss, minimum=-inf)
        return None

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Softmax of the weighted losses; see :meth:`Balancer.weights`."""
        assert inputs.losses is not None
        factor = loss_weights * loss_weights.shape[1]
        excess = factor * (inputs.losses - self.ideal_loss)
        return factor * masked_softmax(excess / self.smoothing, loss_weights > 0), state
