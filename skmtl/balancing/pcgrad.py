"""Projecting conflicting gradients."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skmtl._params import require_boolean
from skmtl.balancing._balancer import BalancerInputs
from skmtl.balancing._gramian import Floats, GramianBalancer, Problem, diagonal_of


class PCGrad(GramianBalancer):
    """Project each gradient onto the normal planes of those that it conflicts with, in random order.

    Where g_i . g_j < 0, what is left of g_i is projected onto the plane orthogonal to g_j. The direction is the sum of
    the projected gradients weighted by the loss weights: without conflict it is that of static weights.

    Parameters
    ----------
    shuffle : bool, default=True
        Whether the others come in a random order for each gradient; in the order of the tasks otherwise.
    gradient : {"parameters", "representation"}, default="parameters"
        What the gradients are taken with respect to; see :class:`GradientBalancer`.

    References
    ----------
    Yu, T., Kumar, S., Gupta, A., Levine, S., Hausman, K. and Finn, C. (2020). Gradient surgery for multi-task learning.
    NeurIPS 33.
    """

    needs = frozenset({"gramian", "generators"})

    def __init__(self, shuffle: bool = True, gradient: Literal["parameters", "representation"] = "parameters") -> None:
        super().__init__(gradient)
        self.shuffle = shuffle

    def start(self, loss_weights: Tensor) -> Any:
        """Check the parameters; see :meth:`Balancer.start`."""
        require_boolean(self.label("shuffle"), self.shuffle)
        return super().start(loss_weights)

    def solve(self, problem: Problem, inputs: BalancerInputs) -> Floats:
        """Project on coefficient vectors; see :meth:`GramianBalancer.solve`."""
        members, n_tasks = problem.norms.shape
        order = self._order(members, n_tasks, inputs)
        met = problem.cosines[np.arange(members)[:, None], order]  # (meeting, member, task, coefficient)
        left = np.tile(np.eye(n_tasks), (members, 1))  # (member * task, coefficient): what is left of each gradient
        rows = np.arange(len(left))
        for other, cosines in zip(order.reshape(-1, len(left)), met.reshape(-1, *left.shape), strict=True):
            left[rows, other] -= np.minimum(np.einsum("rc,rc->r", left, cosines), 0)
        amounts = problem.preference * problem.norms
        return (amounts[:, None, :] @ left.reshape(members, n_tasks, n_tasks))[:, 0]

    def _order(self, members: int, n_tasks: int, inputs: BalancerInputs) -> NDArray[np.int64]:
        """Order of the others for each gradient: ``(n_tasks - 1, member, task)``."""
        if self.shuffle:
            assert inputs.generators is not None
            draws = [torch.rand(n_tasks, n_tasks, generator=g, dtype=torch.float64) for g in inputs.generators]
            ranks = torch.stack(draws).numpy()
        else:
            ranks = np.tile(np.arange(float(n_tasks)), (members, n_tasks, 1))
        diagonal_of(ranks)[:] = np.inf  # a gradient does not conflict with itself
        return np.moveaxis(ranks.argsort(2)[:, :, :-1], 2, 0)
