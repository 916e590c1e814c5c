"""Shapes and kinds of the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from skmtl.encoders import Encoder
from skmtl.network._extraction import ExtractingBody
from skmtl.network._heads import FusedHead, Head, PerTaskHead
from skmtl.network._inputs import DroppingBody, ScalingBody, SelectingBody, places_read
from skmtl.sharing import Body, Sharing, Trunk


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
    n_read : int or None
        How many inputs a member reads, None for all; the scale of the others is 0.
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
    n_read: int | None = None
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
                n_inputs=(self.n_read or self.n_inputs) if extractor is None else extractor.width,
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
            body = self._scaled(body, self.input_scale, dtype, device)
        if self.input_dropout:
            body = DroppingBody(torch.full((self.members,), self.input_dropout, dtype=dtype, device=device), body)
        if body.copies == 1:
            return body, FusedHead(body.width, self.initial_bias)
        return body, PerTaskHead(body.width, self.initial_bias, self.n_outputs)

    def _scaled(self, body: Body, scale: np.ndarray, dtype: torch.dtype, device: torch.device) -> Body:
        factors = torch.tensor(scale, dtype=dtype, device=device)
        if self.n_read is None:
            return ScalingBody(factors, body)
        places = torch.from_numpy(places_read(scale, self.n_read)).to(device)
        return SelectingBody(places, ScalingBody(factors.gather(1, places), body))
