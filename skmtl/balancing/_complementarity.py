"""Linear complementarity: what minimum-norm points and projections onto cones come down to."""

from __future__ import annotations

import torch
from torch import Tensor

TOLERANCE = 1e-12  # relative slack below which a multiplier counts as 0
FULL_EXCHANGES = 3  # without progress, before single exchanges take over


def complementary(matrix: Tensor, offset: Tensor, passive: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Solve x >= 0, y = M x + q >= 0, x_i y_i = 0 by block principal pivoting.

    x minimises x^T M x / 2 + q^T x over x >= 0. A guess says which x_i are passive (free, with y_i = 0); all indices
    with a wrong sign change sides at once, and one at a time where that makes no progress, which ends for every
    positive definite M. Problems that are solved stay as they are while others go on, so that each comes out as it
    would alone.

    Parameters
    ----------
    matrix : Tensor of shape (..., n, n)
        M, symmetric and positive definite.
    offset : Tensor of shape (..., n)
        q.
    passive : Tensor of shape (..., n), bool, optional
        Where to start; by default where q < 0.

    Returns
    -------
    x : Tensor of shape (..., n)
        The solution.
    passive : Tensor of shape (..., n), bool
        Where it may be positive.

    References
    ----------
    Júdice, J. J. and Pires, F. M. (1994). A block principal pivoting algorithm for large-scale strictly monotone linear
    complementarity problems. Computers and Operations Research 21, 587-596.
    """
    passive = offset < 0 if passive is None else passive
    n = offset.shape[-1]
    fewest = torch.full_like(offset[..., :1], n + 1)
    patience = torch.full_like(fewest, FULL_EXCHANGES)
    for _ in range(20 + 10 * n):
        x = solve_on(matrix, -offset, passive)
        product = (matrix @ x[..., None])[..., 0]
        wrong = torch.where(passive, x < 0, product + offset < -TOLERANCE * (product.abs() + offset.abs()))
        count = wrong.sum(-1, keepdim=True)
        if not wrong.any():
            break
        better = count < fewest
        patience = torch.where(better, FULL_EXCHANGES, patience - 1)
        fewest = torch.minimum(fewest, count)
        last = wrong & (wrong.flip(-1).cumsum(-1).flip(-1) == 1)
        passive = passive ^ torch.where(patience >= 0, wrong, last)
    return x.clamp(min=0), passive


def solve_on(matrix: Tensor, right: Tensor, passive: Tensor) -> Tensor:
    """Solve M x = r over the passive indices; x is 0 elsewhere."""
    eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    reduced = torch.where(passive[..., :, None] & passive[..., None, :], matrix, eye)
    solution: Tensor = torch.linalg.solve_ex(reduced, torch.where(passive, right, 0.0)[..., None])[0]
    return solution[..., 0]
