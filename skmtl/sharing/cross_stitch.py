"""Hidden layers for each task, their features mixed after every layer."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl.layers import MemberStitch, Workspace
from skmtl.sharing._sharing import Body, BodySpec, Sharing, SharingStatistic, for_each_copy


class CrossStitch(Sharing):
    """Cross-stitch network (Misra et al., 2016): h_t = sum_s M_ts h_s after each hidden layer, M learned.

    Every task has its own hidden layers. With M the identity nothing is shared.

    Parameters
    ----------
    own : float, default=0.9
        M_tt to start from, in [0, 1]; the other tasks begin with equal parts of the rest.

    References
    ----------
    Misra, I., Shrivastava, A., Gupta, A. and Hebert, M. (2016). Cross-stitch networks for multi-task learning. CVPR.
    """

    def __init__(self, own: float = 0.9) -> None:
        self.own = own

    def build(self, spec: BodySpec) -> Body:
        """Make the trunks and the mixing between them; see :meth:`Sharing.build`."""
        require_number(self.label("own"), self.own, maximum=1)
        return _CrossStitchBody(spec, self.own)


class _CrossStitchBody(Body):
    def __init__(self, spec: BodySpec, own: float) -> None:
        sizes, n_tasks = spec.hidden_layer_sizes, spec.n_tasks
        widths = [spec.n_inputs, *sizes]
        self.copies, self.width = n_tasks, widths[-1]
        # Below the last mixing the parameters of one task's trunk serve all tasks.
        self.layers = [
            replace(spec, n_inputs=a, hidden_layer_sizes=(b,)).mlp(f"trunks.{i}", copies=n_tasks)
            for i, (a, b) in enumerate(pairwise(widths))
        ]
        last = len(sizes) - 1
        self.stitches = [
            MemberStitch(f"stitch.{i}", n_tasks, own, "task" if i == last else "shared") for i in range(len(sizes))
        ]
        self.parts = [*self.layers, *self.stitches]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        h = for_each_copy(x, self.copies)
        for layer, stitch in zip(self.layers, self.stitches, strict=True):
            h = stitch.forward(layer.forward(h, workspace), workspace)
        return h

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        for i in range(len(self.layers) - 1, -1, -1):
            below = self.layers[i].backward(self.stitches[i].backward(gradient, workspace), workspace)
            if i > 0:
                gradient = self.layers[i].input_gradient(below, workspace)

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Mixing weights after each layer, ``(member, layer, to task, from task)``."""
        if not self.stitches:
            return {}
        mixings = torch.stack([stitch.mixing for stitch in self.stitches], 1)
        return {"stitches": SharingStatistic(mixings, ("member", "layer", "task", "task"))}
