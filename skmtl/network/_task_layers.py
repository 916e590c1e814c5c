"""Hidden layers of each task's own, between what the tasks share and their outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skmtl.layers import Composite, MemberMLP, ParameterSpec, Workspace
from skmtl.layers import alike as starting_alike


class TaskLayers(Composite):
    """Hidden layers of each task over the features of the sharing architecture; the features themselves for no width.

    Where all tasks read the same features, the first layers of all tasks are one wide layer, whose product neither
    copies the features for each task nor sums gradients at them over the tasks. All other layers are one batched
    product over the tasks.

    Parameters
    ----------
    n_inputs : int
        Number of features that a task reads.
    sizes : sequence of int
        Widths of the layers of a task.
    copies : int
        1 if all tasks read the same features, else the number of tasks.
    n_tasks : int
        Number of tasks.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : Tensor of shape (member,)
        Dropout rate of each member.
    alike : bool, default=False
        Whether the layers of all tasks start from the same weights.

    Attributes
    ----------
    width : int
        Number of features that a task's output reads.
    copies : int
        1 if all tasks' outputs read the same features, else the number of tasks.
    """

    def __init__(
        self,
        n_inputs: int,
        sizes: Sequence[int],
        *,
        copies: int,
        n_tasks: int,
        activation: str,
        dropout: Tensor,
        alike: bool = False,
    ) -> None:
        self.n_tasks, self.copies, self._alike = n_tasks, n_tasks if sizes else copies, alike
        self._fused = copies != self.copies
        wide, own = ([n_tasks * sizes[0]], sizes[1:]) if self._fused else ([], sizes)
        below_own = sizes[0] if self._fused else n_inputs
        self._first = MemberMLP(
            "task_layers.first", n_inputs, wide, activation=activation, dropout=dropout, owner="task"
        )
        self._own = MemberMLP(
            "task_layers.own", below_own, own, activation=activation, dropout=dropout, copies=n_tasks, owner="task"
        )
        self.width, self.parts = self._own.width, [self._first, self._own]

    @property
    def specs(self) -> Sequence[ParameterSpec]:
        """See :class:`Composite`."""
        specs = super().specs
        return [starting_alike(spec) for spec in specs] if self._alike else specs

    def forward(self, h: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or member * copies, row, n_inputs)`` to ``(member * task, row, width)``, or ``h`` itself."""
        if self._fused:
            h = self._apart(self._first.forward(h, workspace), workspace)
        return self._own.forward(h, workspace)

    def _apart(self, fused: Tensor, workspace: Workspace) -> Tensor:
        """``(member, row, task * width)`` to ``(member * task, row, width)``."""
        by_task = fused.unflatten(2, (self.n_tasks, -1)).transpose(1, 2)  # (member, task, row, width)
        members, n_tasks, rows, width = by_task.shape
        memory = workspace.out("task_layers.apart", members * n_tasks, rows, width, fused)
        return by_task.flatten(0, 1) if memory is None else memory.copy_(by_task.reshape(memory.shape))

    def backward(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Write the parameters' gradients from ``gradient`` at the last layer, which is overwritten.

        Returns what the two methods below take.
        """
        below = self._own.backward(gradient, workspace)
        if not self._fused:
            return below
        by_task = self._own.input_gradient(below, workspace).unflatten(0, (-1, self.n_tasks))
        return self._first.backward(by_task.transpose(1, 2).flatten(2), workspace)

    def input_gradient(self, below: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at the features, ``(member * copies, row, n_inputs)``."""
        return (self._first if self._fused else self._own).input_gradient(below, workspace)

    def input_gradient_by_task(self, below: Tensor, workspace: Workspace) -> Tensor:
        """Gradient of each task at the features that it reads, ``(member * task, row, n_inputs)``."""
        if not self._fused:
            return self._own.input_gradient(below, workspace)
        apart = (self.n_tasks, -1)
        weight = self._first.layers[0].weight.unflatten(2, apart).permute(0, 2, 3, 1)  # (member, task, width, n_inputs)
        by_task: Tensor = torch.matmul(below.unflatten(2, apart).transpose(1, 2), weight).flatten(0, 1)
        return by_task
