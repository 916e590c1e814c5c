"""Hidden layers for each task, tied by a penalty."""

from __future__ import annotations

from torch import Tensor

from skmtl._params import require_number
from skmtl.layers import ParameterBuffer, ParameterSpec, alike
from skmtl.sharing._penalties import SpreadPenalty
from skmtl.sharing._sharing import Body, BodySpec, MLPBody, Sharing, SharingStatistic


class Soft(Sharing):
    """Every task has its own hidden layers, under the penalty strength * sum_t |theta_t - mean theta|^2.

    All tasks start from the same parameters, so that only their labels move them apart. With strength 0
    the tasks are trained without each other; as it grows, the parameters approach those of hard sharing. Reported
    losses and the early-stopping score do not include the penalty.

    Parameters
    ----------
    strength : float, default=0.003
        Factor of the penalty, beside task losses whose weights sum to 1.

    References
    ----------
    Duong, L., Cohn, T., Bird, S. and Cook, P. (2015). Low resource dependency parsing: cross-lingual parameter sharing
    in a neural network parser. ACL.
    """

    strengths = ("strength",)

    def __init__(self, strength: float = 0.003) -> None:
        self.strength = strength

    def build(self, spec: BodySpec) -> Body:
        """Make the trunks and their penalty; see :meth:`Sharing.build`."""
        require_number(self.label("strength"), self.strength)
        return _SoftBody(spec, self.strength)


class _SoftBody(MLPBody):
    def __init__(self, spec: BodySpec, strength: float) -> None:
        super().__init__("trunks", spec, spec.n_tasks, "task")
        self._specs = [alike(parameter) for parameter in self.mlp.specs]
        self.penalty = SpreadPenalty("strength", strength, spec, self._specs)
        self.penalties = (self.penalty,)

    @property
    def specs(self) -> list[ParameterSpec]:
        return self._specs

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        super().bind(buffer, leaves)
        self.penalty.bind(buffer)

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Distance of each task's parameters from the mean over the tasks."""
        return {"distance": SharingStatistic(self.penalty.norms(), ("member", "task"))} if self.specs else {}
