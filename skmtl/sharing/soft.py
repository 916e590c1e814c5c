"""A trunk for each task, held together by a penalty."""

from __future__ import annotations

from torch import Tensor

from skmtl.layers import MemberMLP, ParameterBuffer, ParameterSpec, Scratch, alike
from skmtl.sharing._penalties import SpreadPenalty
from skmtl.sharing._sharing import Body, Finding, Sharing, Trunk, for_each_copy, require_number


class Soft(Sharing):
    """Every task has hidden layers of its own, under the penalty strength * sum_t |theta_t - mean theta|^2.

    All tasks start from the same parameters, so that only what their labels ask for moves them apart. With strength 0
    the tasks are trained without each other; as it grows, the parameters approach those of hard sharing. The losses
    that are reported and watched do not hold the penalty.

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

    def build(self, trunk: Trunk) -> Body:
        """Make the trunks and their penalty; see :meth:`Sharing.build`."""
        require_number(self, "strength")
        return _SoftBody(trunk, self.strength)


class _SoftBody(Body):
    def __init__(self, trunk: Trunk, strength: float) -> None:
        self.copies = trunk.n_tasks
        self.mlp = MemberMLP(
            "trunks",
            trunk.n_inputs,
            trunk.hidden_layer_sizes,
            activation=trunk.activation,
            dropout=trunk.dropout,
            copies=trunk.n_tasks,
            owner="task",
        )
        self.width = self.mlp.width
        self._specs = [alike(spec) for spec in self.mlp.specs]
        self.spread = SpreadPenalty("strength", strength, trunk, self._specs)
        self.penalties = (self.spread,)

    @property
    def specs(self) -> list[ParameterSpec]:
        return self._specs

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        self.mlp.bind(buffer, leaves)
        self.spread.bind(buffer)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        return self.mlp.forward(for_each_copy(x, self.copies), scratch)

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        self.mlp.backward(gradient, scratch)

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """Distance of each task's parameters from the mean over the tasks."""
        return {"distance": Finding(self.spread.norms(), ("member", "task"))} if self.specs else {}
