"""Gates that let through a part of every feature."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers._buffer import Composite, constant
from skmtl.layers._linear import MemberLinear
from skmtl.layers._workspace import Workspace

OPEN = 2.0  # bias to start from: gates of 0.88


class MemberGate(Composite):
    """a = sigmoid(r V + c) * h.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_inputs, width : int
        Widths of what the gate looks at and of what it gates.
    copies : int
        Number of gates of a member, each of a task.
    """

    def __init__(self, name: str, n_inputs: int, width: int, *, copies: int) -> None:
        self.name = name
        self.linear = MemberLinear(name, n_inputs, width, copies=copies, bias=constant(OPEN), owner="task")
        self.parts = [self.linear]

    def forward(self, read: Tensor, features: Tensor, workspace: Workspace) -> Tensor:
        """``(stack, row, n_inputs)`` and ``(stack, row, width)`` to ``(stack, row, width)``."""
        open_ = torch.sigmoid(self.linear.forward(read, workspace))
        workspace.saved[self.name + ".open"], workspace.saved[self.name + ".features"] = open_, features
        return features * open_

    def backward(self, gradient: Tensor, workspace: Workspace) -> tuple[Tensor, Tensor]:
        """Write the parameters' gradients; return those at the gated features and at what the gate looked at."""
        open_, features = workspace.saved[self.name + ".open"], workspace.saved[self.name + ".features"]
        at_features = gradient * open_
        at_linear = at_features * features * (1 - open_)
        self.linear.backward(at_linear, workspace)
        return at_features, self.linear.input_gradient(at_linear, workspace)
