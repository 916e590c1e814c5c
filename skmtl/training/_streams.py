"""Random numbers as functions of the seed and the epoch."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack

MANY_ROWS = 1 << 20  # beyond this the order of the rows is kept in half the memory, which takes longer to shuffle
EPOCH_DRAWS = 1 << 64  # numbers of a stream between those of two epochs, far more than an order takes
BLOCK = 64  # epochs whose seeds are computed at a time
PURPOSES = {"dropout": 0, "balancing": 1}  # of the draws of a member
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Streams:
    """All randomness of a fit: what an epoch draws depends on seeds and on its number, not on the epochs before.

    Every member has a seed, from which it draws the same alone as in a stack. The order of the rows has a seed of its
    own, which all members of a part have in common.

    Attributes
    ----------
    members : tuple of (int, int)
        Seeds of the members: entropy of a seed sequence, and which of its children.
    parts : tuple of (int, int)
        Entropy of the order of the rows, and number of neighbouring members that go through them in this order.
    epoch : int, default=0
        The next epoch. It counts on where training is continued, so that no order comes twice.
    """

    members: tuple[tuple[int, int], ...]
    parts: tuple[tuple[int, int], ...]
    epoch: int = 0

    @classmethod
    def from_seed(cls, seed: int | None, members: int) -> Streams:
        """Streams of ``members`` members from one seed; None draws it from the system."""
        entropy = np.random.SeedSequence(seed).entropy
        assert isinstance(entropy, int)
        return cls(tuple((entropy, member) for member in range(members)), ((entropy, members),))

    @classmethod
    def join(cls, parts: Sequence[Sequence[Streams]]) -> Streams:
        """Streams of parts of the members; the fits of a part all go through the rows in the order of its first."""
        members = tuple(seed for part in parts for each in part for seed in each.members)
        orders = tuple((part[0].parts[0][0], sum(len(each.members) for each in part)) for part in parts)
        return cls(members, orders, parts[0][0].epoch)

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
        parts = tuple((entropy, size) for (entropy, _), size in zip(self.parts, sizes, strict=True) if size)
        return Streams(tuple(self.members[member] for member in members.tolist()), parts, self.epoch)

    @property
    def initial(self) -> list[np.random.Generator]:
        """One generator a member for the initial parameters."""
        return [np.random.default_rng(np.random.SeedSequence(e, spawn_key=(child,))) for e, child in self.members]

    def orders(self, epochs_per_pass: int = 1) -> list[np.random.Generator]:
        """Generators of the order of the rows in the pass of this epoch, one a part; they serve until the next call."""
        first, generators = self.epoch - self.epoch % epochs_per_pass, []
        for generator, start in self._order_generators:
            generator.bit_generator.state = start  # takes a tenth of the time of a new generator
            generator.bit_generator.advance(first * EPOCH_DRAWS)  # type: ignore[attr-defined]
            generators.append(generator)
        return generators

    @cached_property
    def _order_generators(self) -> list[tuple[np.random.Generator, Mapping[str, Any]]]:
        """A generator a part, and its state before the first epoch."""
        generators = [np.random.default_rng(entropy) for entropy, _ in self.parts]
        return [(generator, generator.bit_generator.state) for generator in generators]

    def seed(self, generators: Sequence[torch.Generator], purpose: str) -> None:
        """Set one generator a member to the beginning of the epoch, for "dropout" or for "balancing"."""
        block, epoch = divmod(self.epoch, BLOCK)
        for generator, seed in zip(generators, _seeds(self.members, PURPOSES[purpose], block)[epoch], strict=True):
            generator.manual_seed(seed)


def pass_after(order: np.random.Generator, epochs_per_pass: int) -> np.random.Generator:
    """Generator of the order of the next pass; ``order``, of :meth:`Streams.orders`, is at the beginning of one."""
    following = copy.deepcopy(order)
    following.bit_generator.advance(epochs_per_pass * EPOCH_DRAWS)  # type: ignore[attr-defined]
    return following


def shuffled(n_rows: int, order: np.random.Generator) -> np.ndarray:
    """Numbers of rows in the order that a generator draws."""
    if n_rows <= MANY_ROWS:
        return order.permutation(n_rows)
    rows = np.arange(n_rows, dtype=np.int32)
    order.shuffle(rows)
    return rows


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
