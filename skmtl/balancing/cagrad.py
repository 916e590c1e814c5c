"""Conflict-averse gradient descent."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from torch import Tensor

from skmtl.balancing._balancer import Seen, require
from skmtl.balancing._complementarity import complementary, solve_on
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, times

MOST_STEPS = 40
TOLERANCE = 1e-10  # of the distance, relative to the radius


class CAGrad(GramianBalancer):
    """The direction near the weighted mean gradient that helps the worst task most.

    max_d min_t g_t . d subject to |d - g_0| <= c |g_0|, g_0 = sum_t p_t g_t, p the loss weights. The dual minimises
    g_w . g_0 + c |g_0| |g_w| over w on the simplex, and d = g_0 + (c |g_0| / |g_w|) g_w.

    d is also the point closest to g_0 at which every task gains at least lam, for the greatest lam that keeps it within
    the radius. With d = g_0 + J^T x, x solves the complementarity problem x >= 0, G x + G p >= lam, x (G x + G p - lam)
    = 0. The distance |J^T x| is a convex, rising function of lam, and its square is quadratic as long as the same x are
    positive: a few jumps to the root of the quadratic at hand find the solution.

    Parameters
    ----------
    c : float, default=0.5
        Radius around the mean gradient; 0 is static weighting.
    gradient : {"parameters", "representation"}, default="parameters"
        By what the gradients are taken; see :class:`GradientBalancer`.

    References
    ----------
    Liu, B., Liu, X., Jin, X., Stone, P. and Liu, Q. (2021). Conflict-averse gradient descent for multi-task learning.
    NeurIPS 34.
    """

    def __init__(self, c: float = 0.5, gradient: Literal["parameters", "representation"] = "parameters") -> None:
        super().__init__(gradient)
        self.c = c

    def start(self, importance: Tensor) -> Any:
        """Check ``c``; see :meth:`Balancer.start`."""
        require(self, "c", 0 <= self.c < 1, "at least 0 and less than 1")
        return super().start(importance)

    def solve(self, problem: Problem, seen: Seen) -> Floats:
        """Mean gradient and correction; see :meth:`GramianBalancer.solve`."""
        amounts = problem.preference * problem.norms
        return amounts + _correction(problem, amounts, self.c)


def _correction(problem: Problem, amounts: Floats, c: float) -> Floats:
    """x, in amounts of unit gradients, ``(member, task)``.

    Where a jump to the root of a quadratic passes the solution, Newton's method goes back; no step goes beyond the
    point that Newton's method reached from above, which never passes the solution.
    """
    cosines, present = problem.cosines, problem.present
    gains = times(cosines, amounts)  # of the unit gradients from g_0
    radius = c * np.sqrt(np.maximum((amounts * gains).sum(1, keepdims=True), 0))
    longest = radius * (1 + problem.ridge) ** 0.5  # gain of a step of this length along a task's own gradient
    each = np.where(present, (gains + longest) * problem.norms, np.inf)  # what a task could gain at most
    lam = upper = np.where(present.any(1, keepdims=True), each.min(1, keepdims=True), 0.0)
    per_unit = present / problem.norms  # lam is a gain of the gradients, not of the unit gradients
    active = present & (each <= lam)
    for _ in range(MOST_STEPS):
        x, active = complementary(cosines, np.where(present, gains - lam * per_unit, 1.0), active)
        distance = np.sqrt(np.maximum((x * times(cosines, x)).sum(1, keepdims=True), 0))
        beyond = distance - radius
        wrong = np.abs(beyond) > TOLERANCE * radius
        if not wrong.any():
            break
        slope = (per_unit * x).sum(1, keepdims=True)  # half that of the squared distance
        curvature = (per_unit * solve_on(cosines, per_unit, active)).sum(1, keepdims=True)
        newton = lam - beyond * distance / np.where(slope > 0, slope, np.inf)
        upper = np.minimum(upper, newton)
        root = lam - (distance + radius) * beyond / (
            slope + np.sqrt(np.maximum(slope**2 - curvature * (distance**2 - radius**2), 0))
        )
        lam = np.where(wrong, np.where(beyond > 0, root, upper), lam)
    return x
