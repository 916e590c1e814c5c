"""The output layer of all tasks, or of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import (
    NARROW,
    WIDE,
    Initializer,
    MemberLinear,
    MemberReadout,
    ParameterBuffer,
    WideReadout,
    Workspace,
)
from skmtl.layers import alike as starting_alike
from skmtl.network._output_spread import starting_like_the_first

OUTPUT_GAIN = 0.1  # outputs start close to the initial bias, the best constant prediction


def _constant(value: np.ndarray) -> Initializer:
    return lambda generator, shape: value.reshape(shape)


def fused_head(width: int, initial_bias: np.ndarray, alike: Sequence[np.ndarray] = ()) -> MemberLinear:
    """One linear map from ``width`` features that all tasks read to the outputs of all tasks.

    ``initial_bias`` has the shape ``(outputs,)``; ``alike`` are outputs ``(task, output)`` that start alike.
    """
    n_outputs = len(initial_bias)
    layer = MemberReadout if n_outputs < NARROW else MemberLinear if n_outputs < WIDE else WideReadout
    head = layer("head", width, n_outputs, gain=OUTPUT_GAIN, bias=_constant(initial_bias), owner="task")
    if alike:
        weight, bias = head.specs
        head.specs = starting_like_the_first(weight, 1 if isinstance(head, MemberReadout) else 2, alike), bias
    return head


class PerTaskHead(MemberReadout):
    """One linear map for each task, each from its own features, as one batched product.

    Tasks with fewer outputs than the widest are padded; ``columns`` picks the real outputs.

    Parameters
    ----------
    width : int
        Number of features of each task.
    initial_bias : ndarray of shape (outputs,)
        Bias to start from, task by task.
    n_outputs : sequence of int
        Number of outputs of each task.
    alike : bool, default=False
        Whether the maps of all tasks start from the same weights.
    """

    def __init__(self, width: int, initial_bias: np.ndarray, n_outputs: Sequence[int], *, alike: bool = False) -> None:
        widest, self.n_tasks = max(n_outputs), len(n_outputs)
        real = np.arange(widest) < np.asarray(n_outputs)[:, None]  # (task, widest)
        padded = np.zeros((self.n_tasks, 1, widest))
        padded[:, 0][real] = initial_bias
        self.columns = torch.from_numpy(np.flatnonzero(real))
        self.padding = not real.all()
        super().__init__(
            "head", width, widest, copies=self.n_tasks, gain=OUTPUT_GAIN, bias=_constant(padded), owner="task"
        )
        if alike:
            weight, bias = self.specs
            self.specs = (starting_alike(weight), bias)

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`MemberLinear`."""
        super().bind(buffer, leaves)
        self.columns = self.columns.to(buffer.values.device)

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(member * task, row, width) -> (member, row, outputs)``."""
        outputs = super().forward(x, workspace).transpose(1, 2)  # (member * task, widest, row) in memory
        fused: Tensor = outputs.unflatten(0, (-1, self.n_tasks)).flatten(1, 2)
        return (fused[:, self.columns] if self.padding else fused).transpose(1, 2)

    def _unfuse(self, gradient: Tensor) -> Tensor:
        gradient = gradient.transpose(1, 2)
        if self.padding:
            wide = gradient.new_zeros(len(gradient), self.n_tasks * self.n_outputs, gradient.shape[2])
            gradient = wide.index_copy_(1, self.columns, gradient)
        return gradient.reshape(len(gradient) * self.n_tasks, self.n_outputs, gradient.shape[2]).transpose(1, 2)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """Write the parameters' gradients from ``gradient`` ``(member, row, outputs)``."""
        super().backward(self._unfuse(gradient), workspace)

    def input_gradient(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at the features, ``(member * task, row, width)``."""
        return super().input_gradient(self._unfuse(gradient), workspace)
