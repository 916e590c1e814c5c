"""Uncertainty weighting in closed form, through a tempered softmax."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import Balancer, BalancerInputs
from skmtl.balancing._weights import masked_softmax, normalise

MIN_LOSS = 1e-12  # a loss of 0 has no inverse


class SoftOptimalUncertainty(Balancer):
    """Weights softmax((1 / L) / tau): the optimum of uncertainty weighting, 1 / L, through a tempered softmax.

    Multiplied by the loss weights and normalised to sum 1. Losses enter with their scale.

    Parameters
    ----------
    temperature : float, default=10.0
        tau; the larger, the more equal the weights. To be tuned.

    References
    ----------
    Kirchdorfer, L., Elich, C., Kutsche, S., Stuckenschmidt, H., Schott, L. and Köhler, J. M. (2024). Analytical
    uncertainty-based loss weighting in multi-task learning. GCPR.
    """

    needs = frozenset({"losses"})

    def __init__(self, temperature: float = 10.0) -> None:
        self.temperature = temperature

    def start(self, loss_weights: Tensor) -> Any:
        """No state; see :meth:`Balancer.start`."""
        require_number(self.label("temperature"), self.temperature, positive=True)
        return None

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Softmax of inverse losses; see :meth:`Balancer.weights`."""
        assert inputs.losses is not None
        inverse = 1 / inputs.losses.clamp(min=MIN_LOSS)
        return normalise(masked_softmax(inverse / self.temperature, loss_weights > 0), loss_weights), state
