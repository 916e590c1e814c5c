"""A trunk for each task, their features mixed after every layer."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers import MemberMLP, MemberStitch, ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing._sharing import Body, Finding, Sharing, Trunk, for_each_copy, require_number


class CrossStitch(Sharing):
    """Cross-stitch network (Misra et al., 2016): h_t = sum_s M_ts h_s after each hidden layer, M learned.

    Every task has hidden layers of its own. With M the identity nothing is shared.

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

    def build(self, trunk: Trunk) -> Body:
        """Make the trunks and the mixing between them; see :meth:`Sharing.build`."""
        require_number(self, "own", most=1)
        return _CrossStitchBody(trunk, self.own)


class _CrossStitchBody(Body):
    def __init__(self, trunk: Trunk, own: float) -> None:
        sizes, n_tasks = trunk.hidden_layer_sizes, trunk.n_tasks
        widths = [trunk.n_inputs, *sizes]
        self.copies, self.width = n_tasks, widths[-1]
        # Below the last mixing the parameters of one task's trunk serve all tasks.
        self.layers = [
            MemberMLP(
                f"trunks.{i}",
                widths[i],
                (size,),
                activation=trunk.activation,
                dropout=trunk.dropout,
                copies=n_tasks,
            )
            for i, size in enumerate(sizes)
        ]
        last = len(sizes) - 1
        self.stitches = [
            MemberStitch(f"stitch.{i}", n_tasks, own, "task" if i == last else "shared") for i in range(len(sizes))
        ]
        self._parts: list[MemberMLP | MemberStitch] = [*self.layers, *self.stitches]

    @property
    def specs(self) -> list[ParameterSpec]:
        return [spec for part in self._parts for spec in part.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        for part in self._parts:
            part.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        h = for_each_copy(x, self.copies)
        for layer, stitch in zip(self.layers, self.stitches, strict=True):
            h = stitch.forward(layer.forward(h, scratch), scratch)
        return h

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        for i in range(len(self.layers) - 1, -1, -1):
            below = self.layers[i].backward(self.stitches[i].backward(gradient, scratch), scratch)
            if i > 0:
                gradient = self.layers[i].input_gradient(below, scratch)

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """The mixing after each layer: what the task in the second-last axis takes from the one in the last."""
        mixings = [stitch.mixing for stitch in self.stitches]
        return {"stitches": Finding(torch.stack(mixings, 1), ("member", "layer", "task", "task"))} if mixings else {}
