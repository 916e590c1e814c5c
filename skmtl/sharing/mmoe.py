"""Shared experts, mixed by a gate for each task."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl._params import require_integer, require_number
from skmtl.layers import MemberMixture, Workspace, mixture_gramian
from skmtl.sharing._sharing import (
    Body,
    BodySpec,
    Sharing,
    SharingStatistic,
    for_each_copy,
    require_hidden_layers,
)


class MMoE(Sharing):
    """Mixture of experts with a gate for each task (Ma et al., 2018): f_t = sum_e softmax(V_t x + c_t)_e E_e(x).

    Every expert is a stack of hidden layers of the widths that ``hidden_layer_sizes`` gives. With one expert it is hard
    sharing.

    Parameters
    ----------
    n_experts : int, default=4
        Number of experts.
    gate_dropout : float, default=0.0
        Probability with which an expert is shut off for a task and a row in training, in [0, 1); keeps gates from
        settling on one expert early.

    References
    ----------
    Ma, J., Zhao, Z., Yi, X., Chen, J., Hong, L. and Chi, E. H. (2018). Modeling task relationships in multi-task
    learning with multi-gate mixture-of-experts. KDD.
    """

    def __init__(self, n_experts: int = 4, gate_dropout: float = 0.0) -> None:
        self.n_experts, self.gate_dropout = n_experts, gate_dropout

    def build(self, spec: BodySpec) -> Body:
        """Make experts and gates; see :meth:`Sharing.build`."""
        require_integer(self.label("n_experts"), self.n_experts, 1)
        require_number(self.label("gate_dropout"), self.gate_dropout, below=1)
        require_hidden_layers(self, spec)
        return _MMoEBody(spec, self)


class _MMoEBody(Body):
    common_features = True

    def __init__(self, spec: BodySpec, settings: MMoE) -> None:
        self.copies, self.n_experts = spec.n_tasks, settings.n_experts
        self.experts = spec.mlp("experts", copies=self.n_experts)
        every = torch.arange(self.n_experts).expand(spec.n_tasks, -1)
        self.mixture = MemberMixture(
            "mixture", spec.n_inputs, every, self.n_experts, gate_dropout=settings.gate_dropout
        )
        self.width, self.parts = self.experts.width, [self.experts, self.mixture]
        self.draws = settings.gate_dropout > 0

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        features = self.experts.forward(for_each_copy(x, self.n_experts), workspace)
        by_row = features.unflatten(0, (-1, self.n_experts)).transpose(1, 2).contiguous()
        return self.mixture.forward(x, by_row, workspace)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        self._backward(gradient, None, workspace)

    def backward_of_weighted(self, gradient: Tensor, weights: Tensor, workspace: Workspace) -> None:
        self._backward(gradient, weights[:, None, :, None], workspace)

    def _backward(self, gradient: Tensor, factors: Tensor | None, workspace: Workspace) -> None:
        at_experts, _ = self.mixture.backward(gradient, workspace, factors)
        self.experts.backward(at_experts.transpose(1, 2).flatten(0, 1), workspace)

    def features_gramian(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """With respect to the outputs of the experts."""
        return mixture_gramian(self.mixture.gates_of_last(workspace), gradient)

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Mean gate of each task on each expert."""
        gates = self.mixture.weights(x, Workspace())  # (member, row, task, expert)
        return {"gate_utilisation": SharingStatistic(gates.mean(1), ("member", "task", "expert"))}
