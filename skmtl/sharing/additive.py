"""Each task's weights are a sum of shared and task-specific weights."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from skmtl._params import require_number
from skmtl.layers import ParameterBuffer, ParameterSpec, Workspace, constant
from skmtl.sharing._penalties import QuadraticPenalty
from skmtl.sharing._sharing import Body, BodySpec, Sharing, SharingStatistic, for_each_copy


class Additive(Sharing):
    """Parameters theta_t = theta_0 + delta_t of each task's hidden layers (Evgeniou and Pontil, 2004).

    The penalty is shared_strength * |theta_0|^2 + task_strength * sum_t |delta_t|^2: the ratio of the strengths says
    how much tasks are thought to have in common. The deltas start at 0, which is hard sharing. Reported losses
    and the early-stopping score do not include the penalty.

    Parameters
    ----------
    task_strength : float, default=0.003
        Factor of the penalty on what a task adds, beside task losses whose weights sum to 1.
    shared_strength : float, default=0.0
        Factor of the penalty on what the tasks have in common.

    References
    ----------
    Evgeniou, T. and Pontil, M. (2004). Regularized multi-task learning. KDD.
    """

    strengths = ("task_strength", "shared_strength")

    def __init__(self, task_strength: float = 0.003, shared_strength: float = 0.0) -> None:
        self.task_strength, self.shared_strength = task_strength, shared_strength

    def build(self, spec: BodySpec) -> Body:
        """Make shared and task parameters with their penalties; see :meth:`Sharing.build`."""
        require_number(self.label("task_strength"), self.task_strength)
        require_number(self.label("shared_strength"), self.shared_strength)
        return _AdditiveBody(spec, self)


class _AdditiveBody(Body):
    """Hidden layers of each task over a buffer of sums of shared and task parameters, computed in each forward."""

    def __init__(self, spec: BodySpec, settings: Additive) -> None:
        self.members, self.copies = spec.members, spec.n_tasks
        self.mlp = spec.mlp("sum", copies=spec.n_tasks)
        self.width = self.mlp.width
        self._shared = [replace(s, name=f"shared.{s.name}", shape=(1, *s.shape[1:])) for s in self.mlp.specs]
        self._own = [replace(s, name=f"own.{s.name}", initial=constant(0.0), owner="task") for s in self.mlp.specs]
        self.own_penalty = QuadraticPenalty("task_strength", settings.task_strength, spec, self._own)
        shared_penalty = QuadraticPenalty("shared_strength", settings.shared_strength, spec, self._shared)
        self.penalties: tuple[QuadraticPenalty, ...] = (self.own_penalty, shared_penalty)

    @property
    def specs(self) -> list[ParameterSpec]:
        return [*self._shared, *self._own]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        values = leaves or {spec.name: buffer.views[spec.name] for spec in self.specs}
        self._terms = [(values[a.name], values[b.name]) for a, b in zip(self._shared, self._own, strict=True)]
        self._gradients = [
            (buffer.gradient_views[a.name], buffer.gradient_views[b.name])
            for a, b in zip(self._shared, self._own, strict=True)
        ]
        self._sums = ParameterBuffer(self.mlp.specs, self.members, buffer.values.dtype, buffer.values.device)
        for penalty in self.penalties:
            penalty.bind(buffer)

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        sums = {s.name: shared + own for s, (shared, own) in zip(self.mlp.specs, self._terms, strict=True)}
        self.mlp.bind(self._sums, sums)
        return self.mlp.forward(for_each_copy(x, self.copies), workspace)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        self.mlp.backward(gradient, workspace)
        for spec, (at_shared, at_own) in zip(self.mlp.specs, self._gradients, strict=True):
            at_sum = self._sums.gradient_views[spec.name]  # (member, task, ...)
            at_own.copy_(at_sum)
            at_shared.copy_(at_sum.sum(1, keepdim=True))

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Norm of each task's delta."""
        return {"own_norm": SharingStatistic(self.own_penalty.norms(), ("member", "task"))} if self._own else {}
