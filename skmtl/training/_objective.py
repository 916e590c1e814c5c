"""From outputs to the tasks' losses and the gradient at the outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skmtl.tasks import Group
from skmtl.training._data import Batch


class Objective:
    """The masked, weighted sum of every task's losses, one call a group of tasks.

    Parameters
    ----------
    groups : sequence of Group
        Loss calls of a :class:`~skmtl.tasks.TaskLayout`.
    n_outputs : sequence of int
        Number of outputs of each task.
    device : torch.device
        Where the outputs are.
    """

    def __init__(self, groups: Sequence[Group], n_outputs: Sequence[int], device: torch.device) -> None:
        self.groups = tuple(groups)
        counts = torch.tensor(n_outputs, device=device)
        self._task_of_output = torch.arange(len(n_outputs), device=device).repeat_interleave(counts)
        self._one_to_one = max(n_outputs) == 1

    def to_outputs(self, by_task: Tensor) -> Tensor:
        """Repeat ``(..., task)`` to ``(..., output)``."""
        return by_task if self._one_to_one else by_task.index_select(-1, self._task_of_output)

    def likelihood(self, like: Tensor) -> Tensor:
        """Factors of each task's likelihood, ``(2, task)``; see :class:`~skmtl.balancing.BalancerInputs`."""
        by_task = [g.kind.likelihood for g in self.groups for _ in range(g.tasks.stop - g.tasks.start)]
        return torch.tensor(by_task, dtype=like.dtype, device=like.device).T

    def __call__(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weighted loss sums and their gradient.

        Parameters
        ----------
        outputs : Tensor of shape (member, row, output)
            Network outputs.
        batch : Batch
            Targets and weights.

        Returns
        -------
        sums : Tensor of shape (member, task)
            Sum over rows of weight times loss.
        gradient : Tensor of shape (member, row, output)
            Derivative of each task's sum at its own outputs.
        """
        losses, gradient = self._losses(outputs, batch.targets)
        if batch.weights is not None:
            losses, gradient = losses.mul_(batch.weights), gradient.mul_(self.to_outputs(batch.weights))
        return losses.sum(1), gradient

    def _losses(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of every cell and its gradient, one call a group."""
        if len(self.groups) == 1:
            return self.groups[0].kind.loss_gradient(outputs, targets)
        losses, gradients = zip(
            *(g.kind.loss_gradient(outputs[:, :, g.outputs], targets[:, :, g.tasks]) for g in self.groups), strict=True
        )
        return _side_by_side(losses), _side_by_side(gradients)


def _side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate ``(member, row, ...)`` along the last axis, rows staying last in memory."""
    return torch.cat([part.transpose(1, 2) for part in parts], 1).transpose(1, 2)
