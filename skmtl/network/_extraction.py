"""The learnable part of an encoder, in front of the hidden layers."""

from __future__ import annotations

from torch import Tensor

from skmtl.encoders import Extractor
from skmtl.layers import ParameterBuffer, ParameterSpec, Scratch
from skmtl.sharing import Body, Finding


class ExtractingBody(Body):
    """Hidden layers that read what an extractor makes of the rows.

    Parameters
    ----------
    extractor : Extractor
        Goes first.
    body : Body
        Reads its features.
    """

    hand_derived = False

    def __init__(self, extractor: Extractor, body: Body) -> None:
        self.extractor, self.body = extractor, body
        self.width, self.copies = body.width, body.copies
        self.penalties, self.common_features = body.penalties, body.common_features
        self.cells, self.operations = max(extractor.cells, body.cells), extractor.operations + body.operations

    @property
    def specs(self) -> list[ParameterSpec]:
        """See :class:`Body`."""
        return [*self.extractor.specs, *self.body.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Body`."""
        self.extractor.bind(buffer, leaves)
        self.body.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        """See :class:`Body`."""
        return self.body.forward(self.extractor.forward(x, scratch), scratch)

    def features_gramian(self, gradient: Tensor, scratch: Scratch) -> Tensor:
        """By the features that all tasks read behind the extractor; see :class:`Body`."""
        return self.body.features_gramian(gradient, scratch)

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """What the hidden layers tell about the extracted features; see :class:`Body`."""
        return self.body.findings(self.extractor.forward(x, Scratch()))
