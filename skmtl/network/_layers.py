"""The layers of a network, built from its architecture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skmtl.encoders import Extractor
from skmtl.layers import Composite, Layer, MemberLinear, Workspace
from skmtl.network._architecture import Architecture
from skmtl.network._heads import PerTaskHead, fused_head
from skmtl.network._input_stages import DropInputs, InputStage, ScaleInputs, SelectInputs, read_indices
from skmtl.sharing import Body, BodySpec


@dataclass(frozen=True)
class Layers(Composite):
    """Input stages, hidden layers and output layer, in the order of a forward pass.

    Attributes
    ----------
    inputs : tuple of InputStage
        Applied one after the other to encoded rows; the encoder's extractor, if there is one, comes last.
    body : Body
        Hidden layers.
    head : MemberLinear
        Output layer, fused or one for each task.
    """

    inputs: tuple[InputStage, ...]
    body: Body
    head: MemberLinear

    @classmethod
    def build(cls, architecture: Architecture, device: torch.device) -> Layers:
        """Build the layers, without parameters."""
        extractor = None if architecture.encoder is None else architecture.encoder.build()
        n_inputs = (architecture.n_read or architecture.n_inputs) if extractor is None else extractor.width
        dropout = torch.tensor(architecture.dropout, dtype=getattr(torch, architecture.dtype), device=device)
        body = architecture.sharing.build(
            BodySpec(
                members=architecture.members,
                n_inputs=n_inputs,
                hidden_layer_sizes=architecture.hidden_layer_sizes,
                n_tasks=len(architecture.n_outputs),
                activation=architecture.activation,
                dropout=dropout,
            )
        )
        for penalty in body.penalties:
            if penalty.parameter in architecture.strengths:
                penalty.strength = dropout.new_tensor(architecture.strengths[penalty.parameter])
        bias, n_outputs = architecture.initial_bias, architecture.n_outputs
        head = fused_head(body.width, bias) if body.copies == 1 else PerTaskHead(body.width, bias, n_outputs)
        return cls(tuple(_input_stages(architecture, extractor, dropout)), body, head)

    @property
    def parts(self) -> tuple[Layer, ...]:  # type: ignore[override]
        """All layers, in the order of their parameters."""
        return *self.inputs, self.body, self.head

    @property
    def extractor(self) -> Extractor | None:
        """The learnable part of the encoder."""
        last = self.inputs[-1] if self.inputs else None
        return last if isinstance(last, Extractor) else None

    @property
    def hand_derived(self) -> bool:
        """Whether the backward of the body is that of the whole: no input stage has parameters."""
        return self.body.hand_derived and self.extractor is None

    def prepare(self, x: Tensor, workspace: Workspace) -> Tensor:
        """Apply the input stages: ``(1 or member, row, n_inputs) -> (1 or member, row, width)``."""
        for stage in self.inputs:
            x = stage.forward(x, workspace)
        return x

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or part or member, row, n_inputs) -> (member, row, output)``."""
        return self.head.forward(self.body.forward(self.prepare(x, workspace), workspace), workspace)


def _input_stages(architecture: Architecture, extractor: Extractor | None, like: Tensor) -> Iterator[InputStage]:
    if architecture.input_dropout:
        yield DropInputs(torch.full_like(like, architecture.input_dropout))
    scale: np.ndarray | None = architecture.input_scale
    if scale is not None:
        factors = torch.tensor(scale, dtype=like.dtype, device=like.device)
        if architecture.n_read is not None:
            indices = torch.from_numpy(read_indices(scale, architecture.n_read)).to(like.device)
            factors = factors.gather(1, indices)
            yield SelectInputs(indices)
        yield ScaleInputs(factors)
    if extractor is not None:
        yield extractor
