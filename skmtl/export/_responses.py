"""From outputs of members to mean responses, and from responses to what users see, in torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skmtl.export._refusal import refusal
from skmtl.export._target_transforms import inverse_module
from skmtl.tasks import Binary, Kind, Multiclass, Numeric, Poisson, Quantile, Task, TaskLayout


class NumberResponses(nn.Module):
    """Twin of :meth:`Numeric.response`.

    Parameters
    ----------
    tasks : sequence of Task
        Of a group.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.register_buffer("center", torch.tensor([task.center for task in tasks], dtype=torch.float64))
        self.register_buffer("scale", torch.tensor([task.scale for task in tasks], dtype=torch.float64))

    def forward(self, outputs: Tensor) -> Tensor:
        """``(member, row, n_tasks * n_outputs) -> (member, row, n_tasks, n_classes or 1)``."""
        numbers: Tensor = (outputs * self.scale + self.center)[..., None]
        return numbers


class RateResponses(NumberResponses):
    """Twin of :meth:`Poisson.response`."""

    def forward(self, outputs: Tensor) -> Tensor:
        """See :class:`NumberResponses`."""
        return super().forward(outputs.double().exp())


class QuantileResponses(NumberResponses):
    """Twin of :meth:`Quantile.response`."""

    def forward(self, outputs: Tensor) -> Tensor:
        """See :class:`NumberResponses`."""
        by_level = outputs.unflatten(-1, (len(self.center), -1))
        quantiles: Tensor = (by_level * self.scale[:, None] + self.center[:, None]).sort(-1).values
        return quantiles


class BinaryResponses(nn.Module):
    """Twin of :meth:`Binary.response`; see :class:`NumberResponses`."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.is_constant = tasks[0].is_constant

    def forward(self, outputs: Tensor) -> Tensor:
        """See :class:`NumberResponses`."""
        if self.is_constant:
            return torch.ones_like(outputs)[..., None]
        return torch.stack([torch.sigmoid(-outputs), torch.sigmoid(outputs)], -1)


class MulticlassResponses(nn.Module):
    """Twin of :meth:`Multiclass.response`; see :class:`NumberResponses`."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.n_tasks = len(tasks)

    def forward(self, outputs: Tensor) -> Tensor:
        """See :class:`NumberResponses`."""
        return torch.softmax(outputs.unflatten(-1, (self.n_tasks, -1)), -1)


RESPONSES: dict[Callable[..., Any], Callable[[Sequence[Task]], nn.Module]] = {
    Numeric.response: NumberResponses,
    Poisson.response: RateResponses,
    Quantile.response: QuantileResponses,
    Binary.response: BinaryResponses,
    Multiclass.response: MulticlassResponses,
}


def _responses_module(kind: Kind, tasks: Sequence[Task]) -> nn.Module:
    response = type(kind).response
    if response not in RESPONSES:
        raise refusal("loss", kind)
    return RESPONSES[response](tasks)


class MeanResponses(nn.Module):
    """Mean responses of the members by task, in the order of the label matrix.

    Parameters
    ----------
    layout : TaskLayout
        The tasks.
    member_weights : ndarray of shape (member, n_tasks) or None
        As :meth:`TaskLayout.weighted_responses` takes them.

    Raises
    ------
    NotImplementedError
        For kinds of targets of the user's own.
    """

    def __init__(self, layout: TaskLayout, member_weights: np.ndarray | None) -> None:
        super().__init__()
        self.order, self.slices = [], []
        groups = nn.ModuleList()
        for group in layout.groups:
            tasks = layout.tasks[group.tasks]
            columns = layout.order[group.tasks].tolist()
            if member_weights is None:
                parts = [(columns, tasks, group.outputs)]
            else:  # each task has members of its own
                n_outputs = (group.outputs.stop - group.outputs.start) // len(tasks)
                starts = range(group.outputs.start, group.outputs.stop, n_outputs)
                cut = [slice(start, start + n_outputs) for start in starts]
                parts = [([c], [t], own) for c, t, own in zip(columns, tasks, cut, strict=True)]
            for own_columns, own_tasks, outputs in parts:
                self.order += own_columns
                self.slices.append(outputs)
                groups.append(_responses_module(group.kind, own_tasks))
        self.groups = groups
        self.weights = None if member_weights is None else [member_weights[:, column] for column in self.order]

    def forward(self, outputs: Tensor) -> list[Tensor]:
        """``(member, row, output)`` to one ``(row, n_classes or 1)`` a task."""
        means = []
        for i, (group, own) in enumerate(zip(self.groups, self.slices, strict=True)):
            if self.weights is None:
                means.append(group(outputs[:, :, own]).mean(0))
            else:
                serving = np.flatnonzero(self.weights[i]).tolist()
                responses = group(torch.stack([outputs[member, :, own] for member in serving]))
                shares = responses.new_tensor(self.weights[i][serving])
                means.append((shares[:, None, None, None] * responses).sum(0))
        by_task = [mean[:, k] for mean in means for k in range(mean.shape[1])]
        return [by_task[self.order.index(column)] for column in range(len(by_task))]


class Labels(nn.Module):
    """Responses of a task in the units of its labels: probabilities ``(row, n_classes)``, numbers ``(row,)``.

    Of several quantiles they are ``(row, n_levels)``.

    Parameters
    ----------
    task : Task
        The task.

    Raises
    ------
    NotImplementedError
        For a ``target_transform`` of the user's own.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.is_classifier, self.constant = task.kind.is_classifier, None if task.scale else task.center
        self.inverse = None if task.transform is None else inverse_module(task.transform)

    def forward(self, response: Tensor) -> Tensor:
        """``(row, n_classes or n_levels)`` to the shapes above."""
        if self.is_classifier:
            return response
        if self.constant is not None:
            response = torch.full_like(response, self.constant)
        if self.inverse is not None:
            response = self.inverse(response)
        return response[:, 0] if response.shape[1] == 1 else response
