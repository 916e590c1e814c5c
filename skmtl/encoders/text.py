"""From raw text to token ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skmtl._params import require_integer
from skmtl._sklearn import DocLinkMixin
from skmtl._state import Stateful
from skmtl.inputs import is_missing

UNKNOWN = 1
_FIRST_TOKEN = 2
_MANY_TEXTS = 1000


class TokenSequencer(DocLinkMixin, Stateful, TransformerMixin, BaseEstimator):
    r"""Turns texts into rows of token ids, padded with 0 to a common length.

    Made for :class:`SequenceEncoder`: put it in a ``Pipeline`` before an estimator with that encoder. Id 0 is padding,
    1 is every token that is not in the vocabulary, and the vocabulary is numbered from 2 on, the most frequent token
    first.

    Parameters
    ----------
    max_features : int, default=None
        Largest size of the vocabulary, of the most frequent tokens; None: no limit.
    min_df : "auto" or int, default="auto"
        Smallest number of texts that a token of the vocabulary occurs in; "auto": 2 for at least 1000 texts, else 1.
        Rarer tokens are encoded as unknown, so that the network learns what an unknown token means.
    lowercase : bool, default=True
        Whether case is ignored.
    token_pattern : str, default=r"\w+|[^\w\s]"
        Regular expression of a token: by default words, and single punctuation marks. If it has a group, only the group
        is kept.
    max_length : int, default=256
        Largest number of tokens of a text; later ones are cut off.

    Attributes
    ----------
    vocabulary_ : dict
        Token to id.
    length_ : int
        Length of a row: that of the longest text of ``fit``, at most ``max_length``.

    Examples
    --------
    >>> from skmtl.encoders import TokenSequencer
    >>> sequencer = TokenSequencer().fit(["the cat sat", "the dog"])
    >>> sequencer.transform(["the dog barked", "cat"])
    array([[2, 4, 1],
           [3, 0, 0]], dtype=int32)
    """

    def __init__(
        self,
        *,
        max_features: int | None = None,
        min_df: int | Literal["auto"] = "auto",
        lowercase: bool = True,
        token_pattern: str = r"\w+|[^\w\s]",
        max_length: int = 256,
    ) -> None:
        self.max_features = max_features
        self.min_df = min_df
        self.lowercase = lowercase
        self.token_pattern = token_pattern
        self.max_length = max_length

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the vocabulary.

        Parameters
        ----------
        X : iterable of str, or table of one column
            Texts.
        y : None
            Ignored.

        Returns
        -------
        Self
            This object.

        Raises
        ------
        ValueError
            For a wrong parameter, and if there is no text, a text is missing or none holds a token.
        TypeError
            If X is a single string or an entry is no text.
        """
        self._check_parameters()
        texts = [self._tokens(text) for text in _read_texts(X)]
        frequency, documents = Counter[str](), Counter[str]()
        for tokens in texts:
            frequency.update(tokens)
            documents.update(set(tokens))
        min_df = self.min_df if self.min_df != "auto" else 2 if len(texts) >= _MANY_TEXTS else 1
        kept = [token for token in frequency if documents[token] >= int(min_df)]
        if not kept:
            raise ValueError(
                f"No text holds a token that occurs in at least min_df={min_df} of them. Lower min_df, or look at "
                f"token_pattern={self.token_pattern!r}."
            )
        ranked = sorted(kept, key=lambda token: (-frequency[token], token))[: self.max_features]
        self.vocabulary_ = {token: number for number, token in enumerate(ranked, _FIRST_TOKEN)}
        self.length_ = min(max(map(len, texts)), self.max_length)
        return self

    def transform(self, X: Any) -> npt.NDArray[np.int32]:
        """Number the tokens of each text.

        Parameters
        ----------
        X : iterable of str, or table of one column
            Texts.

        Returns
        -------
        ndarray of shape (n_texts, length_), int32
            Token ids, 0 after the end of a text.
        """
        check_is_fitted(self, "vocabulary_")
        texts = _read_texts(X)
        ids = np.zeros((len(texts), self.length_), dtype=np.int32)
        for row, text in zip(ids, texts, strict=True):
            tokens = self._tokens(text)[: self.length_]
            row[: len(tokens)] = [self.vocabulary_.get(token, UNKNOWN) for token in tokens]
        return ids

    def get_feature_names_out(self, input_features: npt.ArrayLike | None = None) -> npt.NDArray[np.object_]:
        """Name of every column of the result.

        Parameters
        ----------
        input_features : array-like of str, optional
            Ignored.

        Returns
        -------
        ndarray of shape (length_,)
            ``token0``, ``token1``, ...
        """
        check_is_fitted(self, "vocabulary_")
        return np.array([f"token{i}" for i in range(self.length_)], dtype=object)

    def _tokens(self, text: str) -> list[str]:
        return re.findall(self.token_pattern, text.lower() if self.lowercase else text)

    def _check_parameters(self) -> None:
        if self.max_features is not None:
            require_integer("max_features", self.max_features, 1)
        if self.min_df != "auto":
            require_integer("min_df", self.min_df, 1)
        require_integer("max_length", self.max_length, 1)
        try:
            groups = re.compile(self.token_pattern).groups
        except (re.error, TypeError) as error:
            raise ValueError(f"token_pattern={self.token_pattern!r} is no regular expression: {error}.") from error
        if groups > 1:
            raise ValueError(f"token_pattern={self.token_pattern!r} has {groups} groups; it may have one at most.")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _read_texts(X: Any) -> list[str]:
    """Texts of an iterable or of a table of one column.

    Raises
    ------
    ValueError
        If there is no text, more than one column, or a missing text.
    TypeError
        If X is a single string, or an entry is no text.
    """
    if isinstance(X, str | bytes) or not isinstance(X, Iterable):
        raise TypeError(f"X must be a sequence of texts; got {type(X).__name__}. Pass a list, even of one text.")
    if len(getattr(X, "shape", (0,))) > 1:
        values = np.asarray(X, dtype=object)
        if values.ndim != 2 or values.shape[1] != 1:
            raise ValueError(f"X must hold one text a row; got shape {values.shape}. Pick the column of the text.")
        X = values[:, 0]
    texts = list(X)
    if not texts:
        raise ValueError("X holds no text; at least one is required.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            if is_missing(text):
                raise ValueError(f"X has no text in row {row}. Fill it, say with an empty string.")
            raise TypeError(f"X must hold texts; got {text!r} of type {type(text).__name__} in row {row}.")
    return texts
