"""The encoder of token sequences: embeddings, then a recurrent layer or their mean."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from skmtl._params import require_choice, require_integer, require_number
from skmtl.defaults import encoders as rules
from skmtl.encoders._columns import Array
from skmtl.encoders._dense import read_dense
from skmtl.encoders._encoder import Encoder, FloatArray
from skmtl.encoders._extractor import Extractor
from skmtl.encoders._sequence_reader import LAYERS, POOLINGS, SequenceReader


class SequenceEncoder(Encoder):
    """Encodes sequences of token ids by embeddings and a recurrent layer.

    Each token gets a learned vector; a recurrent layer reads the vectors, and its outputs are pooled to one vector for
    each row. Tokens are packed: padding takes no time and does not change the result. All members and directions run as
    batched matrix products.

    X is an integer array ``(n, length)`` such as :class:`TokenSequencer` makes: ids above 0 are tokens, 0 is padding,
    in any position. Unknown ids count as padding.

    Parameters
    ----------
    layer : {"gru", "lstm", "mean"}, default="gru"
        What reads the vectors: a recurrent layer, or nothing before the mean of the vectors.
    n_units : int, default=128
        Units of the recurrent layer in each direction.
    embedding_size : int, default=128
        Length of a token's vector.
    bidirectional : bool, default=True
        Whether a second recurrent layer reads from the end.
    pooling : {"max", "mean", "last"}, default="max"
        How the outputs of the recurrent layer become one vector: the largest value of each unit, the mean, or the
        output at the last token read.
    token_dropout : float, default=0.1
        Fraction of tokens whose vector is set to zero in training.
    dropout : float, default=0.3
        Fraction of the entries of all vectors dropped in training.

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
        layer: Literal["gru", "lstm", "mean"] = "gru",
        n_units: int = 128,
        embedding_size: int = 128,
        bidirectional: bool = True,
        pooling: Literal["max", "mean", "last"] = "max",
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
        """Learn which tokens there are; see :meth:`Encoder.fit`."""
        self._check_parameters()
        ids = _read_ids(X)
        self.tokens_ = np.setdiff1d(ids, [0])
        self.n_outputs_ = ids.shape[1]
        return self

    def transform(self, X: Any, dtype: npt.DTypeLike = np.float64) -> FloatArray:
        """Number the known tokens from 1 on, padding at the end of each row; see :meth:`Encoder.transform`."""
        ids = _read_ids(X)
        if not len(self.tokens_):
            return np.zeros(ids.shape, dtype=dtype)
        index = np.searchsorted(self.tokens_, ids).clip(max=len(self.tokens_) - 1)
        known = np.where(self.tokens_[index] == ids, index + 1, 0)
        order = np.argsort(known == 0, axis=1, kind="stable")
        encoded: FloatArray = np.take_along_axis(known, order, axis=1).astype(dtype)
        return encoded

    def build(self) -> Extractor:
        """Make embedding and recurrent layer; see :meth:`Encoder.build`."""
        return SequenceReader(
            n_tokens=max(len(self.tokens_), 1),
            length=self.n_outputs_,
            layer=self.layer,
            n_units=self.n_units,
            embedding_size=self.embedding_size,
            bidirectional=self.bidirectional,
            pooling=self.pooling,
            drops=(self.token_dropout, self.dropout),
        )

    def preferences(self, n_samples: int) -> dict[str, Any]:
        """Fewer epochs for more rows; see :meth:`Encoder.preferences`."""
        return rules.sequence_preferences(n_samples)

    def _check_parameters(self) -> None:
        require_choice("layer", self.layer, LAYERS)
        require_choice("pooling", self.pooling, POOLINGS)
        require_integer("n_units", self.n_units, 1)
        require_integer("embedding_size", self.embedding_size, 1)
        require_number("token_dropout", self.token_dropout, below=1)
        require_number("dropout", self.dropout, below=1)


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
            f"X must hold token ids, integers of at least 0 with 0 for padding; got {values[row, column]} in row "
            f"{row}, column {column}. TokenSequencer makes them from text; for a table of numbers use encoder='auto'."
        )
    return values.astype(np.int64)
