"""Multi-task learning as a bargaining game."""

from __future__ import annotations

from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._bargaining import bargain
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, with_total


class NashMTL(GramianBalancer):
    """The Nash bargaining solution: the direction d of given length that maximises sum_t p_t log(g_t . d).

    p are the loss weights. It is d = J^T w with G w = p / w. The weights, all positive, are normalised to sum 1, which
    takes the place of the original's bound on the length of d. Scaling a loss scales its weight inversely and leaves
    the direction as it is.

    References
    ----------
    Navon, A., Shamsian, A., Achituve, I., Maron, H., Kawaguchi, K., Chechik, G. and Fetaya, E. (2022). Multi-task
    learning as a bargaining game. ICML.
    """

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """G w = p / w; see :meth:`GramianBalancer.solve`."""
        return with_total(problem, bargain(problem, 1.0))
