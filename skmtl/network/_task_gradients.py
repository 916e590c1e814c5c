"""The gradient of each task: its Gramian, and its combination into the step of the shared parameters.

Everywhere below ``output_gradient`` holds the derivative of each task's unweighted loss by its outputs. Parameters that
belong to a task get the gradient of that loss; shared ones get the gradient of the losses weighted by ``weights``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from skmtl.layers import LayerGradients, task_gramian
from skmtl.network._outputs import OutputsByTask
from skmtl.network._passes import Passes

CHUNK_BYTES = 1 << 21  # of one layer's gradient, all tasks: as many members at a time as fit, but at least one


class TaskGradients(ABC):
    """Computes the tasks' gradients.

    Parameters
    ----------
    passes : Passes
        Forward and backward of the network.
    n_outputs : sequence of int
        Number of outputs of each task.
    """

    def __init__(self, passes: Passes, n_outputs: Sequence[int]) -> None:
        self.passes, self._n_outputs = passes, n_outputs
        self.outputs = OutputsByTask(n_outputs, passes.buffer.values.device)

    def over(self, passes: Passes) -> Self:
        """The same computation on other passes of the same architecture."""
        return type(self)(passes, self._n_outputs)

    @abstractmethod
    def gramian(self, output_gradient: Tensor) -> Tensor:
        """Inner products of the tasks' gradients, ``(member, row, output) -> (member, task, task)``."""

    def backward(self, output_gradient: Tensor, weights: Tensor) -> None:
        """Fill the gradient buffer after :meth:`gramian`; ``weights`` has the shape ``(member, task)``."""
        self.passes.backward(output_gradient * self.outputs.to_outputs(weights)[:, None], at_head=output_gradient)


class OfRepresentation(TaskGradients):
    """With respect to the features that all output layers read.

    With D the gradient at the outputs and W the output layer, task t's gradient is Z_t = D_t W_t^T, and
    <Z_s, Z_t> = sum over the outputs o of s and p of t of (D^T D)_op (W^T W)_op: no Z_t is ever formed, and memory does
    not grow with the number of tasks beyond (member, output, output).
    """

    def gramian(self, output_gradient: Tensor) -> Tensor:
        """See :class:`TaskGradients`."""
        weight = self.passes.layers.head.weight_transposed.detach()  # (member, output, width)
        products = torch.bmm(output_gradient.transpose(1, 2), output_gradient)
        return self.outputs.sum_blocks(products.mul_(torch.bmm(weight, weight.transpose(1, 2))))


class OfFeaturesInCommon(TaskGradients):
    """With respect to features that all tasks read, each through its own gates, private layers or task layers.

    A manual backward serves shared and task parameters at once; autograd needs one backward of the weighted losses for
    the shared parameters and one for the others. Memory: the gradient at the features of each task,
    (member * task, row, width), and with two backwards the gradients of the task parameters.
    """

    def __init__(self, passes: Passes, n_outputs: Sequence[int]) -> None:
        super().__init__(passes, n_outputs)
        self._private = _gradients_owned_by("task", passes)

    def gramian(self, output_gradient: Tensor) -> Tensor:
        """See :class:`TaskGradients`."""
        layers, workspace = self.passes.layers, self.passes.workspace
        self._at_features = layers.feature_gradients(output_gradient, workspace)
        if layers.body.copies > 1:
            return layers.body.features_gramian(self._at_features, workspace)
        by_task = self._at_features.unflatten(0, (-1, self.outputs.n_tasks)).flatten(2)
        return torch.bmm(by_task, by_task.transpose(1, 2))

    def backward(self, output_gradient: Tensor, weights: Tensor) -> None:
        """See :class:`TaskGradients`."""
        if self.passes.layers.hand_derived:
            self.passes.layers.head.backward(output_gradient, self.passes.workspace)
            self.passes.layers.body.backward_of_weighted(self._at_features, weights, self.passes.workspace)
        else:
            self._twice(output_gradient, weights)

    def _twice(self, output_gradient: Tensor, weights: Tensor) -> None:
        self.passes.backward(output_gradient, again=True)
        kept = [view.clone() for view in self._private]
        self.passes.backward(output_gradient * self.outputs.to_outputs(weights)[:, None])
        for view, gradient in zip(self._private, kept, strict=True):
            view.copy_(gradient)


