"""Linear complementarity: what minimum-norm points and projections onto cones come down to."""

from __future__ import annotations

import numpy as np

from skmtl.balancing._gramian import Flags, Floats, times

TOLERANCE = 1e-12  # relative slack below which a multiplier counts as 0
FULL_EXCHANGES = 3  # without progress, before single exchanges take over


def complementary(matrix: Floats, offset: Floats, passive: Flags | None = None) -> tuple[Floats, Flags]:
    """Solve x >= 0, y = M x + q >= 0, x_i y_i = 0 by block principal pivoting.

    x minimises x^T M x / 2 + q^T x over x >= 0. A guess says which x_i are passive (free, with y_i = 0); all indices
    with a wrong sign change sides at once, and one at a time where that makes no progress, which ends for every
    positive definite M. Problems that are solved stay as they are while others go on, so that each comes out as it
    would alone.

    Parameters
    ----------
    matrix : ndarray of shape (..., n, n)
        M, symmetric and positive definite.
    offset : ndarray of shape (..., n)
        q.
    passive : ndarray of shape (..., n), bool, optional
        Where to start; by default where q < 0.

    Returns
    -------
    x : ndarray of shape (..., n)
        The solution.
    passive : ndarray of shape (..., n), bool
        Where it may be positive.

    References
    ----------
    Júdice, J. J. and Pires, F. M. (1994). A block principal pivoting algorithm for large-scale strictly monotone linear
    complementarity problems. Computers and Operations Research 21, 587-596.
    """
    passive = offset < 0 if passive is None else passive
    n = offset.shape[-1]
    fewest = np.full_like(offset[..., :1], n + 1)
    patience = np.full_like(fewest, FULL_EXCHANGES)
    for _ in range(20 + 10 * n):
        x = solve_on(matrix, -offset[..., None], passive)[..., 0]
        product = times(matrix, x)
        wrong = np.where(passive, x < 0, product + offset < -TOLERANCE * (np.abs(product) + np.abs(offset)))
        if not wrong.any():
            break
        count = wrong.sum(-1, keepdims=True)
        patience = np.where(count < fewest, FULL_EXCHANGES, patience - 1)
        fewest = np.minimum(fewest, count)
        last = wrong & (wrong[..., ::-1].cumsum(-1)[..., ::-1] == 1)
        passive = passive ^ np.where(patience >= 0, wrong, last)
    return np.maximum(x, 0.0), passive


def solve_on(matrix: Floats, right: Floats, passive: Flags) -> Floats:
    """Solve M X = R, R of shape (..., n, column), over the passive indices; X is 0 elsewhere."""
    if not passive.any():
        return np.zeros_like(right)
    if not passive.all():
        matrix = np.where(passive[..., :, None] & passive[..., None, :], matrix, np.eye(matrix.shape[-1]))
        right = right * passive[..., None]
    return np.linalg.solve(matrix, right).astype(float, copy=False)
