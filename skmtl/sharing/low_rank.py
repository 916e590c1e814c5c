"""A shared trunk with low-rank corrections for each task."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from skmtl._params import require_integer
from skmtl.layers import ACTIVATIONS, MemberLowRank, MemberNonlinearity, Workspace
from skmtl.sharing._sharing import Body, BodySpec, Sharing, SharingStatistic, for_each_copy


class LowRank(Sharing):
    """Every layer's weights are W + A_t B_t: shared weights with a low-rank correction for each task.

    All tasks start from the same weights (B starts at 0) and move apart as far as their labels ask for.

    Parameters
    ----------
    rank : int, default=8
        Rank of a task's correction.

    References
    ----------
    Hu, E. J., Shen, Y., Wallis, P. et al. (2022). LoRA: low-rank adaptation of large language models. ICLR.
    """

    def __init__(self, rank: int = 8) -> None:
        self.rank = rank

    def build(self, spec: BodySpec) -> Body:
        """Make the shared layers with their corrections; see :meth:`Sharing.build`."""
        require_integer(self.label("rank"), self.rank, 1, " (sharing='hard' has no corrections)")
        return _LowRankBody(spec, self.rank)


class _LowRankBody(Body):
    def __init__(self, spec: BodySpec, rank: int) -> None:
        self.copies = spec.n_tasks
        widths = [spec.n_inputs, *spec.hidden_layer_sizes]
        self.width = widths[-1]
        gain = ACTIVATIONS[spec.activation].gain
        self.layers = [
            MemberLowRank(f"trunk.{i}", a, b, n_tasks=spec.n_tasks, rank=rank, gain=gain, common_input=i == 0)
            for i, (a, b) in enumerate(pairwise(widths))
        ]
        self.parts = self.layers
        self.nonlinearities = [MemberNonlinearity(layer.name, spec.activation, spec.dropout) for layer in self.layers]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        if not self.layers:
            return for_each_copy(x, self.copies)
        for layer, nonlinearity in zip(self.layers, self.nonlinearities, strict=True):
            x = nonlinearity.forward(layer.forward(x, workspace), workspace)
        return x

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        for i in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[i]
            gradients = layer.backward(self.nonlinearities[i].backward(gradient, workspace), workspace)
            if i > 0:
                gradient = layer.input_gradient(gradients)

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Norm of each task's correction A_t B_t over that of W, by layer."""
        ratios = [layer.correction_norms() / layer.weight.flatten(1).norm(dim=1)[:, None] for layer in self.layers]
        return {"correction": SharingStatistic(torch.stack(ratios, 1), ("member", "layer", "task"))} if ratios else {}
