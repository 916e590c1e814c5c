"""Random weights: a control."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skmtl.balancing._balancer import Balancer, BalancerInputs
from skmtl.balancing._weights import masked_softmax, normalise


class RandomWeights(Balancer):
    """Weights softmax(z), z drawn from N(0, I) in every step: a control that other methods have to beat.

    Multiplied by the loss weights and normalised to sum 1.

    References
    ----------
    Lin, B., Ye, F., Zhang, Y. and Tsang, I. W. (2022). Reasonable effectiveness of random weighting: a litmus test for
    multi-task learning. TMLR.
    """

    needs = frozenset({"generators"})

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Softmax of normal draws; see :meth:`Balancer.weights`."""
        assert inputs.generators is not None
        n_tasks = loss_weights.shape[1]
        draws = torch.stack([torch.randn(n_tasks, generator=g, dtype=torch.float64) for g in inputs.generators])
        return normalise(masked_softmax(draws.to(loss_weights), loss_weights > 0), loss_weights), state
