"""A shared trunk beside small private networks."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from skmtl._params import require_integer
from skmtl.layers import Workspace
from skmtl.sharing._sharing import Body, BodySpec, Sharing, for_each_copy, require_hidden_layers


class Bypass(Sharing):
    """Each task reads the shared trunk and a small private network beside it.

    What all tasks need is learned once; what a single task needs does not disturb the others. With width 0
    it is hard sharing.

    Parameters
    ----------
    width : int, default=32
        Width of each hidden layer of a private network; there are as many layers as in the trunk.
    """

    def __init__(self, width: int = 32) -> None:
        self.width = width

    def build(self, spec: BodySpec) -> Body:
        """Make the trunk and the private nets; see :meth:`Sharing.build`."""
        require_integer(self.label("width"), self.width, 0)
        require_hidden_layers(self, spec)
        return _BypassBody(spec, self.width)


class _BypassBody(Body):
    common_features = True

    def __init__(self, spec: BodySpec, width: int) -> None:
        self.copies = spec.n_tasks
        self.shared = spec.mlp("trunk")
        private = replace(spec, hidden_layer_sizes=(width,) * len(spec.hidden_layer_sizes))
        self.private = private.mlp("private", copies=spec.n_tasks, owner="task")
        self.width, self.parts = self.shared.width + width, [self.shared, self.private]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        shared = self.shared.forward(x, workspace).repeat_interleave(self.copies, 0)
        private = self.private.forward(for_each_copy(x, self.copies), workspace)
        return torch.cat([shared, private], 2)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        at_shared, at_private = gradient.split([self.shared.width, self.private.width], 2)
        self.shared.backward(at_shared.unflatten(0, (-1, self.copies)).sum(1), workspace)
        self.private.backward(at_private.contiguous(), workspace)

    def backward_of_weighted(self, gradient: Tensor, weights: Tensor, workspace: Workspace) -> None:
        at_shared, at_private = gradient.split([self.shared.width, self.private.width], 2)
        by_task = at_shared.unflatten(0, (-1, self.copies))
        self.shared.backward(torch.einsum("mt,mtrw->mrw", weights, by_task).contiguous(), workspace)
        self.private.backward(at_private.contiguous(), workspace)

    def features_gramian(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """With respect to the features of the trunk."""
        by_task = gradient[:, :, : self.shared.width].unflatten(0, (-1, self.copies)).flatten(2)
        return torch.bmm(by_task, by_task.transpose(1, 2))
