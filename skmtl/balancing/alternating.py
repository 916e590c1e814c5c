"""One task at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skmtl.balancing._balancer import Balancer, BalancerInputs


class Alternating(Balancer):
    """One task in each step; every round visits all tasks in a new random order.

    A task without a label in the batch is passed over. The task of the step weighs its loss weight times the number
    of tasks, so that the mean over a round is the static objective.
    """

    needs = frozenset({"generators"})

    def start(self, loss_weights: Tensor) -> Any:
        """All rounds are over; see :meth:`Balancer.start`."""
        return torch.full_like(loss_weights, torch.inf)

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Pick the next task of each member; see :meth:`Balancer.weights`."""
        assert inputs.generators is not None
        present, n_tasks = loss_weights > 0, loss_weights.shape[1]
        turns = state.clone()  # (member, task): the task with the smallest number is next, infinite: done in this round
        over = torch.where(present, turns, torch.inf).isinf().all(1) & present.any(1)
        for member in over.nonzero().flatten().tolist():
            draws = torch.rand(n_tasks, generator=inputs.generators[member], dtype=torch.float64)
            turns[member] = draws.to(turns)
        chosen = torch.where(present, turns, torch.inf).argmin(1, keepdim=True)
        one = torch.zeros_like(loss_weights).scatter_(1, chosen, 1.0) * present
        return loss_weights * n_tasks * one, torch.where(one > 0, torch.inf, turns)
