"""The layers of a network, built from its architecture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from skmtl.encoders import Extractor
from skmtl.layers import Composite, Layer, ParameterBuffer, Workspace
from skmtl.network._architecture import Architecture
from skmtl.network._output_layers import PerTaskHead, fused_head
from skmtl.network._output_spread import OutputSpread, outputs_of_like_tasks
from skmtl.network._task_layers import TaskLayers
from skmtl.sharing import BodySpec


class InputStage(Layer, Protocol):
    """A function of encoded rows; an :class:`~skmtl.encoders.Extractor` is one that has parameters."""

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or member, row, n_inputs) -> (1 or member, row, width)``."""
        ...


class ScaleInputs(Composite):
    """Multiply each input by a constant factor of the member.

    Parameters
    ----------
    factors : Tensor of shape (member, n_inputs)
        Of every input.
    """

    def __init__(self, factors: Tensor) -> None:
        self.factors = factors[:, None]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`InputStage`."""
        members, _, n_inputs = self.factors.shape
        return torch.mul(x, self.factors, out=workspace.out("scaled", members, x.shape[1], n_inputs, x))


class SelectInputs(Composite):
    """Keep some of the inputs, different ones for each member.

    Parameters
    ----------
    indices : Tensor of shape (member, n_read)
        Which inputs.
    """

    def __init__(self, indices: Tensor) -> None:
        self.indices, self._of_all = indices, indices.flatten()

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`InputStage`."""
        if x.shape[0] == 1:  # one pass over the rows for all members
            return x[0].index_select(1, self._of_all).view(-1, *self.indices.shape).transpose(0, 1)
        return x.gather(2, self.indices[:, None].expand(-1, x.shape[1], -1))


class DropInputs(Composite):
    """Inverted dropout of inputs in training, drawn for every member and row.

    Parameters
    ----------
    rate : Tensor of shape (member,)
        Fraction of the inputs set to 0; the others are divided by 1 - rate.
    """

    def __init__(self, rate: Tensor) -> None:
        self.rate = rate

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`InputStage`."""
        if not workspace.training:
            return x
        shape = len(self.rate), x.shape[1], x.shape[2]
        return torch.mul(x, workspace.keep_mask("inputs", shape, self.rate, x), out=workspace.out("inputs", *shape, x))


def keep_largest(factors: np.ndarray, n_read: int) -> np.ndarray:
    """Set all but the ``n_read`` largest factors of each member to 0; of equal ones the first are kept."""
    kept = np.argsort(-factors, axis=1, kind="stable")[:, :n_read]
    largest = np.zeros_like(factors)
    np.put_along_axis(largest, kept, np.take_along_axis(factors, kept, axis=1), axis=1)
    return largest


def read_indices(factors: np.ndarray, n_read: int) -> np.ndarray:
    """Indices of the inputs that each member reads, ``(member, n_read)``, if all others have a factor of 0."""
    indices: np.ndarray = np.argsort(factors <= 0, axis=1, kind="stable")[:, :n_read]
    return indices


class Layers(Composite):
    """Input stages, hidden layers and output layer, in the order of a forward pass.

    Parameters
    ----------
    architecture : Architecture
        What they are built from, without parameters.
    device : torch.device
        Where they compute.

    Attributes
    ----------
    inputs : tuple of InputStage
        Applied one after the other to encoded rows.
    extractor : Extractor or None
        The learnable part of the encoder, the last of them.
    body : Body
        Hidden layers of the sharing architecture.
    task_layers : TaskLayers
        Hidden layers of each task's own, if there are any.
    head : MemberLinear
        Output layer, fused or one for each task.
    penalties : tuple of Penalty
        Terms beside the task losses, of the body and of the output layer.
    hand_derived : bool
        Whether the backward of the body is that of the whole: no input stage has parameters.

    Raises
    ------
    ValueError
        If the output layers of tasks are to be drawn together, and these read features of their own.
    """

    def __init__(self, architecture: Architecture, device: torch.device) -> None:
        extractor = None if architecture.encoder is None else architecture.encoder.build()
        n_inputs = (architecture.n_read or architecture.n_inputs) if extractor is None else extractor.width
        dropout = torch.tensor(architecture.dropout, dtype=getattr(torch, architecture.dtype), device=device)
        bias, n_outputs = architecture.initial_bias, architecture.n_outputs
        self.extractor, self.inputs = extractor, tuple(_input_stages(architecture, extractor, dropout))
        self.body = architecture.sharing.build(
            BodySpec(
                members=architecture.members,
                n_inputs=n_inputs,
                hidden_layer_sizes=architecture.hidden_layer_sizes,
                n_tasks=len(n_outputs),
                activation=architecture.activation,
                dropout=dropout,
                strengths=architecture.strengths,
            )
        )
        self.task_layers = TaskLayers(
            self.body.width,
            architecture.task_layer_sizes,
            copies=self.body.copies,
            n_tasks=len(n_outputs),
            activation=architecture.activation,
            dropout=dropout,
            alike=self.body.outputs_alike,
        )
        width, common = self.task_layers.width, self.task_layers.copies == 1
        like_tasks = outputs_of_like_tasks(n_outputs)
        if common:
            self.head = fused_head(width, bias, like_tasks if self.body.outputs_alike else ())
        else:
            self.head = PerTaskHead(width, bias, n_outputs, alike=self.body.outputs_alike)
        self._spread = self._output_spread(like_tasks, common)
        self.penalties = (*self.body.penalties, *self._spread)
        self.parts = *self.inputs, self.body, self.task_layers, self.head
        self.hand_derived = self.body.hand_derived and extractor is None

    def _output_spread(self, like_tasks: Sequence[np.ndarray], common: bool) -> tuple[OutputSpread, ...]:
        strength = self.body.output_strength
        if strength is None or not strength.any():
            return ()
        if not common:
            raise ValueError(
                "output_strength draws output layers together that read the same features; got task_layer_sizes, which "
                "gives each task features of its own. Set output_strength=0 or task_layer_sizes=()."
            )
        return (OutputSpread(strength, self.head, like_tasks),) if like_tasks else ()

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        super().bind(buffer, leaves)
        for penalty in self._spread:
            penalty.bind(buffer)

    def prepare(self, x: Tensor, workspace: Workspace) -> Tensor:
        """Apply the input stages: ``(1 or member, row, n_inputs) -> (1 or member, row, width)``."""
        for stage in self.inputs:
            x = stage.forward(x, workspace)
        return x

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or part or member, row, n_inputs) -> (member, row, output)``."""
        return self.head.forward(self.features(x, workspace), workspace)

    def features(self, x: Tensor, workspace: Workspace) -> Tensor:
        """What the output layer reads: ``(member, row, width)``; ``(member * task, row, width)`` where tasks differ."""
        features = self.body.forward(self.prepare(x, workspace), workspace)
        return self.task_layers.forward(features, workspace)

    def feature_gradients(self, output_gradient: Tensor, workspace: Workspace) -> Tensor:
        """Write the gradients of the task layers, and return that of each task at the features of ``body``.

        ``(member, row, output) -> (member * task, row, width)``, where tasks have task layers or features of their own.
        """
        below = self.task_layers.backward(self.head.input_gradient(output_gradient, workspace), workspace)
        return self.task_layers.input_gradient_by_task(below, workspace)


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
