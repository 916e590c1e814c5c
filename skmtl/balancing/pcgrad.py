"""Projecting conflicting gradients."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from skmtl.balancing._balancer import Seen
from skmtl.balancing._gramian import GramianBalancer, Problem


class PCGrad(GramianBalancer):
    """Each gradient loses its components against the others, which it meets in random order.

    Where g_i . g_j < 0, what is left of g_i is projected onto the plane orthogonal to g_j. The direction is the sum of
    the projected gradients weighted by the loss weights: without conflict it is that of static weights.

    Parameters
    ----------
    shuffle : bool, default=True
        Whether each gradient meets the others in an order of its own; in the order of the tasks otherwise.
    gradient : {"parameters", "representation"}, default="parameters"
        By what the gradients are taken; see :class:`GradientBalancer`.

    References
    ----------
    Yu, T., Kumar, S., Gupta, A., Levine, S., Hausman, K. and Finn, C. (2020). Gradient surgery for multi-task learning.
    NeurIPS 33.
    """

    needs = frozenset({"gramian", "generators"})

    def __init__(self, shuffle: bool = True, gradient: Literal["parameters", "representation"] = "parameters") -> None:
        super().__init__(gradient)
        self.shuffle = shuffle

    def solve(self, problem: Problem, seen: Seen) -> Tensor:
        """Project on coefficient vectors; see :meth:`GramianBalancer.solve`."""
        cosines = problem.cosines
        members, n_tasks = problem.norms.shape
        own = torch.eye(n_tasks, dtype=cosines.dtype, device=cosines.device)
        left = own.expand(members, -1, -1).contiguous()  # (member, task, coefficient): what is left of each gradient
        for other in self._order(members, n_tasks, seen, cosines).unbind(2):  # (member, task): whom each one meets
            met = cosines.gather(1, other[:, :, None].expand(-1, -1, n_tasks))
            overlap = (left * met).sum(2).clamp(max=0)
            overlap = torch.where(other == torch.arange(n_tasks, device=other.device), 0.0, overlap)  # not itself
            left.scatter_add_(2, other[:, :, None], -overlap[:, :, None])
        return ((problem.preference * problem.norms)[:, None, :] @ left)[:, 0]

    def _order(self, members: int, n_tasks: int, seen: Seen, like: Tensor) -> Tensor:
        """Order in which each gradient meets the others, ``(member, task, n_tasks)``."""
        if not self.shuffle:
            return torch.arange(n_tasks, device=like.device).expand(members, n_tasks, -1)
        assert seen.generators is not None
        draws = torch.stack([torch.rand(n_tasks, n_tasks, generator=g, dtype=torch.float64) for g in seen.generators])
        return draws.argsort(2).to(like.device)