class OfStack(TaskGradients):
    """With respect to the parameters of one stack of hidden layers, in one batched backward over the tasks.

    Memory: a few tensors of the size (member, task, row, width) of the widest layer, for as many members at a time as
    fit ``CHUNK_BYTES`` and at least one; the tasks' gradients by a layer are formed only where they are smaller. Where
    those of all layers and members were formed, they are combined; else a backward of the weighted losses follows.
    """

    def gramian(self, output_gradient: Tensor) -> Tensor:
        """See :class:`TaskGradients`."""
        stack = self.passes.layers.body.stack
        assert stack is not None
        widest = max(layer.n_outputs for layer in stack.layers)
        row_bytes = output_gradient.element_size() * self.outputs.n_tasks * output_gradient.shape[1] * widest
        chunk = max(CHUNK_BYTES // row_bytes, 1)
        self._formed: list[LayerGradients] = []
        if len(output_gradient) <= chunk:
            gramian, formed = self._part(output_gradient, slice(None))
            self._formed = [layer for layer in formed if layer is not None] if None not in formed else []
            return gramian
        parts = (slice(first, first + chunk) for first in range(0, len(output_gradient), chunk))
        return torch.cat([self._part(output_gradient, members)[0] for members in parts])

    def _part(self, output_gradient: Tensor, members: slice) -> tuple[Tensor, list[LayerGradients | None]]:
        stack = self.passes.layers.body.stack
        assert stack is not None
        by_task = self._feature_gradients(output_gradient, members)
        return task_gramian(stack, by_task, self.passes.workspace, members)

    def _feature_gradients(self, output_gradient: Tensor, members: slice) -> Tensor:
        """Gradients of members at the last hidden layer, ``(member, task, row, width)``, to be overwritten."""
        weight = self.passes.layers.head.weight_transposed.detach()[members]
        return self.outputs.feature_gradients(output_gradient[members], weight)

    def _backward_of_weighted(self, output_gradient: Tensor, weights: Tensor) -> None:
        super().backward(output_gradient, weights)

    def backward(self, output_gradient: Tensor, weights: Tensor) -> None:
        """See :class:`TaskGradients`."""
        if not self._formed:
            self._backward_of_weighted(output_gradient, weights)
            return
        stack = self.passes.layers.body.stack
        assert stack is not None
        for layer, formed in zip(stack.layers, self._formed, strict=True):
            for spec, by_task in zip(layer.specs, formed, strict=True):
                combined = self.passes.buffer.gradient_views[spec.name].flatten(1)[:, None]
                torch.bmm(weights[:, None], by_task.flatten(2), out=combined)
        self.passes.layers.head.backward(output_gradient, self.passes.workspace)


class OfStackBelowTaskLayers(OfStack):
    """The same where each task has layers of its own above the stack, whose gradients :meth:`gramian` writes.

    Memory: further the tasks' gradients at the last shared layer, (member * task, row, width).
    """

    def gramian(self, output_gradient: Tensor) -> Tensor:
        """See :class:`TaskGradients`."""
        self._at_features = self.passes.layers.feature_gradients(output_gradient, self.passes.workspace)
        return super().gramian(output_gradient)

    def _feature_gradients(self, output_gradient: Tensor, members: slice) -> Tensor:
        by_task: Tensor = self._at_features.unflatten(0, (-1, self.outputs.n_tasks))[members]
        return by_task.clone()

    def _backward_of_weighted(self, output_gradient: Tensor, weights: Tensor) -> None:
        layers, workspace = self.passes.layers, self.passes.workspace
        layers.head.backward(output_gradient, workspace)
        layers.body.backward_of_weighted(self._at_features, weights, workspace)


class OfParameters(TaskGradients):
    """With respect to the shared parameters, with one backward for each task: for any body.

    Memory: one gradient of the shared parameters for each task, (task, member * shared parameters).
    """

    def __init__(self, passes: Passes, n_outputs: Sequence[int]) -> None:
        super().__init__(passes, n_outputs)
        self._shared, self._private = (_gradients_owned_by(owner, passes) for owner in ("shared", "task"))

    def gramian(self, output_gradient: Tensor) -> Tensor:
        """See :class:`TaskGradients`."""
        by_task = []
        self._of_owners = [torch.zeros_like(view) for view in self._private]
        for task in range(self.outputs.n_tasks):
            self.passes.backward(output_gradient * self.outputs.of_task(task), again=True)
            by_task.append(torch.cat([view.flatten(1) for view in self._shared], 1))
            for total, view in zip(self._of_owners, self._private, strict=True):
                total.add_(view)
        self._by_task = torch.stack(by_task, 1)  # (member, task, shared parameters)
        return torch.bmm(self._by_task, self._by_task.transpose(1, 2))

    def backward(self, output_gradient: Tensor, weights: Tensor) -> None:
        """Combine the stored gradients; see :class:`TaskGradients`."""
        combined = torch.bmm(weights[:, None], self._by_task)[:, 0]
        sizes = [view[0].numel() for view in self._shared]
        for view, part in zip(self._shared, combined.split(sizes, 1), strict=True):
            view.copy_(part.view_as(view))
        for view, total in zip(self._private, self._of_owners, strict=True):
            view.copy_(total)


def _gradients_owned_by(owner: str, passes: Passes) -> list[Tensor]:
    """Views of the gradient buffer."""
    return [passes.buffer.gradient_views[spec.name] for spec in passes.buffer.specs if spec.owner == owner]


def task_gradients(passes: Passes, n_outputs: Sequence[int], gradient: str, sharing: object) -> TaskGradients:
    """Choose how to compute the tasks' gradients, by what the architecture allows.

    Parameters
    ----------
    passes : Passes
        Forward and backward of the network.
    n_outputs : sequence of int
        Number of outputs of each task.
    gradient : {"parameters", "representation"}
        What the gradients are taken with respect to.
    sharing : object
        Named in errors.

    Raises
    ------
    ValueError
        If no parameter is shared, or no features are read by all tasks and ``gradient`` asks for these.
    """
    body, task_layers, head = passes.layers.body, passes.layers.task_layers, passes.layers.head
    shared = {spec.name for spec in passes.buffer.specs if spec.owner == "shared"}
    if not shared:
        raise ValueError(
            f"Gradients of tasks meet in shared parameters, and sharing={sharing!r} with these hidden layers has none. "
            "Use a sharing architecture with shared hidden layers, or balancing, or a method of task_affinity, that "
            "looks at no gradients."
        )
    own = {spec.name for spec in (*task_layers.specs, *head.specs)}
    of_tasks = {spec.name for spec in passes.buffer.specs if spec.owner == "task"}
    common = body.copies == 1 and of_tasks <= own
    if gradient == "representation":
        if not common and not body.common_features:
            raise ValueError(
                f"gradient='representation' needs features that all tasks read; with sharing={sharing!r} each task has "
                f"its own. Use gradient='parameters'."
            )
        return (OfRepresentation if common and not task_layers.specs else OfFeaturesInCommon)(passes, n_outputs)
    if not common or body.stack is None or shared != {spec.name for spec in body.stack.specs}:
        return OfParameters(passes, n_outputs)
    return (OfStackBelowTaskLayers if task_layers.specs else OfStack)(passes, n_outputs)
