"""A learned mixing of the tasks' features."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from skmtl.layers._buffer import ParameterBuffer, ParameterSpec
from skmtl.layers._workspace import Workspace


class MemberStitch:
    """h'_t = sum_s M_ts h_s with one number M_ts for all features.

    Parameters
    ----------
    name : str
        Name of the parameter.
    n_tasks : int
        Number of tasks.
    own : float
        M_tt to start from; the other tasks begin with equal parts of 1 - own.
    owner : {"shared", "task"}, default="shared"
        Who the rows of M belong to.
    """

    def __init__(self, name: str, n_tasks: int, own: float, owner: Literal["shared", "task"] = "shared") -> None:
        self.name, self.n_tasks = name, n_tasks
        start = np.full((n_tasks, n_tasks), (1 - own) / max(n_tasks - 1, 1))
        np.fill_diagonal(start, own if n_tasks > 1 else 1.0)
        self.specs = (ParameterSpec(name, (n_tasks, n_tasks), lambda generator, shape: start, owner),)

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameter from ``buffer``."""
        self.mixing = (leaves or {self.name: buffer.views[self.name]})[self.name]  # (member, task, task)
        self._gradient = buffer.gradient_views[self.name]

    def _by_task(self, stacked: Tensor) -> Tensor:
        by_task: Tensor = stacked.flatten(1).unflatten(0, (-1, self.n_tasks))
        return by_task

    def forward(self, h: Tensor, workspace: Workspace) -> Tensor:
        """``(member * task, row, width) -> (member * task, row, width)``."""
        by_task = workspace.saved[self.name] = self._by_task(h)
        out = workspace.out(self.name, len(by_task), self.n_tasks, by_task.shape[2], h)
        return torch.bmm(self.mixing, by_task, out=out).view_as(h)

    def backward(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Write the parameter's gradient and return the gradient at the input."""
        by_task = self._by_task(gradient)
        torch.bmm(by_task, workspace.saved[self.name].transpose(1, 2), out=self._gradient)
        out = workspace.out(self.name + ".input", len(by_task), self.n_tasks, by_task.shape[2], gradient)
        return torch.bmm(self.mixing.transpose(1, 2), by_task, out=out).view_as(gradient)
