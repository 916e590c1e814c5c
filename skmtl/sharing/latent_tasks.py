"""Each task's hidden layers are a sparse mix of those of latent tasks."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from skmtl._params import require_integer, require_number
from skmtl.layers import ParameterBuffer, ParameterSpec, Workspace, constant
from skmtl.sharing._penalties import SparsePenalty
from skmtl.sharing._sharing import Body, BodySpec, Sharing, SharingStatistic, for_each_copy


class LatentTasks(Sharing):
    """Parameters theta_t = sum_k s_tk theta_k of each task's hidden layers: a sparse mix of latent tasks.

    GO-MTL (Kumar and Daume, 2012), layer by layer. Tasks that mix the same latent tasks share them, and groups may
    overlap. All tasks start with the same mix. The penalty sparsity * sum_tk |s_tk| takes no part in the gradient:
    after each step of the optimizer every s_tk moves towards 0 by learning rate times ``sparsity`` (a proximal step,
    decoupled as weight decay is), so that what a task does not need becomes exactly 0. The steps of AdamW do not depend
    on the scale of the loss: there a sparsity of 1 outweighs any labels. Reported losses and the early-stopping score
    do not include the penalty.

    Parameters
    ----------
    n_latent : int, default=4
        Number of latent tasks.
    sparsity : float, default=0.1
        Factor of the penalty on the mixture.

    References
    ----------
    Kumar, A. and Daume III, H. (2012). Learning task grouping and overlap in multi-task learning. ICML.
    """

    strengths = ("sparsity",)
    proximal = "sparsity"

    def __init__(self, n_latent: int = 4, sparsity: float = 0.1) -> None:
        self.n_latent, self.sparsity = n_latent, sparsity

    def build(self, spec: BodySpec) -> Body:
        """Make the latent trunks and their mixture; see :meth:`Sharing.build`."""
        require_integer(self.label("n_latent"), self.n_latent, 1)
        require_number(self.label("sparsity"), self.sparsity)
        return _LatentTasksBody(spec, self)


class _LatentTasksBody(Body):
    """Hidden layers of each task over a buffer of mixed parameters, computed in each forward."""

    def __init__(self, spec: BodySpec, settings: LatentTasks) -> None:
        self.members, self.copies = spec.members, spec.n_tasks
        self.mlp = spec.mlp("mixed", copies=spec.n_tasks)
        self.width = self.mlp.width
        n_latent = settings.n_latent
        self._latent = [
            replace(s, name=s.name.replace("mixed", "latent", 1), shape=(n_latent, *s.shape[1:]))
            for s in self.mlp.specs
        ]
        # The sum of n_latent draws has the variance of one.
        self._mixture = ParameterSpec("mixture", (spec.n_tasks, n_latent), constant(n_latent**-0.5), "task")
        self.penalty = SparsePenalty("sparsity", settings.sparsity, spec, self._mixture)
        self.penalties = (self.penalty,) if self._latent else ()

    @property
    def specs(self) -> list[ParameterSpec]:
        return [*self._latent, self._mixture] if self._latent else []

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        if not self.specs:
            return
        values = leaves or {spec.name: buffer.views[spec.name] for spec in self.specs}
        self.mixture = values["mixture"]  # (member, task, latent)
        self._terms = [values[spec.name].flatten(2) for spec in self._latent]  # (member, latent, size)
        self._gradients = [buffer.gradient_views[spec.name].flatten(2) for spec in self._latent]
        self._mixture_gradient = buffer.gradient_views["mixture"]
        self._mixed = ParameterBuffer(self.mlp.specs, self.members, buffer.values.dtype, buffer.values.device)
        self.penalty.bind(buffer)

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        if self.specs:
            pairs = zip(self.mlp.specs, self._terms, strict=True)
            mixed = {s.name: torch.bmm(self.mixture, term).view(-1, *s.shape) for s, term in pairs}
            self.mlp.bind(self._mixed, mixed)
        return self.mlp.forward(for_each_copy(x, self.copies), workspace)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        self.mlp.backward(gradient, workspace)
        self._mixture_gradient.zero_()
        for spec, term, at_latent in zip(self.mlp.specs, self._terms, self._gradients, strict=True):
            at_mixed = self._mixed.gradient_views[spec.name].flatten(2)  # (member, task, size)
            torch.bmm(self.mixture.mT, at_mixed, out=at_latent)
            self._mixture_gradient.baddbmm_(at_mixed, term.mT)

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """What each task takes of each latent task."""
        return {"mixture": SharingStatistic(self.mixture, ("member", "task", "latent"))} if self.specs else {}
