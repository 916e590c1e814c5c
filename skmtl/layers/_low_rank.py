"""An affine map shared by all tasks, with a low-rank correction for each."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers._buffer import ParameterBuffer, ParameterSpec, constant, uniform
from skmtl.layers._workspace import Workspace


class MemberLowRank:
    """y_t = x_t (W + A_t B_t) + b, for all members and all tasks in batched products.

    B starts at 0, so that all tasks start with the same map. A is kept transposed, ``(task, rank, n_inputs)``: the few
    rows of all tasks are then one matrix where they read the same x.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_inputs, n_outputs : int
        Widths.
    n_tasks, rank : int
        Number of tasks, and rank of what each adds.
    gain : float
        Scale of the initial W, whose variance is gain^2 / n_inputs.
    common_input : bool
        Whether all tasks read the same rows.
    """

    def __init__(
        self, name: str, n_inputs: int, n_outputs: int, *, n_tasks: int, rank: int, gain: float, common_input: bool
    ) -> None:
        self.name, self.n_inputs, self.n_outputs, self.n_tasks = name, n_inputs, n_outputs, n_tasks
        self.common_input = common_input
        fan_in = max(n_inputs, 1)
        even = uniform((3 / fan_in) ** 0.5)
        self.specs = (
            ParameterSpec(f"{name}.weight", (n_inputs, n_outputs), uniform(gain * (3 / fan_in) ** 0.5), hidden=True),
            ParameterSpec(f"{name}.bias", (1, n_outputs), uniform(fan_in**-0.5)),
            ParameterSpec(f"{name}.down", (n_tasks, rank, n_inputs), even, "task"),
            ParameterSpec(f"{name}.up", (n_tasks, rank, n_outputs), constant(0.0), "task"),
        )

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        names = [spec.name for spec in self.specs]
        values = leaves or {name: buffer.views[name] for name in names}
        self.weight, self.bias, down, up = (values[name] for name in names)
        self._gradients = [buffer.gradient_views[name] for name in names]
        # All tasks' rows of A are one matrix for a common input, one matrix a task for inputs of their own.
        self._down = down.flatten(1, 2) if self.common_input else down.flatten(0, 1)
        self._up = up.flatten(0, 1)  # (member * task, rank, n_outputs)

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or member, row, n_inputs)`` or ``(member * task, row, n_inputs) -> (member * task, row, n_outputs)``."""
        members, rows = len(self.weight), x.shape[1]
        if self.common_input:
            x = x.expand(members, -1, -1)
        n_copies, rank = self._up.shape[:2]  # (member * task, rank, n_outputs)
        down = torch.bmm(self._down, x.transpose(1, 2)).view(n_copies, rank, rows)
        workspace.saved[self.name], workspace.saved[self.name + ".down"] = x, down
        shared = torch.baddbmm(self.bias, self._by_member(x), self.weight)
        if self.common_input:
            shared = shared.repeat_interleave(self.n_tasks, 0)
        return shared.view(n_copies, rows, self.n_outputs).baddbmm_(down.transpose(1, 2), self._up)

    def _by_member(self, stacked: Tensor) -> Tensor:
        """Rows of all tasks below each other: ``(member * task, row, width) -> (member, task * row, width)``."""
        return stacked.reshape(len(self.weight), -1, stacked.shape[2])

    def backward(self, gradient: Tensor, workspace: Workspace) -> tuple[Tensor, Tensor]:
        """Write the parameters' gradients from ``gradient`` at the output; return what :meth:`input_gradient` takes."""
        x, down = workspace.saved[self.name], workspace.saved[self.name + ".down"]
        at_weight, at_bias, at_down, at_up = self._gradients
        torch.bmm(down, gradient, out=at_up.flatten(0, 1))
        at_low = torch.bmm(self._up, gradient.transpose(1, 2))  # (member * task, rank, row)
        torch.bmm(at_low.reshape(*self._down.shape[:2], -1), x, out=at_down.view_as(self._down))
        at_shared = self._by_member(gradient)
        if self.common_input:
            at_shared = gradient.unflatten(0, (-1, self.n_tasks)).sum(1)
        torch.bmm(self._by_member(x).transpose(1, 2), at_shared, out=at_weight)
        torch.sum(at_shared, 1, keepdim=True, out=at_bias)
        return gradient, at_low

    def input_gradient(self, gradients: tuple[Tensor, Tensor]) -> Tensor:
        """Gradient at the inputs of each task, ``(member * task, row, n_inputs)``."""
        gradient, at_low = gradients
        at_input = torch.bmm(self._by_member(gradient), self.weight.transpose(1, 2))
        return at_input.view(*gradient.shape[:2], -1).baddbmm_(at_low.transpose(1, 2), self._down)

    def correction_norms(self) -> Tensor:
        """Frobenius norm of each task's A_t B_t, ``(member, task)``, from the Gramians of its factors."""
        down = self._down.view(-1, self._up.shape[1], self.n_inputs)  # (member * task, rank, n_inputs)
        squares = torch.bmm(down, down.transpose(1, 2)) * torch.bmm(self._up, self._up.transpose(1, 2))
        return squares.sum((1, 2)).clamp_min(0).sqrt().view(-1, self.n_tasks)
