"""The contract of methods by which the peers of a cohort share parameters."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from skmtl._peer_method import PeerMethod
from skmtl._state import State, pack, unpack
from skmtl.layers import ParameterBuffer
from skmtl.network import Passes
from skmtl.training._state import join, split
from skmtl.training.optimizers import Optimizer, Update

Settings = Mapping[str, Tensor]


class PeerSharing(PeerMethod):
    """Settings of a method by which the peers of a cohort share parameters.

    Such peers begin alike (:meth:`initialise`), as the mean of networks that began apart is worth little, and divide
    the rows of each batch among them, so that the products of a step cost about as much as those of one network. Where
    they also collaborate, which compares what they say of the same rows, each has all rows of the batch.

    Attributes
    ----------
    peers : int
        Number of peers of a cohort that ``n_peers="auto"`` stands for.
    composes : bool
        Whether weights are computed from others in each step, so that what else changes them would be lost.
    """

    owner = "peer_sharing"
    peers: ClassVar[int] = 4
    composes: ClassVar[bool] = False

    @property
    @abstractmethod
    def acts(self) -> bool:
        """Whether the settings couple the peers at all; else they are members as without the method."""

    def initialise(self, buffer: ParameterBuffer, n_peers: int, generators: Sequence[np.random.Generator]) -> None:
        """Set the first weights of the peers; by default those of the first peer of a cohort.

        Parameters
        ----------
        buffer : ParameterBuffer
            Values drawn for each member.
        n_peers : int
            Peers of a cohort.
        generators : sequence of Generator
            One a member, for draws that set peers apart.
        """
        for view in buffer.views.values():
            peers = by_cohort(view, n_peers)
            peers.copy_(peers[:, :1].clone())

    @property
    def shared_settings(self) -> tuple[Any, ...]:
        """See :class:`Params`; peers that are not coupled begin apart."""
        return *super().shared_settings, self.acts

    @abstractmethod
    def updates(
        self,
        optimizer: Optimizer,
        buffer: ParameterBuffer,
        n_peers: int,
        learning_rate: Tensor,
        weight_decay: Tensor,
        settings: Settings,
    ) -> list[Update]:
        """Chain from the gradients to new values: the optimizer's update and what couples the peers.

        Parameters
        ----------
        optimizer : Optimizer
            Rule by which gradients change values.
        buffer : ParameterBuffer
            Values and gradients of all peers; those of a cohort are neighbours.
        n_peers : int
            Peers of a cohort.
        learning_rate, weight_decay : Tensor of shape (member,)
            Of each peer.
        settings : mapping of str to Tensor of shape (member,)
            The ``strengths`` of each peer.

        Returns
        -------
        list of Update
            In the order of their steps.
        """


class PeerUpdate(Update):
    """An update of the values or gradients of all peers together.

    Parameters
    ----------
    buffer : ParameterBuffer
        Values and gradients of all peers.
    n_peers : int
        Peers of a cohort.
    settings : mapping of str to Tensor of shape (member,)
        What the update reads of each peer, by name.
    """

    def __init__(self, buffer: ParameterBuffer, n_peers: int, settings: Settings) -> None:
        self.buffer, self.n_peers, self.settings = buffer, n_peers, settings

    def setting(self, name: str, like: Tensor) -> Tensor:
        """A setting ``(cohort, peer, 1, ...)`` beside values ``(cohort, peer, ...)``."""
        of_peers = by_cohort(self.settings[name], self.n_peers)
        return of_peers.view(*of_peers.shape, *[1] * (like.ndim - 2))

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`; the members make whole cohorts."""
        chosen = copy.copy(self)
        chosen.buffer = buffer
        chosen.settings = {name: values[members] for name, values in self.settings.items()}
        return chosen


class ComposedUpdate(PeerUpdate):
    """Optimises parts of the weights in buffers of their own; :meth:`compose` writes weights made of them.

    Parameters
    ----------
    buffer : ParameterBuffer
        Weights and gradients of all peers.
    n_peers : int
        Peers of a cohort.
    settings : mapping of str to Tensor of shape (member,)
        What the update reads of each peer, by name.
    parts : dict of str to ParameterBuffer
        The first is common to a cohort, the others are each peer's own.
    """

    def __init__(
        self, buffer: ParameterBuffer, n_peers: int, settings: Settings, parts: dict[str, ParameterBuffer]
    ) -> None:
        super().__init__(buffer, n_peers, settings)
        self.parts = parts
        self._updates: dict[str, Update] = {}

    def start(
        self, optimizer: Optimizer, learning_rate: Tensor, weight_decay: Tensor, *, undecayed: Sequence[str]
    ) -> None:
        """Begin the updates of the parts, of ``undecayed`` ones without weight decay."""
        of_cohort = slice(None, None, self.n_peers)
        for name, part in self.parts.items():
            rate, decay = learning_rate, torch.zeros_like(weight_decay) if name in undecayed else weight_decay
            if name == self._common:
                rate, decay = rate[of_cohort], decay[of_cohort]
            if len(part.learned):
                self._updates[name] = optimizer.start(part, rate, decay)

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        self.derive()
        for update in self._updates.values():
            update.step(factor)
        self.compose()

    def share_products(self, passes: Passes) -> None:
        """Let the passes compute with the parts, where they can and nothing else reads the weights between epochs."""

    @abstractmethod
    def derive(self) -> None:
        """Write the gradients of the parts from those of the weights."""

    @abstractmethod
    def compose(self) -> None:
        """Write the weights that the parts make."""

    @property
    def _common(self) -> str:
        return next(iter(self.parts))

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`; the members make whole cohorts."""
        chosen = super().select(members, buffer)
        assert isinstance(chosen, ComposedUpdate)
        index = dict.fromkeys(self.parts, members) | {self._common: members[:: self.n_peers] // self.n_peers}
        chosen.parts = {name: part_of(part, index[name]) for name, part in self.parts.items()}
        chosen._updates = {n: update.select(index[n], chosen.parts[n]) for n, update in self._updates.items()}
        return chosen

    def state(self) -> State:
        """See :class:`Resumable`."""
        parts = {name: part.arrays() for name, part in self.parts.items()}
        return join({"parts": pack(parts, "parts", {}), **{n: update.state() for n, update in self._updates.items()}})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device) -> None:
        """See :class:`Resumable`."""
        saved = split(state, arrays)
        parts = unpack(*saved["parts"], {}, {})
        for name, part in self.parts.items():
            part.load(parts[name])
        for name, update in self._updates.items():
            update.load_state(*saved[name], device)


def by_cohort(values: Tensor, n_peers: int) -> Tensor:
    """``(member, ...)`` as ``(cohort, peer, ...)``; what all members share, as ``(1, 1, ...)``."""
    return values[None] if len(values) == 1 else values.unflatten(0, (-1, n_peers))


def part_of(buffer: ParameterBuffer, members: Tensor) -> ParameterBuffer:
    """Values of some of the members in a buffer of their own."""
    part = ParameterBuffer(buffer.specs, len(members), buffer.values.dtype, buffer.values.device)
    part.values.copy_(buffer.pick(buffer.values, members))
    return part
