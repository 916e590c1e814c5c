"""Unconflicting projection of gradients."""

from __future__ import annotations

import numpy as np

from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._complementarity import complementary
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem


class UPGrad(GramianBalancer):
    """Project each gradient onto the directions that hurt no task, and add the projections by the loss weights.

    The projection of g_t onto the dual cone of the gradients is J^T v with the v >= e_t of least v^T G v. With v = e_t
    + x that is the complementarity problem x >= 0, G x + G e_t >= 0, x (G x + G e_t) = 0, solved for all tasks at once.
    Without conflict the direction is that of static weights.

    References
    ----------
    Quinton, P. and Rey, V. (2024). Jacobian descent for multi-objective optimization. arXiv:2406.16232.
    """

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """Project all gradients; see :meth:`GramianBalancer.solve`."""
        cosines, n_tasks = problem.cosines, problem.norms.shape[1]
        each = np.broadcast_to(cosines[:, None], (len(cosines), n_tasks, n_tasks, n_tasks))
        x, _ = complementary(each, cosines)  # (member, task, coefficient)
        amounts = problem.preference * problem.norms
        return amounts + (amounts[:, None, :] @ x)[:, 0]
