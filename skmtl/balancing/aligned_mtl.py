"""Independent component alignment."""

from __future__ import annotations

import numpy as np

from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, times


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

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """Inverse root of the Gramian; see :meth:`GramianBalancer.solve`."""
        size = problem.norms * problem.present
        values, vectors = np.linalg.eigh(size[:, :, None] * problem.cosines * size[:, None, :])
        kept = values > 2 * problem.ridge * values[:, -1:]
        smallest = np.where(kept, values, np.inf).min(1, keepdims=True)
        scale = np.sqrt(np.where(kept, smallest / np.where(kept, values, 1.0), 0.0))
        along = (problem.preference[:, None, :] @ vectors)[:, 0]  # V^T p
        weights = times(vectors, scale * along)  # of the gradients as they are
        return weights * problem.norms
