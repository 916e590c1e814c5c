"""The network: parameters of all members and what they do to a batch of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl.encoders import Encoder
from skmtl.layers import ParameterBuffer, Scratch
from skmtl.network._backward import Autograd, Differentiation, HandDerived
from skmtl.network._extraction import ExtractingBody
from skmtl.network._heads import FusedHead, Head, PerTaskHead
from skmtl.network._inputs import DroppingBody, ScalingBody
from skmtl.network._lowered import Lowered
from skmtl.network._prepared import PreparedBody
from skmtl.sharing import Body, Finding, Sharing, Trunk


@dataclass(frozen=True)
class Architecture:
    """All that fixes the shapes of a network.

    Attributes
    ----------
    sharing : Sharing
        How tasks share hidden layers.
    n_inputs : int
        Width of an encoded row.
    hidden_layer_sizes : tuple of int
        Widths of the hidden layers.
    activation : str
        Name of the activation.
    n_outputs : tuple of int
        Number of outputs of each task.
    members : int
        Number of members.
    dtype : {"float32", "float64"}
        Type of parameters and activations.
    initial_bias : ndarray of shape (outputs,)
        Bias of the output layer to start from.
    dropout : tuple of float
        Dropout rate of each member.
    encoder : Encoder or None
        Fitted; its learnable part, if it has one, goes in front of the hidden layers.
    strengths : dict
        Strengths of penalties of ``sharing`` for each member, by name of the parameter, where members differ.
    input_scale : ndarray of shape (members, n_inputs) or None
        What each member multiplies its inputs by.
    input_dropout : float
        Share of the inputs dropped in training.
    """

    sharing: Sharing
    n_inputs: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    n_outputs: tuple[int, ...]
    members: int
    dtype: str
    initial_bias: np.ndarray = field(repr=False)
    dropout: tuple[float, ...] = (0.0,)
    encoder: Encoder | None = None
    strengths: dict[str, tuple[float, ...]] = field(default_factory=dict)
    input_scale: np.ndarray | None = field(default=None, repr=False)
    input_dropout: float = 0.0

    @property
    def rates(self) -> tuple[float, ...]:
        """Dropout rate of each member, also where one is given for all."""
        return self.dropout if len(self.dropout) == self.members else self.dropout * self.members

    @property
    def draws(self) -> bool:
        """Whether a step of training draws at random."""
        return any(self.dropout) or self.input_dropout > 0

    def of(self, members: Sequence[int]) -> Architecture:
        """Architecture of some of the members."""
        return replace(
            self,
            members=len(members),
            dropout=tuple(self.rates[member] for member in members),
            strengths={name: tuple(own[member] for member in members) for name, own in self.strengths.items()},
            input_scale=None if self.input_scale is None else self.input_scale[list(members)],
        )

    @classmethod
    def stack(cls, architectures: Sequence[Architecture]) -> Architecture:
        """Architecture of networks side by side, which differ in nothing but what belongs to a member."""
        members = sum(architecture.members for architecture in architectures)
        rates = tuple(rate for architecture in architectures for rate in architecture.rates)
        strengths = {
            name: tuple(strength for architecture in architectures for strength in architecture.strengths_of(name))
            for name in architectures[0].sharing.strengths
        }
        scales = [architecture.input_scale for architecture in architectures if architecture.input_scale is not None]
        scale = np.concatenate(scales) if scales else None
        return replace(architectures[0], members=members, dropout=rates, strengths=strengths, input_scale=scale)

    def strengths_of(self, parameter: str) -> tuple[float, ...]:
        """Strength of a penalty for each member, also where one is given for all."""
        return self.strengths.get(parameter) or (getattr(self.sharing, parameter),) * self.members

    def parts(self, device: torch.device) -> tuple[Body, Head]:
        """Build hidden and output layers, without parameters."""
        dtype = getattr(torch, self.dtype)
        dropout = torch.tensor(self.dropout, dtype=dtype, device=device)
        extractor = None if self.encoder is None else self.encoder.build()
        body = self.sharing.build(
            Trunk(
                members=self.members,
                n_inputs=self.n_inputs if extractor is None else extractor.width,
                hidden_layer_sizes=self.hidden_layer_sizes,
                n_tasks=len(self.n_outputs),
                activation=self.activation,
                dropout=dropout.expand(self.members),
            )
        )
        for penalty in body.penalties:
            if penalty.parameter in self.strengths:
                penalty.strength = dropout.new_tensor(self.strengths[penalty.parameter])
        if extractor is not None:
            body = ExtractingBody(extractor, body)
        if self.input_scale is not None:
            body = ScalingBody(torch.tensor(self.input_scale, dtype=dtype, device=device), body)
        if self.input_dropout:
            body = DroppingBody(torch.full((self.members,), self.input_dropout, dtype=dtype, device=device), body)
        if body.copies == 1:
            return body, FusedHead(body.width, self.initial_bias)
        return body, PerTaskHead(body.width, self.initial_bias, self.n_outputs)


class Network:
    """The members' networks.

    Pickles as its architecture and CPU arrays: no torch object, no gradient, nothing of the run that trained it.

    Parameters
    ----------
    architecture : Architecture
        Shapes and kinds of the layers.
    device : torch.device
        Where it computes.
    """

    def __init__(self, architecture: Architecture, device: torch.device) -> None:
        self.architecture = architecture
        self.device = device
        self._body, self._head = architecture.parts(device)
        specs = [*self._body.specs, *self._head.specs]
        self.buffer = ParameterBuffer(specs, architecture.members, getattr(torch, architecture.dtype), device)
        self._body.bind(self.buffer)
        self._head.bind(self.buffer)

    def initialise(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw each member's initial parameters from its own generator."""
        self.buffer.initialise(generators)

    @property
    def n_parameters(self) -> int:
        """Number of parameters of one member."""
        return sum(spec.size for spec in self.buffer.specs)

    @property
    def cells(self) -> int:
        """Numbers that a row of one member takes at the widest place between input and output."""
        widest = max(self.architecture.hidden_layer_sizes, default=1) * self._body.copies
        return max(widest, self._body.cells)

    @property
    def reads_parts(self) -> bool:
        """Whether training passes take rows of parts of the members, and not only rows of all or of each."""
        plain = not isinstance(self._body, PreparedBody)
        return plain and self._body.stack is not None and bool(self._body.specs)

    @property
    def extracts(self) -> bool:
        """Whether a learnable part of the encoder goes in front of the hidden layers."""
        return isinstance(self._body, ExtractingBody)

    @property
    def operations(self) -> int:
        """Multiplications for a row of one member."""
        return max(self.n_parameters, self._body.operations)

    @property
    def n_outputs(self) -> int:
        """Number of outputs of all tasks."""
        return sum(self.architecture.n_outputs)

    def training_passes(
        self,
        generators: list[torch.Generator],
        *,
        products: str | None = None,
        autograd: bool = False,
        parts: Sequence[int] = (),
    ) -> Differentiation:
        """Forward and backward over this network's parameters.

        Parameters
        ----------
        generators : list of torch.Generator
            One stream a member for dropout.
        products : str, optional
            Name of the torch type that the layers compute in, by default that of the parameters.
        autograd : bool, default=False
            Forces the recorded form.
        parts : sequence of int, optional
            Numbers of neighbouring members that read the same rows, where not all do; see ``reads_parts``.
        """
        if products not in (None, self.architecture.dtype):
            return Lowered(self, generators, products, parts)
        body, head = self.architecture.parts(self.device)
        way = HandDerived if body.hand_derived and not autograd else Autograd
        return way(body, head, self.buffer, generators, parts)

    def __call__(self, x: Tensor, scratch: Scratch | None = None) -> Tensor:
        """Outputs without dropout: ``(1 or member, row, feature) -> (member, row, output)``.

        With a ``scratch`` that reuses memory the outputs hold until its next use.
        """
        scratch = scratch or Scratch()
        return self._head.forward(self._body.forward(x, scratch), scratch)

    @classmethod
    def stack(cls, networks: Sequence[Network]) -> Network:
        """Put the members of networks that are alike side by side, as one network; a single one is returned itself."""
        first = networks[0]
        if len(networks) == 1:
            return first
        stacked = cls(Architecture.stack([network.architecture for network in networks]), first.device)
        for spec in stacked.buffer.specs:
            torch.cat([network.buffer.view(spec.name) for network in networks], out=stacked.buffer.view(spec.name))
        return stacked

    def select(
        self, members: Sequence[int], values: Tensor | None = None, architecture: Architecture | None = None
    ) -> Network:
        """Return the network of some of the members: the inverse of :meth:`stack`.

        Parameters
        ----------
        members : sequence of int
            Which members.
        values : Tensor, optional
            Parameters of all members in the layout of the buffer, by default those of the buffer.
        architecture : Architecture, optional
            What the members had before they were stacked, by default what this network knows of them. Only the scale
            of their inputs, learned since, is this network's.

        Returns
        -------
        Network
            With parameters of its own.
        """
        own = self.architecture.of(members)
        chosen = Network(replace(architecture or own, input_scale=own.input_scale), self.device)
        index = torch.as_tensor(members, device=self.device)
        chosen.buffer.values.copy_(self.buffer.pick(self.buffer.values if values is None else values, index))
        return chosen

    def with_input_scale(self, factors: np.ndarray) -> Network:
        """Return a copy that multiplies its inputs by ``factors`` of shape (member, n_inputs)."""
        scaled = Network(replace(self.architecture, input_scale=factors), self.device)
        scaled.buffer.values.copy_(self.buffer.values)
        return scaled

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """What the hidden layers tell about how tasks share, from rows ``(1 or member, row, feature)``."""
        with torch.no_grad():
            return self._body.findings(x)

    def to(self, device: torch.device) -> Network:
        """Return a copy on ``device``."""
        copy = Network(self.architecture, device)
        copy.buffer.load(self.buffer.arrays())
        return copy

    def __getstate__(self) -> dict[str, Any]:
        return {"architecture": self.architecture, "parameters": self.buffer.arrays()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Network.__init__(self, state["architecture"], torch.device("cpu"))
        self.buffer.load(state["parameters"])
