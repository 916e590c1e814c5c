"""Matrices of how tasks relate, of all members at once, in float64.

The tasks' parameters, one column a task, have the Gram matrix S. Its root is what is kept: roots of near-singular
matrices would otherwise turn the rounding of S into errors of the size of its square root.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MAX_ROUNDS = 100  # of the graphical lasso; a matrix on the way is as good for an epoch
TOLERANCE = 1e-6
STILL = 1e-6  # length of a movement, beside the mean over the tasks


def blended_root(before: Tensor, gram: Tensor, forgetting: Tensor) -> Tensor:
    """Root of forgetting * S + (1 - forgetting) * gram, with S = before^2; both are first brought to one trace.

    Parameters
    ----------
    before : Tensor of shape (member, task, task)
        Root of S; 0 for members that have none.
    gram : Tensor of shape (member, task, task)
        Gram matrix.
    forgetting : Tensor of shape (member,)
        Share of S.

    Returns
    -------
    Tensor of shape (member, task, task)
        Symmetric, with the number of tasks as its trace; 0 where both are 0.
    """
    past, present = of_unit_mean(before @ before), of_unit_mean(gram)
    share = (forgetting * (past.diagonal(dim1=1, dim2=2).sum(1) > 0))[:, None, None]
    square = share * past + (1 - share) * present
    moved = (square.diagonal(dim1=1, dim2=2) > STILL**2).to(square.dtype)  # what has not may hold rounding
    values, vectors = torch.linalg.eigh(square)
    rounding = values[:, -1:] * len(values[0]) * torch.finfo(values.dtype).eps  # its root would not be small
    roots = torch.where(values > rounding, values, 0.0).sqrt()[:, None]
    return of_unit_mean((vectors * roots) @ vectors.mT * moved[:, :, None] * moved[:, None])


def of_unit_mean(matrix: Tensor) -> Tensor:
    """Scale matrices ``(member, task, task)`` to a mean of 1 on the diagonal; a matrix of zeros stays one."""
    mean = matrix.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    return torch.where(mean != 0, matrix / mean, 0.0)


def correlations(matrix: Tensor) -> Tensor:
    """Scale ``(member, task, task)`` to a diagonal of 1; a task of variance 0 is unrelated to the others."""
    variance = matrix.diagonal(dim1=1, dim2=2)
    inverse = torch.where(variance > 0, variance.clamp_min(0).rsqrt(), 0.0)
    scaled = matrix * inverse[:, :, None] * inverse[:, None]
    return torch.diagonal_scatter(scaled.clamp(-1, 1), torch.ones_like(variance), dim1=1, dim2=2)


def shrunk(matrix: Tensor, shrinkage: Tensor) -> Tensor:
    """(1 - shrinkage) * matrix + shrinkage * I, the identity where the matrix is 0."""
    identity = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device).expand_as(matrix)
    known = matrix.diagonal(dim1=1, dim2=2).sum(1) != 0
    return torch.where(known[:, None, None], torch.lerp(matrix, identity, shrinkage[:, None, None]), identity)


def sparse_inverse(covariance: Tensor, sparsity: Tensor) -> Tensor:
    """Precision matrices of the graphical lasso, ``(member, task, task)``, with a ``sparsity (member,)`` each."""
    pairs = zip(covariance.cpu().numpy(), sparsity.tolist(), strict=True)
    return torch.from_numpy(np.stack([graphical_lasso(*pair) for pair in pairs])).to(covariance)


def graphical_lasso(covariance: np.ndarray, sparsity: float) -> np.ndarray:
    """Precision matrix with the least -log|P| + tr(P covariance) + sparsity * sum_{s != t} |P_st|.

    By the alternating direction method of multipliers (Boyd et al., 2011, section 6.5), because scikit-learn's solver
    gives up on tasks that are much alike. It ends with the sparse one of the two copies of P.
    """
    identity = np.eye(len(covariance))
    limit = sparsity * (1 - identity)
    sparse, scaled_dual = identity, np.zeros_like(identity)
    for _ in range(MAX_ROUNDS):
        values, vectors = np.linalg.eigh(sparse - scaled_dual - covariance)
        smooth = (vectors * ((values + np.sqrt(values**2 + 4)) / 2)) @ vectors.T
        before, shifted = sparse, smooth + scaled_dual
        sparse = shifted - np.clip(shifted, -limit, limit)
        scaled_dual = shifted - sparse
        if max(abs(smooth - sparse).max(), abs(sparse - before).max()) < TOLERANCE:
            break
    return (sparse + sparse.T) / 2
