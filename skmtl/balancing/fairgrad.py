"""Fair resource allocation."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._bargaining import bargain
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, with_total


class FairGrad(GramianBalancer):
    """The direction d of given length that maximises the alpha-fair utility of the gains g_t . d.

    It is d = J^T w with G w = p w^(-1 / alpha), p the loss weights. Large alpha favours the task that
    gains least; alpha = 1 is Nash bargaining. The weights, all positive, are normalised to sum 1.

    Parameters
    ----------
    alpha : float, default=2.0
        Fairness; positive.
    gradient : {"parameters", "representation"}, default="parameters"
        What the gradients are taken with respect to; see :class:`GradientBalancer`.

    References
    ----------
    Ban, H. and Ji, K. (2024). Fair resource allocation in multi-task learning. ICML.
    """

    def __init__(self, alpha: float = 2.0, gradient: Literal["parameters", "representation"] = "parameters") -> None:
        super().__init__(gradient)
        self.alpha = alpha

    def start(self, loss_weights: Tensor) -> Any:
        """Check ``alpha``; see :meth:`Balancer.start`."""
        require_number(self.label("alpha"), self.alpha, positive=True)
        return super().start(loss_weights)

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """G w = p w^(-1 / alpha); see :meth:`GramianBalancer.solve`."""
        return with_total(problem, bargain(problem, 1 / self.alpha))
