"""Independent component alignment."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.balancing._balancer import Seen
from skmtl.balancing._gramian import GramianBalancer, Problem


class AlignedMTL(GramianBalancer):
    """Replace the gradients by the closest orthogonal ones of equal length, and add these by the loss weights.

    With G = V S V^T: w = sqrt(s_min) V S^(-1/2) V^T p, over the eigenvalues that are not zero; p are the loss weights.
    The system of gradients is then perfectly conditioned and its scale that of its weakest component. Weights may be
    negative; they are not normalised.

    References
    ----------
    Senushkin, D., Patakin, N., Kuznetsov, A. and Konushin, A. (2023). Independent component alignment for multi-task
    learning. CVPR.
    """

    def solve(self, problem: Problem, seen: Seen) -> Tensor:
        """Inverse root of the Gramian; see :meth:`GramianBalancer.solve`."""
        size = torch.where(problem.present, problem.norms, 0.0)
        values, vectors = torch.linalg.eigh(size[:, :, None] * problem.cosines * size[:, None, :])
        kept = values > 2 * problem.ridge * values[:, -1:]
        smallest = torch.where(kept, values, torch.inf).amin(1, keepdim=True)
        scale = torch.where(kept, smallest / torch.where(kept, values, 1.0), 0.0).sqrt()
        along = (problem.preference[:, None, :] @ vectors)[:, 0]  # V^T p
        weights: Tensor = (vectors @ (scale * along)[:, :, None])[:, :, 0]  # of the gradients as they are
        return weights * problem.norms
