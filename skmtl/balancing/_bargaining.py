"""Bargaining: the weights at which each task's gain balances its weight."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.balancing._gramian import Problem

MOST_STEPS = 60
TO_THE_BOUNDARY = 0.9  # share of the way to a weight of 0 that a step may take


def bargain(problem: Problem, exponent: float) -> Tensor:
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
    Tensor of shape (member, task)
        Weights of the unit gradients.
    """
    alone = torch.where(problem.present, problem.preference / problem.norms**2, 1.0) ** (1 / (1 + exponent))
    lengths = alone * problem.norms  # of the gradients, each weighted as if alone: e_t |g_t|
    matrix = lengths[:, :, None] * problem.cosines * lengths[:, None, :]
    target = lengths.square()
    w = torch.ones_like(lengths)
    for _ in range(MOST_STEPS):
        pull = target * w**-exponent
        residual = (matrix @ w[:, :, None])[:, :, 0] - pull
        hessian = matrix + torch.diag_embed(exponent * pull / w)
        step = -torch.linalg.solve_ex(hessian, residual[:, :, None])[0][:, :, 0]
        relative = step / w
        shrinkage = (-relative).amax(1, keepdim=True)
        w = w + step * (TO_THE_BOUNDARY / shrinkage.clamp(min=TO_THE_BOUNDARY)).clamp(max=1.0)
        if relative.abs().max() < 1e-13:
            break
    return w * lengths
