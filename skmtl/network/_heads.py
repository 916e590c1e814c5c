"""The output layer of all tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import NARROW, Initializer, MemberLinear, MemberReadout, ParameterBuffer, ParameterSpec, Workspace

OUTPUT_GAIN = 0.1  # outputs start close to the initial bias, the best constant prediction


def _constant(value: np.ndarray) -> Initializer:
    return lambda generator, shape: value.reshape(shape)


class FusedHead:
    """One linear map from features that all tasks read to the outputs of all tasks.

    Parameters
    ----------
    width : int
        Number of features.
    initial_bias : ndarray of shape (outputs,)
        Bias to start from.
    """

    def __init__(self, width: int, initial_bias: np.ndarray) -> None:
        layer = MemberReadout if len(initial_bias) < NARROW else MemberLinear
        self.linear = layer(
            "head", width, len(initial_bias), gain=OUTPUT_GAIN, bias=_constant(initial_bias), owner="task"
        )

    @property
    def specs(self) -> Sequence[ParameterSpec]:
        """Parameters of one member."""
        return self.linear.specs

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``."""
        self.linear.bind(buffer, leaves)

    def forward(self, features: Tensor, workspace: Workspace) -> Tensor:
        """``(member, row, width) -> (member, row, outputs)``."""
        return self.linear.forward(features, workspace)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """Write the parameters' gradients."""
        self.linear.backward(gradient, workspace)

    def input_gradient(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at the features, ``(member, row, width)``."""
        return self.linear.input_gradient(gradient, workspace)


class PerTaskHead:
    """One linear map a task, each from its own features, as one batched product.

    Tasks with fewer outputs than the widest are padded; ``columns`` picks the real outputs.

    Parameters
    ----------
    width : int
        Number of features of each task.
    initial_bias : ndarray of shape (outputs,)
        Bias to start from, task by task.
    n_outputs : sequence of int
        Number of outputs of each task.
    """

    def __init__(self, width: int, initial_bias: np.ndarray, n_outputs: Sequence[int]) -> None:
        widest, self.n_tasks = max(n_outputs), len(n_outputs)
        real = np.arange(widest) < np.asarray(n_outputs)[:, None]  # (task, widest)
        padded = np.zeros((self.n_tasks, 1, widest))
        padded[:, 0][real] = initial_bias
        self.columns = torch.from_numpy(np.flatnonzero(real))
        self.padding = not real.all()
        self.linear = MemberReadout(
            "head", width, widest, copies=self.n_tasks, gain=OUTPUT_GAIN, bias=_constant(padded), owner="task"
        )

    @property
    def specs(self) -> Sequence[ParameterSpec]:
        """Parameters of one member."""
        return self.linear.specs

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``."""
        self.linear.bind(buffer, leaves)
        self.columns = self.columns.to(buffer.values.device)

    def forward(self, features: Tensor, workspace: Workspace) -> Tensor:
        """``(member * task, row, width) -> (member, row, outputs)``."""
        outputs = self.linear.forward(features, workspace).transpose(1, 2)  # (member * task, widest, row) in memory
        fused: Tensor = outputs.reshape(-1, self.n_tasks * outputs.shape[1], outputs.shape[2])
        return (fused[:, self.columns] if self.padding else fused).transpose(1, 2)

    def _unfuse(self, gradient: Tensor) -> Tensor:
        gradient = gradient.transpose(1, 2)
        if self.padding:
            wide = gradient.new_zeros(len(gradient), self.n_tasks * self.linear.n_outputs, gradient.shape[2])
            gradient = wide.index_copy_(1, self.columns, gradient)
        return gradient.reshape(-1, self.linear.n_outputs, gradient.shape[2]).transpose(1, 2)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """Write the parameters' gradients."""
        self.linear.backward(self._unfuse(gradient), workspace)

    def input_gradient(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at the features, ``(member * task, row, width)``."""
        return self.linear.input_gradient(self._unfuse(gradient), workspace)


Head = FusedHead | PerTaskHead
