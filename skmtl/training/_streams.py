"""Random streams: one a member, one for the order of the batches."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch


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
        self.order = np.random.default_rng(order)
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
        first = streams[0]
        if len(streams) == 1:
            return first
        stacked = copy.copy(first)
        stacked.initial = [generator for one in streams for generator in one.initial]
        stacked._dropout_seeds = [seed for one in streams for seed in one._dropout_seeds]
        stacked._balancing_seeds = [seed for one in streams for seed in one._balancing_seeds]
        return stacked

    def dropout(self, device: torch.device) -> list[torch.Generator]:
        """One generator a member, started anew."""
        return [torch.Generator(device).manual_seed(seed) for seed in self._dropout_seeds]

    def balancing(self) -> list[torch.Generator]:
        """One generator a member for methods that draw, started anew."""
        return [torch.Generator().manual_seed(seed) for seed in self._balancing_seeds]
