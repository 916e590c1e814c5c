"""Impartial multi-task learning by gradients."""

from __future__ import annotations

import numpy as np

from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, with_total


class IMTLG(GramianBalancer):
    """The direction whose projections on all gradients are equal: v = G^+ sqrt(diag G), w = v / sum v.

    The weights may be negative. They are multiplied by the loss weights and normalised to sum 1. Where v sums to a
    negative number, dividing by it would turn the direction against every task; it is divided by its absolute value.

    References
    ----------
    Liu, L., Li, Y., Kuang, Z., Xue, J.-H., Chen, Y., Yang, W., Liao, Q. and Zhang, W. (2021). Towards impartial
    multi-task learning. ICLR.
    """

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """Equal projections on the unit gradients; see :meth:`GramianBalancer.solve`."""
        ones = np.ones_like(problem.norms)
        v = np.linalg.solve(problem.cosines, ones[:, :, None])[:, :, 0]
        return with_total(problem, v * problem.preference)
