"""Multiple-gradient descent."""

from __future__ import annotations

import numpy as np

from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._complementarity import complementary
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, with_total


class MGDA(GramianBalancer):
    """Weights on the simplex with the shortest combined gradient: the direction in which the worst task falls fastest.

    min w^T G w over w >= 0, sum w = 1. At the minimum G w = m on the weights that are positive and G w >= m elsewhere,
    so that x = w / m solves the complementarity problem x >= 0, G x >= 1, x_t (G x - 1)_t = 0. The weights are
    multiplied by the loss weights and normalised to sum 1. Tasks with short gradients get most of the weight.

    References
    ----------
    Sener, O. and Koltun, V. (2018). Multi-task learning as multi-objective optimization. NeurIPS 31.
    """

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """Minimum-norm point; see :meth:`GramianBalancer.solve`."""
        offset = np.where(problem.present, -1 / problem.norms, 1.0)
        x, _ = complementary(problem.cosines, offset)
        return with_total(problem, x * problem.preference)
