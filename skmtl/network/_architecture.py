"""Shapes and kinds of the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice

import numpy as np

from skmtl.encoders import Encoder
from skmtl.sharing import Sharing


@dataclass(frozen=True)
class Architecture:
    """Shapes, sharing and encoder of a network: all that its layers are built from.

    Attributes
    ----------
    sharing : Sharing
        How tasks share hidden layers.
    n_inputs : int
        Width of an encoded row.
    hidden_layer_sizes : tuple of int
        Widths of the hidden layers.
    task_layer_sizes : tuple of int
        Widths of hidden layers of each task's own, between those of ``sharing`` and its output.
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
        Dropout rate of each member; a single one counts for all.
    encoder : Encoder or None
        Fitted; its learnable part, if there is one, goes before the hidden layers.
    strengths : dict
        Parameters in ``sharing.strengths`` with a value for each member, by name, where members differ. A sequence that
        ``sharing`` holds is dealt to the members in turn.
    input_scale : ndarray of shape (members, n_inputs) or None
        What each member multiplies its inputs by.
    n_read : int or None
        Number of inputs that a member reads, None for all; the scale of the others is 0.
    input_dropout : float
        Fraction of the inputs dropped in training.
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
    task_layer_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.dropout) == 1:
            object.__setattr__(self, "dropout", self.dropout * self.members)
        given = {name: getattr(self.sharing, name) for name in self.sharing.strengths if name not in self.strengths}
        dealt = {
            name: tuple(islice(cycle(values), self.members))
            for name, values in given.items()
            if isinstance(values, Sequence)
        }
        object.__setattr__(self, "strengths", {**self.strengths, **dealt})

    def of(self, members: Sequence[int]) -> Architecture:
        """Architecture of some of the members."""
        return replace(
            self,
            members=len(members),
            dropout=tuple(self.dropout[member] for member in members),
            strengths={name: tuple(own[member] for member in members) for name, own in self.strengths.items()},
            input_scale=None if self.input_scale is None else self.input_scale[list(members)],
        )

    @classmethod
    def stack(cls, architectures: Sequence[Architecture]) -> Architecture:
        """Architecture of stacked networks, which differ only in values of single members."""
        members = sum(architecture.members for architecture in architectures)
        dropout = tuple(rate for architecture in architectures for rate in architecture.dropout)
        strengths = {
            name: tuple(strength for architecture in architectures for strength in architecture.strengths_of(name))
            for name in architectures[0].sharing.strengths
        }
        scales = [architecture.input_scale for architecture in architectures if architecture.input_scale is not None]
        scale = np.concatenate(scales) if scales else None
        return replace(architectures[0], members=members, dropout=dropout, strengths=strengths, input_scale=scale)

    def strengths_of(self, parameter: str) -> tuple[float, ...]:
        """Value of a parameter for each member, also where one is given for all."""
        return self.strengths.get(parameter) or (getattr(self.sharing, parameter),) * self.members
