"""Task-specific attention over the features of a shared trunk."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from skmtl.layers import MemberGate, Workspace
from skmtl.sharing._sharing import Body, BodySpec, Sharing, SharingStatistic, require_hidden_layers


class Attention(Sharing):
    """Multi-task attention network (Liu et al., 2019): each task gates the features of every shared layer.

    With h_l the features of shared layer l, task t reads a_tl = sigmoid(r_tl V_tl + c_tl) * h_l, where the gate of the
    first layer looks at r_t1 = h_1 and those above at the task's own features below, r_tl = a_t,l-1. The output of a
    task reads its features of the last layer. The gates start wide open; with gates of 1 it is hard sharing.

    References
    ----------
    Liu, S., Johns, E. and Davison, A. J. (2019). End-to-end multi-task learning with attention. CVPR.
    """

    def build(self, spec: BodySpec) -> Body:
        """Make the shared layers and the gates; see :meth:`Sharing.build`."""
        require_hidden_layers(self, spec)
        return _AttentionBody(spec)


class _AttentionBody(Body):
    def __init__(self, spec: BodySpec) -> None:
        sizes = spec.hidden_layer_sizes
        self.copies, self.width = spec.n_tasks, sizes[-1]
        self.layers = [
            replace(spec, n_inputs=a, hidden_layer_sizes=(b,)).mlp(f"trunk.{i}")
            for i, (a, b) in enumerate(pairwise([spec.n_inputs, *sizes]))
        ]
        read = [sizes[0], *sizes[:-1]]  # what the gates look at
        self.gates = [
            MemberGate(f"gates.{i}", a, b, copies=spec.n_tasks)
            for i, (a, b) in enumerate(zip(read, sizes, strict=True))
        ]
        self.parts = [*self.layers, *self.gates]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        shared, own = x, None
        for layer, gate in zip(self.layers, self.gates, strict=True):
            shared = layer.forward(shared, workspace)
            every = shared.repeat_interleave(self.copies, 0)
            own = gate.forward(every if own is None else own, every, workspace)
        assert own is not None
        return own

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        at_shared: Tensor | float = 0.0
        for i in range(len(self.layers) - 1, -1, -1):
            at_every, at_read = self.gates[i].backward(gradient, workspace)
            if i == 0:
                at_every = at_every + at_read
            below = self.layers[i].backward(at_every.unflatten(0, (-1, self.copies)).sum(1).add_(at_shared), workspace)
            if i > 0:
                at_shared, gradient = self.layers[i].input_gradient(below, workspace), at_read

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Mean gate of each task, by layer."""
        workspace = Workspace()
        self.forward(x, workspace)
        means = [workspace.saved[gate.name + ".open"].mean((1, 2)).view(-1, self.copies) for gate in self.gates]
        return {"gates": SharingStatistic(torch.stack(means, 1), ("member", "layer", "task"))}
