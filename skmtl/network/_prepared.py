"""Hidden layers behind something else."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from skmtl.layers import ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing import Body, Finding


class PreparedBody(Body):
    """Hidden layers that read what :meth:`prepare` makes of the rows.

    As long as that has no parameters, the backward of the hidden layers is that of the whole.

    Parameters
    ----------
    body : Body
        Reads the prepared rows.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.width, self.copies, self.hand_derived = body.width, body.copies, body.hand_derived
        self.stack, self.penalties, self.common_features = body.stack, body.penalties, body.common_features
        self.cells, self.operations = body.cells, body.operations

    @abstractmethod
    def prepare(self, x: Tensor, scratch: Scratch) -> Tensor:
        """``(1 or member, row, n_inputs) -> (1 or member, row, what the hidden layers read)``."""

    @property
    def specs(self) -> list[ParameterSpec]:
        """See :class:`Body`."""
        return [*self.body.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Body`."""
        self.body.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        """See :class:`Body`."""
        return self.body.forward(self.prepare(x, scratch), scratch)

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        """See :class:`Body`."""
        self.body.backward(gradient, scratch)

    def backward_of_weighted(self, gradient: Tensor, weights: Tensor, scratch: Scratch) -> None:
        """See :class:`Body`."""
        self.body.backward_of_weighted(gradient, weights, scratch)

    def features_gramian(self, gradient: Tensor, scratch: Scratch) -> Tensor:
        """By the features that all tasks read behind what is prepared; see :class:`Body`."""
        return self.body.features_gramian(gradient, scratch)

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """What the hidden layers tell about what is prepared; see :class:`Body`."""
        return self.body.findings(self.prepare(x, Scratch()))
