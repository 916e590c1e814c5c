"""The encoder of token sequences: embeddings, then a recurrent layer or their mean."""

from __future__ import annotations

import numbers
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skmtl.encoders._columns import Array
from skmtl.encoders._dense import read_dense
from skmtl.encoders._encoder import Encoder, FloatArray
from skmtl.encoders._extractor import Extractor
from skmtl.layers import (
    MemberEmbedding,
    MemberGRU,
    MemberLSTM,
    MemberRecurrence,
    Packing,
    ParameterBuffer,
    ParameterSpec,
    Scratch,
)

_RECURRENT: dict[str, type[MemberRecurrence]] = {"lstm": MemberLSTM, "gru": MemberGRU}
_EMBEDDING_SCALE = 0.1


class SequenceEncoder(Encoder):
    """Reads a row as a sequence of token ids.

    Each token gets a learned vector; a recurrent layer reads the vectors, and its outputs are pooled to one vector a
    row. Padding costs nothing and changes nothing: tokens are packed, so a batch takes the time of its real tokens. All
    members and directions run as batched products.

    X is an integer array ``(n, length)`` such as :class:`skmtl.encoders.TokenSequencer` makes: ids above 0 are tokens, 0 is padding,
    wherever it stands. An id that ``fit`` did not see counts as padding.

    Parameters
    ----------
    layer : {"lstm", "gru", "mean"}, default="lstm"
        What reads the vectors: a recurrent layer, or nothing before the mean of the vectors.
    n_units : int, default=128
        Units of the recurrent layer in each direction.
    embedding_size : int, default=64
        Length of a token's vector.
    bidirectional : bool, default=True
        Whether a second recurrent layer reads from the end.
    pooling : {"max", "mean", "last"}, default="max"
        How the outputs of the recurrent layer become one vector: the largest value of each unit, the mean, or the
        output at the last token read.
    token_dropout : float, default=0.1
        Share of tokens whose vector is set to zero in training.
    dropout : float, default=0.3
        Share of the entries of all vectors dropped in training.

    Attributes
    ----------
    n_outputs_ : int
        Length of a row.
    tokens_ : ndarray of int
        The ids that have a vector, ascending.

    Examples
    --------
    The usual "embedding, LSTM, two outputs" network is one call:

    >>> from skmtl import MultiTaskNetClassifier
    >>> from skmtl.encoders import SequenceEncoder
    >>> encoder = SequenceEncoder(layer="lstm", n_units=128, bidirectional=False, pooling="last")
    >>> net = MultiTaskNetClassifier(encoder=encoder, hidden_layer_sizes=(), n_estimators=1)
    """

    def __init__(
        self,
        *,
        layer: str = "lstm",
        n_units: int = 128,
        embedding_size: int = 64,
        bidirectional: bool = True,
        pooling: str = "max",
        token_dropout: float = 0.1,
        dropout: float = 0.3,
    ) -> None:
        self.layer = layer
        self.n_units = n_units
        self.embedding_size = embedding_size
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.token_dropout = token_dropout
        self.dropout = dropout

    def fit(self, X: Any, sample_weight: FloatArray) -> Self:
        """Learn which tokens there are.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, length)
            Token ids, 0 for padding.
        sample_weight : ndarray of shape (n_samples,)
            Strictly positive weights; they make no difference.

        Returns
        -------
        Self
            This object.

        Raises
        ------
        ValueError
            For a wrong parameter, and where X holds anything but integers of at least 0.
        TypeError
            If X is sparse or no array.
        """
        self._check_parameters()
        ids = _read_ids(X)
        self.tokens_ = np.setdiff1d(ids, [0])
        self.n_outputs_ = ids.shape[1]
        return self

    def transform(self, X: Any, dtype: npt.DTypeLike = np.float64) -> FloatArray:
        """Number the known tokens from 1 on, padding at the end of each row.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, length)
            Token ids.
        dtype : dtype, default=float64
            Type of the result.

        Returns
        -------
        ndarray of shape (n_samples, length)
            Whole numbers.

        Raises
        ------
        ValueError, TypeError
            As in ``fit``.
        """
        ids = _read_ids(X)
        if not len(self.tokens_):
            return np.zeros(ids.shape, dtype=dtype)
        place = np.searchsorted(self.tokens_, ids).clip(max=len(self.tokens_) - 1)
        known = np.where(self.tokens_[place] == ids, place + 1, 0)
        order = np.argsort(known == 0, axis=1, kind="stable")
        encoded: FloatArray = np.take_along_axis(known, order, axis=1).astype(dtype)
        return encoded

    def build(self) -> Extractor:
        """Make embedding and recurrent layer; see :meth:`Encoder.build`."""
        return _SequenceReader(self, max(len(self.tokens_), 1), self.n_outputs_)

    def preferences(self, n_samples: int) -> dict[str, Any]:
        """Fewer, larger epochs; see :meth:`Encoder.preferences`."""
        return {"learning_rate_init": 0.004, **({"max_iter": 25, "batch_size": 64} if n_samples >= 2048 else {})}

    def _check_parameters(self) -> None:
        choices = {"layer": ("lstm", "gru", "mean"), "pooling": ("max", "mean", "last")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; got {getattr(self, name)!r}.")
        for name in ("n_units", "embedding_size"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")
        for name in ("token_dropout", "dropout"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or not 0 <= value < 1:
                raise ValueError(f"{name} must be a number from 0 to below 1; got {value!r}.")


def _read_ids(X: Any) -> Array:
    """Token ids as int64.

    Raises
    ------
    ValueError
        If X holds anything but integers of at least 0.
    """
    values = read_dense(X, {2})
    wrong = values < 0 if values.dtype.kind in "iub" else (values < 0) | (values != np.floor(values))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"X must hold token ids, integers of at least 0 with 0 for padding; got {values[row, column]} in row {row}, "
            f"column {column}. TokenSequencer makes them from text; for a table of numbers use encoder='auto'."
        )
    return values.astype(np.int64)


class _SequenceReader(Extractor):
    def __init__(self, settings: SequenceEncoder, n_tokens: int, length: int) -> None:
        self.settings = settings
        self.embedding = MemberEmbedding("encoder.embedding", n_tokens, settings.embedding_size, _EMBEDDING_SCALE)
        self.directions = 2 if settings.bidirectional and settings.layer in _RECURRENT else 1
        self.recurrence = (
            _RECURRENT[settings.layer](
                f"encoder.{settings.layer}", settings.embedding_size, settings.n_units, self.directions
            )
            if settings.layer in _RECURRENT
            else None
        )
        self.width = settings.embedding_size if self.recurrence is None else self.directions * settings.n_units
        gates = 0 if self.recurrence is None else self.recurrence.n_gates + 2
        self.cells = length * max(settings.embedding_size, gates * self.width)
        own = () if self.recurrence is None else self.recurrence.specs[:2]
        self.operations = length * (settings.embedding_size + sum(spec.size for spec in own))

    @property
    def specs(self) -> list[ParameterSpec]:
        return [*self.embedding.specs, *(self.recurrence.specs if self.recurrence else ())]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        self.members = buffer.members
        self.embedding.bind(buffer, leaves)
        if self.recurrence:
            self.recurrence.bind(buffer, leaves)

    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        ids = x.long()
        if len(ids) == 1:  # rows common to the members
            return self._read(ids[0], slice(None), scratch)
        return torch.cat([self._read(rows, slice(member, member + 1), scratch) for member, rows in enumerate(ids)])

    def _read(self, ids: Tensor, members: slice, scratch: Scratch) -> Tensor:
        """``(row, length) -> (member, row, width)`` for some of the members."""
        packing = Packing.of(ids)
        vectors = self._embed(packing.take(ids), "forth", members, scratch)
        if self.recurrence is None:
            return packing.unsort(packing.mean(vectors))
        if self.directions == 2:
            back = self._embed(packing.take_reversed(ids), "back", members, scratch)
            vectors = torch.stack([vectors, back], 1).flatten(0, 1)  # (member * direction, token, embedding)
        states, last = self.recurrence.forward(vectors, packing, members)
        pooled = packing.unsort(self._pool(states, last, packing))
        return pooled.unflatten(0, (-1, self.directions)).transpose(1, 2).flatten(2)

    def _pool(self, states: Tensor, last: Tensor, packing: Packing) -> Tensor:
        """``(stack, token, unit) -> (stack, row, unit)``."""
        if self.settings.pooling == "last":
            return last
        return packing.mean(states) if self.settings.pooling == "mean" else packing.max(states)

    def _embed(self, tokens: Tensor, name: str, members: slice, scratch: Scratch) -> Tensor:
        """``(token,) -> (member, token, embedding)``, some of it dropped in training."""
        vectors = self.embedding.forward(tokens, members)
        if not scratch.training:
            return vectors
        members_, n_tokens, width = vectors.shape
        for share, size in ((self.settings.token_dropout, 1), (self.settings.dropout, width)):
            if share > 0:
                rate = vectors.new_full((members_,), share)
                vectors = vectors * scratch.keep_mask(name, (members_, n_tokens, size), rate, vectors)
        return vectors
