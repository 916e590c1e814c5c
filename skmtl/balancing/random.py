"""Random weights: a control."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skmtl.balancing._balancer import Balancer, Seen
from skmtl.balancing._weights import masked_softmax, shared_out


class RandomWeights(Balancer):
    """Weights softmax(z), z drawn anew from N(0, I) in every step: what a method has to beat to have learned anything.

    Multiplied by the loss weights and normalised to sum 1.

    References
    ----------
    Lin, B., Ye, F., Zhang, Y. and Tsang, I. W. (2022). Reasonable effectiveness of random weighting: a litmus test for
    multi-task learning. TMLR.
    """

    needs = frozenset({"generators"})

    def weights(self, importance: Tensor, seen: Seen, state: Any) -> tuple[Tensor, Any]:
        """Softmax of normal draws; see :meth:`Balancer.weights`."""
        assert seen.generators is not None
        n_tasks = importance.shape[1]
        draws = torch.stack([torch.randn(n_tasks, generator=g, dtype=torch.float64) for g in seen.generators])
        return shared_out(masked_softmax(draws.to(importance), importance > 0), importance), state
