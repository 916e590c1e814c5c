"""What the methods that act on the Gramian have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skmtl.balancing._balancer import BalancerInputs, GradientBalancer

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Problem:
    """Directions and lengths of the tasks' gradients, in float64, as arrays.

    The problems are tiny and their solvers branch on what they find: on the CPU numpy's calls cost a third of torch's,
    and an accelerator, which would have to wait for every branch, hands its Gramian over once a step.

    Attributes
    ----------
    cosines : ndarray of shape (member, task, task)
        Gramian of the gradients scaled to norm 1, with a ridge on its diagonal that keeps it positive definite beyond
        the rounding errors of its entries. A task that is left out is orthogonal to all others.
    norms : ndarray of shape (member, task)
        Norms of the gradients; 1 for a task that is left out.
    preference : ndarray of shape (member, task)
        The loss weights; 0 for a task that is left out.
    present : ndarray of shape (member, task), bool
        Tasks with a label in the batch, a positive loss weight and a gradient that is neither zero nor overflown.
    ridge : float
        Added to the diagonal of ``cosines``.
    """

    cosines: Floats
    norms: Floats
    preference: Floats
    present: Flags
    ridge: float

    @classmethod
    def read(cls, gramian: Tensor, loss_weights: Tensor) -> Problem:
        """Scale the tasks to norm 1, so that no method depends on how different their losses are."""
        ridge = max(10 * gramian.shape[-1] * torch.finfo(gramian.dtype).eps, 1e-12)
        products, preference = gramian.cpu().double().numpy(), loss_weights.cpu().double().numpy()
        squares = products.diagonal(axis1=1, axis2=2)
        present = (preference > 0) & (squares > 0) & (squares < np.inf)  # losses that diverge stop the run later
        norms = np.sqrt(np.where(present, squares, 1.0))
        cosines = products / (norms[:, :, None] * norms[:, None, :])
        if not present.all():
            cosines = np.where(present[:, :, None] & present[:, None, :], cosines, 0.0)
            preference = preference * present
        diagonal_of(cosines)[:] = 1 + ridge
        return cls(cosines, norms, preference, present, ridge)


def diagonal_of(matrices: Floats) -> Floats:
    """View of the diagonals of contiguous square matrices: ``(..., n, n) -> (..., n)``."""
    n = matrices.shape[-1]
    return matrices.reshape(*matrices.shape[:-2], n * n)[..., :: n + 1]


def times(matrices: Floats, vectors: Floats) -> Floats:
    """Product of each matrix and its vector: ``(..., n, n), (..., n) -> (..., n)``."""
    product: Floats = (matrices @ vectors[..., None])[..., 0]
    return product


class GramianBalancer(GradientBalancer):
    """A method that maps the Gramian of the tasks' gradients to weights.

    Gradients come scaled to norm 1. Absent tasks and tasks with a zero gradient are left out and get weight 0.
    """

    needs = frozenset({"gramian"})

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Solve the method's problem; see :meth:`Balancer.weights`."""
        assert inputs.gramian is not None
        with np.errstate(all="ignore"):  # what overflows belongs to a loss that diverges
            problem = Problem.read(inputs.gramian, loss_weights)
            weights = self.solve(problem, inputs) / problem.norms * problem.present
        return torch.from_numpy(weights).to(loss_weights), state

    @abstractmethod
    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """Weights ``(member, task)`` of the gradients scaled to norm 1; those of tasks left out do not matter."""


def with_total(problem: Problem, raw: Floats) -> Floats:
    """Scale weights ``raw`` of the unit gradients so that those of the gradients sum to the present loss weights.

    ``raw`` may have both signs. Their sum then may be near 0 or negative; the divisor keeps the direction and stays
    away from 0.
    """
    each = raw / problem.norms * problem.present
    divisor = np.maximum(np.abs(each.sum(1, keepdims=True)), 1e-3 * np.abs(each).sum(1, keepdims=True))
    scaled: Floats = raw * (problem.preference.sum(1, keepdims=True) / np.where(divisor > 0, divisor, 1.0))
    return scaled
