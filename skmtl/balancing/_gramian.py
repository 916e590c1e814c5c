"""What the methods that act on the Gramian have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skmtl.balancing._balancer import GradientBalancer, Seen


@dataclass(frozen=True)
class Problem:
    """Directions and lengths of the tasks' gradients, in float64.

    Attributes
    ----------
    cosines : Tensor of shape (member, task, task)
        Gramian of the gradients scaled to norm 1, with a ridge on its diagonal that keeps it positive definite beyond
        the rounding errors of its entries. A task that is left out is orthogonal to all others.
    norms : Tensor of shape (member, task)
        Norms of the gradients; 1 for a task that is left out.
    preference : Tensor of shape (member, task)
        The loss weights; 0 for a task that is left out.
    present : Tensor of shape (member, task), bool
        Tasks with a label in the batch, a positive loss weight and a gradient that is not zero.
    ridge : float
        Added to the diagonal of ``cosines``.
    """

    cosines: Tensor
    norms: Tensor
    preference: Tensor
    present: Tensor
    ridge: float

    @classmethod
    def read(cls, gramian: Tensor, importance: Tensor) -> Problem:
        """Scale the tasks to norm 1, so that no method depends on how different their losses are."""
        ridge = max(10 * gramian.shape[-1] * torch.finfo(gramian.dtype).eps, 1e-12)
        gramian = torch.nan_to_num(gramian.double())  # where a loss diverges, training stops at the end of the epoch
        squares = gramian.diagonal(dim1=-2, dim2=-1)
        present = (importance > 0) & (squares > 0)
        norms = torch.where(present, squares, 1.0).sqrt()
        coupled = present[:, :, None] & present[:, None, :]
        cosines = torch.where(coupled, gramian / (norms[:, :, None] * norms[:, None, :]), 0.0)
        cosines.diagonal(dim1=-2, dim2=-1).fill_(1 + ridge)
        return cls(cosines, norms, torch.where(present, importance.double(), 0.0), present, ridge)


class GramianBalancer(GradientBalancer):
    """A method that maps the Gramian of the tasks' gradients to weights; scale and absent tasks are taken care of.

    Tasks with a zero gradient are left out and get weight 0.
    """

    needs = frozenset({"gramian"})

    def weights(self, importance: Tensor, seen: Seen, state: Any) -> tuple[Tensor, Any]:
        """Solve the method's problem; see :meth:`Balancer.weights`."""
        assert seen.gramian is not None
        problem = Problem.read(seen.gramian, importance)
        weights = self.solve(problem, seen) / problem.norms
        return torch.where(problem.present, weights, 0.0).to(importance.dtype), state

    @abstractmethod
    def solve(self, problem: Problem, seen: Seen) -> Tensor:
        """Weights ``(member, task)`` of the gradients scaled to norm 1; those of tasks left out do not matter."""


def with_total(problem: Problem, raw: Tensor) -> Tensor:
    """Scale weights ``raw`` of the unit gradients so that those of the gradients sum to the importance at hand.

    ``raw`` may have both signs. Their sum then may be near 0 or negative; the divisor keeps the direction and stays
    away from 0.
    """
    each = torch.where(problem.present, raw / problem.norms, 0.0)
    least = 1e-3 * each.abs().sum(1, keepdim=True)
    divisor = each.sum(1, keepdim=True).abs().maximum(least)
    return raw * (problem.preference.sum(1, keepdim=True) / torch.where(divisor > 0, divisor, 1.0))
