"""Bargaining: the weights at which each task's gain balances its weight."""

from __future__ import annotations

import numpy as np

from skmtl.balancing._gramian import Floats, Problem, diagonal_of, times

MAX_STEPS = 60
SMALL_STEP = 1e-7  # relative; Newton's method squares the error, so that what is left is rounding
TO_THE_BOUNDARY = 0.9  # fraction of the way to a weight of 0 that a step may take


def bargain(problem: Problem, exponent: float) -> Floats:
    """Solve G w = p w^(-a) for w > 0 and return the weights of the unit gradients.

    The solution minimises the convex w^T G w / 2 - sum_t p_t integral(w_t^(-a)), whose Newton steps are cut short where
    they would leave the positive weights. Each weight is measured in the one that it would have were all gradients
    orthogonal, so that Newton's method starts at 1 whatever the norms.

    Parameters
    ----------
    problem : Problem
        Cosines, norms and the preference p.
    exponent : float
        a.

    Returns
    -------
    ndarray of shape (member, task)
        Weights of the unit gradients.
    """
    alone = np.where(problem.present, problem.preference / problem.norms**2, 1.0) ** (1 / (1 + exponent))
    lengths = alone * problem.norms  # of the gradients, each weighted as if alone: e_t |g_t|
    matrix = lengths[:, :, None] * problem.cosines * lengths[:, None, :]
    target = lengths**2
    w = np.ones_like(lengths)
    for _ in range(MAX_STEPS):
        pull = target * w**-exponent
        hessian = matrix.copy()
        diagonal_of(hessian)[:] += exponent * pull / w
        relative = np.linalg.solve(hessian, (pull - times(matrix, w))[:, :, None])[:, :, 0] / w
        shrinkage = -relative.min(1, keepdims=True)
        w = w * (1 + relative * (TO_THE_BOUNDARY / np.maximum(shrinkage, TO_THE_BOUNDARY)))
        if np.abs(relative).max() < SMALL_STEP:
            break
    return w * lengths
