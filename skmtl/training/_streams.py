"""Random numbers as functions of the seed and the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack

EPOCH_DRAWS = 1 << 64  # numbers of a stream between those of two epochs, far more than an order takes
BLOCK = 64  # epochs whose seeds are computed at a time
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Streams:
    """All randomness of a fit: what an epoch draws depends on seeds and on its number, not on the epochs before.

    Every member has a seed, from which it draws the same alone as in a stack. The order of the rows has a seed of its
    own, which all members of a part have in common.

    Parameters
    ----------
    members : sequence of (int, int)
        Seeds of the members: entropy of a seed sequence, and which of its children.
    parts : sequence of (int, int)
        Entropy of the order of the rows, and number of neighbouring members that go through them in this order.
    epoch : int, default=0
        The next epoch. It counts on where training is continued, so that no order comes twice.
    """

    def __init__(self, members: Sequence[tuple[int, int]], parts: Sequence[tuple[int, int]], epoch: int = 0) -> None:
        self.members, self.parts, self.epoch = tuple(members), tuple(parts), epoch

    @classmethod
    def from_seed(cls, seed: int | None, members: int) -> Streams:
        """Streams of ``members`` members from one seed; None draws it from the system."""
        entropy = np.random.SeedSequence(seed).entropy
        assert isinstance(entropy, int)
        return cls([(entropy, member) for member in range(members)], [(entropy, members)])

    @classmethod
    def stack(cls, streams: Sequence[Streams]) -> Streams:
        """Streams of fits whose members all go through the rows in the order of the first."""
        members = [seed for each in streams for seed in each.members]
        return cls(members, [(streams[0].parts[0][0], len(members))], streams[0].epoch)

    @classmethod
    def join(cls, streams: Sequence[Streams]) -> Streams:
        """Streams of parts of the members that go through their rows in orders of their own."""
        members = [seed for each in streams for seed in each.members]
        return cls(members, [part for each in streams for part in each.parts], streams[0].epoch)

    def apart(self) -> Streams:
        """Return the same streams with an epoch of their own."""
        return Streams(self.members, self.parts, self.epoch)

    def state(self) -> State:
        """Seeds and epoch as data; see :class:`Resumable`."""
        return pack({"members": self.members, "parts": self.parts, "epoch": self.epoch}, "streams", {})

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Streams:
        """Streams from what :meth:`state` gave."""
        return cls(**unpack(state, arrays, {}, {}))

    def select(self, members: Tensor) -> Streams:
        """Return the streams of some of the members, which rise."""
        edges = np.cumsum([size for _, size in self.parts])
        sizes = np.bincount(np.searchsorted(edges, members.cpu().numpy(), side="right"), minlength=len(edges)).tolist()
        parts = [(entropy, size) for (entropy, _), size in zip(self.parts, sizes, strict=True) if size]
        return Streams([self.members[member] for member in members.tolist()], parts, self.epoch)

    @property
    def initial(self) -> list[np.random.Generator]:
        """One generator a member for the initial parameters."""
        return [np.random.default_rng(np.random.SeedSequence(e, spawn_key=(child,))) for e, child in self.members]

    def orders(self) -> list[np.random.Generator]:
        """Generators of the epoch's order of the rows, one a part; they serve until the next call."""
        generators = []
        for generator, start in self._order_generators:
            generator.bit_generator.state = start  # takes a tenth of the time of a new generator
            generator.bit_generator.advance(self.epoch * EPOCH_DRAWS)  # type: ignore[attr-defined]
            generators.append(generator)
        return generators

    @cached_property
    def _order_generators(self) -> list[tuple[np.random.Generator, Mapping[str, Any]]]:
        """A generator a part, and its state before the first epoch."""
        generators = [np.random.default_rng(entropy) for entropy, _ in self.parts]
        return [(generator, generator.bit_generator.state) for generator in generators]

    def seed_dropout(self, generators: Sequence[torch.Generator]) -> None:
        """Set one generator a member to the beginning of the epoch."""
        self._seed(generators, 0)

    def seed_balancing(self, generators: Sequence[torch.Generator]) -> None:
        """Set one generator a member, for methods that draw, to the beginning of the epoch."""
        self._seed(generators, 1)

    def _seed(self, generators: Sequence[torch.Generator], purpose: int) -> None:
        block, epoch = divmod(self.epoch, BLOCK)
        for generator, seed in zip(generators, _seeds(self.members, purpose, block)[epoch], strict=True):
            generator.manual_seed(seed)


@lru_cache(maxsize=64)
def _seeds(members: tuple[tuple[int, int], ...], purpose: int, block: int) -> list[list[int]]:
    """Seeds ``(epoch, member)`` of a block of epochs: SplitMix64 (Steele, Lea and Flood, 2014) from each member's seed.

    Computed in blocks, they take a few microseconds an epoch, as short epochs want.
    """
    children = [np.random.SeedSequence(entropy, spawn_key=(child,)) for entropy, child in members]
    first = np.array([child.generate_state(2, np.uint64)[purpose] for child in children])
    z = first + np.arange(block * BLOCK + 1, (block + 1) * BLOCK + 1, dtype=np.uint64)[:, None] * GOLDEN
    z = (z ^ z >> 30) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> 27) * np.uint64(0x94D049BB133111EB)
    seeds: list[list[int]] = (z >> 1 ^ z >> 32).tolist()
    return seeds
