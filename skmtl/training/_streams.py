"""Random streams: one a member, one for the order of the batches."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from skmtl.training._data import Order
from skmtl.training._joined import JoinedOrder


class Streams:
    """All randomness of a fit.

    Member k draws from child k of the seed sequence, so that it draws the same alone as beside others; the order of the
    batches comes from the parent and is common to the members.

    Parameters
    ----------
    order : numpy.random.SeedSequence
        Seeds the order of the batches.
    members : sequence of numpy.random.SeedSequence
        Seeds of the members.
    """

    def __init__(self, order: np.random.SeedSequence, members: Sequence[np.random.SeedSequence]) -> None:
        self.order: Order = np.random.default_rng(order)
        self.initial = [np.random.default_rng(seed) for seed in members]
        states = [seed.generate_state(2, np.uint64) >> np.uint64(1) for seed in members]
        self._dropout_seeds = [int(state[0]) for state in states]
        self._balancing_seeds = [int(state[1]) for state in states]

    @classmethod
    def from_seed(cls, seed: int | None, members: int) -> Streams:
        """Streams of ``members`` members from one seed; None draws it from the system."""
        parent = np.random.SeedSequence(seed)
        return cls(parent, [np.random.SeedSequence(parent.entropy, spawn_key=(k,)) for k in range(members)])

    @classmethod
    def stack(cls, streams: Sequence[Streams]) -> Streams:
        """Streams of fits that take their batches in the order of the first."""
        return cls._side_by_side(streams, streams[0].order)

    @classmethod
    def join(cls, streams: Sequence[Streams]) -> Streams:
        """Streams of parts of the members that take their batches in orders of their own."""
        sizes = [len(one.initial) for one in streams]
        return cls._side_by_side(streams, JoinedOrder([one.order for one in streams], sizes))

    @classmethod
    def _side_by_side(cls, streams: Sequence[Streams], order: Order) -> Streams:
        if len(streams) == 1:
            return streams[0]
        stacked = copy.copy(streams[0])
        stacked.order = order
        stacked.initial = [generator for one in streams for generator in one.initial]
        stacked._dropout_seeds = [seed for one in streams for seed in one._dropout_seeds]
        stacked._balancing_seeds = [seed for one in streams for seed in one._balancing_seeds]
        return stacked

    def apart(self) -> Streams:
        """Streams before the first batch whose order is drawn apart from theirs, in the same way."""
        other = copy.copy(self)
        other.order = copy.deepcopy(self.order)
        return other

    def select(self, members: Tensor) -> Streams:
        """Streams of some of the members once training has begun; ``self`` must not be used any more."""
        chosen = copy.copy(self)
        if isinstance(self.order, JoinedOrder):
            chosen.order = self.order.select(members)
        return chosen

    def dropout(self, device: torch.device) -> list[torch.Generator]:
        """One generator a member, started anew."""
        return [torch.Generator(device).manual_seed(seed) for seed in self._dropout_seeds]

    def balancing(self) -> list[torch.Generator]:
        """One generator a member for methods that draw, started anew."""
        return [torch.Generator().manual_seed(seed) for seed in self._balancing_seeds]
