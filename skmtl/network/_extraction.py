"""The learnable part of an encoder, in front of the hidden layers."""

from __future__ import annotations

from torch import Tensor

from skmtl.encoders import Extractor
from skmtl.layers import ParameterBuffer, ParameterSpec, Scratch
from skmtl.network._prepared import PreparedBody
from skmtl.sharing import Body


class ExtractingBody(PreparedBody):
    """Hidden layers that read what an extractor, whose parameters are learned with theirs, makes of the rows.

    Parameters
    ----------
    extractor : Extractor
        Goes first.
    body : Body
        Reads its features.
    """

    def __init__(self, extractor: Extractor, body: Body) -> None:
        super().__init__(body)
        self.extractor = extractor
        self.hand_derived, self.stack = False, None  # the extractor has parameters, and no backward of its own
        self.cells, self.operations = max(extractor.cells, body.cells), extractor.operations + body.operations

    @property
    def specs(self) -> list[ParameterSpec]:
        """See :class:`Body`."""
        return [*self.extractor.specs, *self.body.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Body`."""
        self.extractor.bind(buffer, leaves)
        self.body.bind(buffer, leaves)

    def prepare(self, x: Tensor, scratch: Scratch) -> Tensor:
        """Extract features; see :class:`PreparedBody`."""
        return self.extractor.forward(x, scratch)
