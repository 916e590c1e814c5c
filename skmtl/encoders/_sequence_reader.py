"""Embeddings, a recurrent layer and pooling for token sequences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skmtl.encoders._extractor import Extractor
from skmtl.layers import (
    MemberEmbedding,
    MemberGRU,
    MemberLSTM,
    MemberRecurrence,
    Packing,
    Padding,
    Workspace,
)

LAYERS: dict[str, type[MemberRecurrence] | None] = {"lstm": MemberLSTM, "gru": MemberGRU, "mean": None}
POOLINGS: dict[str, Callable[[Packing, Tensor, Tensor], Tensor]] = {
    "max": lambda packing, states, last: packing.max(states),
    "mean": lambda packing, states, last: packing.mean(states),
    "last": lambda packing, states, last: packing.last(states, last),
}
_EMBEDDING_SCALE = 0.1


class SequenceReader(Extractor):
    """Embedding, recurrent layer and pooling of all members.

    Parameters
    ----------
    n_tokens, length : int
        Tokens that have a vector, longest sequence.
    layer, pooling : str
        Keys of ``LAYERS`` and ``POOLINGS``.
    n_units, embedding_size : int
        Widths.
    bidirectional : bool
        Whether a second recurrent layer reads from the end.
    drops : tuple of float
        Fractions of tokens and of entries dropped in training.
    """

    packing: type[Packing] = Packing

    def __init__(
        self,
        *,
        n_tokens: int,
        length: int,
        layer: str,
        n_units: int,
        embedding_size: int,
        bidirectional: bool,
        pooling: str,
        drops: tuple[float, float],
    ) -> None:
        self.pool, self.drops, self.draws = POOLINGS[pooling], drops, any(drops)
        self.embedding = MemberEmbedding("encoder.embedding", n_tokens, embedding_size, _EMBEDDING_SCALE)
        recurrent = LAYERS[layer]
        self.directions = 2 if bidirectional and recurrent else 1
        self.recurrence = recurrent(f"encoder.{layer}", embedding_size, n_units, self.directions) if recurrent else None
        self.parts = [self.embedding, *([self.recurrence] if self.recurrence else [])]
        self.width = self.directions * n_units if recurrent else embedding_size
        gates = recurrent.n_gates + 2 if recurrent else 1
        self.peak_activations = length * max(embedding_size, gates * self.width)
        maps = self.recurrence.specs[:2] if self.recurrence else ()
        self.operations = length * (embedding_size + sum(spec.size for spec in maps))

    def fix_shapes(self) -> None:
        """Read padding, too; see :class:`Extractor`."""
        self.packing = Padding

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`Extractor`."""
        ids = x.long()
        if len(ids) == 1:  # rows common to the members
            return self._read(ids[0], slice(None), workspace)
        return torch.cat([self._read(rows, slice(member, member + 1), workspace) for member, rows in enumerate(ids)])

    def _read(self, ids: Tensor, members: slice, workspace: Workspace) -> Tensor:
        """``(row, length) -> (member, row, width)`` for some of the members."""
        packing = self.packing.of(ids)
        vectors = self._embed(packing.take(ids), "forth", members, workspace)
        if self.recurrence is None:
            return packing.unsort(packing.mean(vectors))
        if self.directions == 2:
            back = self._embed(packing.take_reversed(ids), "back", members, workspace)
            vectors = torch.stack([vectors, back], 1).flatten(0, 1)  # (member * direction, token, embedding)
        states, last = self.recurrence.forward(vectors, packing, members)
        pooled = packing.unsort(self.pool(packing, states, last))
        features: Tensor = pooled.unflatten(0, (-1, self.directions)).transpose(1, 2).flatten(2)
        return features

    def _embed(self, tokens: Tensor, name: str, members: slice, workspace: Workspace) -> Tensor:
        """``(token,) -> (member, token, embedding)``, some of it dropped in training."""
        vectors = self.embedding.forward(tokens, members)
        if not workspace.training:
            return vectors
        n_members, n_tokens, width = vectors.shape
        for part, fraction, size in zip(("tokens", "cells"), self.drops, (1, width), strict=True):
            if fraction > 0:
                rate = vectors.new_full((n_members,), fraction)
                vectors = vectors * workspace.keep_mask(f"{name}.{part}", (n_members, n_tokens, size), rate, vectors)
        return vectors
