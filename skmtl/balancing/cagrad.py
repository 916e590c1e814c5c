"""Conflict-averse gradient descent."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from skmtl.balancing._balancer import Seen, require
from skmtl.balancing._complementarity import complementary
from skmtl.balancing._gramian import GramianBalancer, Problem

MOST_STEPS = 40
TOLERANCE = 1e-13  # of the distance, relative to the radius


class CAGrad(GramianBalancer):
    """The direction near the weighted mean gradient that helps the worst task most.

    max_d min_t g_t . d subject to |d - g_0| <= c |g_0|, g_0 = sum_t p_t g_t, p the loss weights. The dual minimises
    g_w . g_0 + c |g_0| |g_w| over w on the simplex, and d = g_0 + (c |g_0| / |g_w|) g_w.

    d is also the point closest to g_0 at which every task gains at least lam, for the greatest lam that keeps it within
    the radius. With d = g_0 + J^T x, x solves the complementarity problem x >= 0, G x + G p >= lam, x (G x + G p - lam)
    = 0. The distance |J^T x| is a convex, rising function of lam with the derivative sum(x) / |J^T x|: Newton's method
    from above, where a single task gains the most that it can, falls to the solution and never passes it.

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

    def solve(self, problem: Problem, seen: Seen) -> Tensor:
        """Mean gradient and correction; see :meth:`GramianBalancer.solve`."""
        amounts = problem.preference * problem.norms
        return amounts + _correction(problem, amounts, self.c)


def _correction(problem: Problem, amounts: Tensor, c: float) -> Tensor:
    """x, in amounts of unit gradients, ``(member, task)``."""
    cosines, present = problem.cosines, problem.present
    gains = (cosines @ amounts[:, :, None])[:, :, 0]  # of the unit gradients from g_0
    radius = c * (amounts * gains).sum(1, keepdim=True).clamp(min=0).sqrt()
    each = torch.where(present, (gains + radius) * problem.norms, torch.inf)  # what a task could gain at most
    lam = torch.where(present.any(1, keepdim=True), each.amin(1, keepdim=True), 0.0)
    per_unit = torch.where(present, 1 / problem.norms, 0.0)  # lam is a gain of the gradients, not of the unit gradients
    active = present & (each <= lam)
    for _ in range(MOST_STEPS):
        x, active = complementary(cosines, torch.where(present, gains - lam * per_unit, 1.0), active)
        distance = (x * (cosines @ x[:, :, None])[:, :, 0]).sum(1, keepdim=True).clamp(min=0).sqrt()
        beyond = distance - radius
        if (beyond <= TOLERANCE * radius).all():
            break
        slope = (per_unit * x).sum(1, keepdim=True) / torch.where(distance > 0, distance, 1.0)
        lam = lam - torch.where(slope > 0, beyond / torch.where(slope > 0, slope, 1.0), 0.0)
    return x
