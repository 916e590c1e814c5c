"""Conflict-averse gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._complementarity import complementary, solve_on
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, times

MAX_GUESSES, MAX_STEPS = 8, 40
TOLERANCE = 1e-10  # of the distance, relative to the radius


class CAGrad(GramianBalancer):
    """The direction near the weighted mean gradient that helps the worst task most.

    max_d min_t g_t . d subject to |d - g_0| <= c |g_0|, g_0 = sum_t p_t g_t, p the loss weights. The dual minimises
    g_w . g_0 + c |g_0| |g_w| over w on the simplex, and d = g_0 + (c |g_0| / |g_w|) g_w.

    d is also the point closest to g_0 at which every task gains at least lam, for the greatest lam that keeps it within
    the radius. With d = g_0 + J^T x, x solves the complementarity problem x >= 0, G x + G p >= lam, x (G x + G p - lam)
    = 0. Where it is known which x are positive, they follow in closed form.

    Parameters
    ----------
    c : float, default=0.5
        Radius around the mean gradient; 0 is static weighting.
    gradient : {"parameters", "representation"}, default="parameters"
        What the gradients are taken with respect to; see :class:`GradientBalancer`.

    References
    ----------
    Liu, B., Liu, X., Jin, X., Stone, P. and Liu, Q. (2021). Conflict-averse gradient descent for multi-task learning.
    NeurIPS 34.
    """

    def __init__(self, c: float = 0.5, gradient: Literal["parameters", "representation"] = "parameters") -> None:
        super().__init__(gradient)
        self.c = c

    def start(self, loss_weights: Tensor) -> Any:
        """Check ``c``; see :meth:`Balancer.start`."""
        require_number(self.label("c"), self.c, below=1)
        return super().start(loss_weights)

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """Mean gradient and correction; see :meth:`GramianBalancer.solve`."""
        amounts = problem.preference * problem.norms
        return amounts + _correction(_Ball.around(amounts, problem, self.c))


@dataclass(frozen=True)
class _Ball:
    """The problem in unit gradients: gains from g_0, what a gain of 1 is in unit gradients, the radius."""

    cosines: Floats
    gains: Floats  # (member, task)
    per_unit: Floats  # (member, task); 0 for a task that is left out
    radius: Floats  # (member, 1)
    max_gain: Floats  # (member, 1): no task can gain more than the one that gains least on its own

    @classmethod
    def around(cls, amounts: Floats, problem: Problem, c: float) -> _Ball:
        gains = times(problem.cosines, amounts)
        radius = c * np.sqrt(np.maximum((amounts * gains).sum(1, keepdims=True), 0))
        alone = (gains + radius * (1 + problem.ridge) ** 0.5) * problem.norms
        max_gain = np.where(problem.present, alone, np.inf).min(1, keepdims=True)
        max_gain[np.isinf(max_gain)] = 0.0  # no task is present
        return cls(problem.cosines, gains, problem.present / problem.norms, radius, max_gain)


def _correction(ball: _Ball) -> Floats:
    """x, in amounts of unit gradients, ``(member, task)``: an active-set iteration changes all wrong signs.

    With x = lam a - b, G a = per_unit and G b = gains where x is positive, |J^T x| = radius is a quadratic in lam.
    """
    passive = ball.gains < ball.max_gain * ball.per_unit
    for _ in range(MAX_GUESSES):
        right = np.stack([ball.per_unit, ball.gains], -1)
        a, b = np.moveaxis(solve_on(ball.cosines, right, passive), -1, 0)
        aa, ab, bb = ((u * v).sum(1, keepdims=True) for u, v in ((ball.per_unit, a), (ball.gains, a), (ball.gains, b)))
        root = ab + np.sqrt(np.maximum(ab**2 - aa * (bb - ball.radius**2), 0))
        lam = root / np.where(aa > 0, aa, np.inf)
        x: Floats = lam * a - b
        slack = times(ball.cosines, x) + ball.gains - lam * ball.per_unit
        wrong = np.where(passive, x < 0, slack < -TOLERANCE * np.abs(ball.gains))
        if not wrong.any():
            return x
        passive = passive ^ wrong
    return _correction_from_above(ball)


def _correction_from_above(ball: _Ball) -> Floats:
    """The same by Newton's method on the distance |J^T x|, convex and rising with lam: it never passes the solution."""
    lam, passive = ball.max_gain, None
    for _ in range(MAX_STEPS):
        x, passive = complementary(ball.cosines, ball.gains - lam * ball.per_unit, passive)
        distance = np.sqrt(np.maximum((x * times(ball.cosines, x)).sum(1, keepdims=True), 0))
        beyond = distance - ball.radius
        if (beyond <= TOLERANCE * ball.radius).all():
            break
        slope = (ball.per_unit * x).sum(1, keepdims=True)
        lam = lam - np.maximum(beyond, 0) * distance / np.where(slope > 0, slope, np.inf)
    return x
