"""The contract of encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from skmtl._params import Params
from skmtl._state import Stateful
from skmtl.encoders._extractor import Extractor

FloatArray: TypeAlias = npt.NDArray[np.float64]
Encoded: TypeAlias = FloatArray | sp.csr_array


def dense(rows: Encoded, dtype: str) -> npt.NDArray[Any]:
    """Encoded rows, which may be sparse, as an array."""
    return np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray(), dtype=dtype)


class Encoder(Stateful, Params, ABC):
    """Encodes rows of X, as the user gave them, as vectors.

    Settings are constructor arguments, stored unchanged; what ``fit`` learns goes into attributes with a trailing
    underscore, plain numpy and small, so that a fitted encoder pickles without its training data.

    Attributes
    ----------
    n_outputs_ : int
        Length of an encoded row.
    dimensions : frozenset of int
        Numbers of dimensions that X may have; where it has more than two, all values of a row count as its features.
    allows_nan, allows_sparse : bool
        Whether X may hold missing values, and whether it may be a sparse matrix.
    """

    n_outputs_: int
    dimensions: ClassVar[frozenset[int]] = frozenset({2})
    allows_nan: ClassVar[bool] = False
    allows_sparse: ClassVar[bool] = False

    @abstractmethod
    def fit(self, X: Any, sample_weight: FloatArray) -> Self:
        """Learn the encoding.

        A row of weight ``w`` must count as ``w`` equal rows do.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            The rows, as the user gave them.
        sample_weight : ndarray of shape (n_samples,)
            Strictly positive float64 weights.

        Returns
        -------
        Self
            This object.

        Raises
        ------
        ValueError
            For a wrong parameter, and X with a wrong shape or with values that cannot be encoded.
        TypeError
            If X is of a type that the encoder does not read.
        """

    @abstractmethod
    def transform(self, X: Any, dtype: npt.DTypeLike = np.float64) -> Encoded:
        """Encode rows, without changing them.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.
        dtype : dtype, default=float64
            Type of the result; float32 takes less time and memory where the network computes in it.

        Returns
        -------
        ndarray or csr_array of shape (n_samples, n_outputs_)
            Finite values. A CSR result stays sparse: the caller makes batches of it dense.

        Raises
        ------
        ValueError, TypeError
            As in :meth:`fit`, and for rows that do not fit those seen there.
        """

    def build(self) -> Extractor | None:
        """Make the learnable part of the encoding, run on each batch of what ``transform`` stored.

        Returns
        -------
        Extractor or None
            Layers that wait for their parameters; None, the default: ``transform`` is the whole encoding.
        """
        return None

    def constant_columns(self) -> list[str]:
        """What to call the columns of X that had a single value in ``fit``, so that others say nothing, either.

        Returns
        -------
        list of str
            By default none.
        """
        return []

    def columns_of_outputs(self) -> npt.NDArray[np.intp] | None:
        """Column of X that each output is made of.

        Returns
        -------
        ndarray of shape (n_outputs_,) or None
            Positions; None, the default: outputs are made of several columns.
        """
        return None

    def plain_bounds(self) -> npt.NDArray[np.float64]:
        """Bounds of the outputs that say all of the columns, which come first; the others bend them.

        Returns
        -------
        ndarray of shape (n_plain_outputs,)
            Where an output is a number that is clipped smoothly, as :class:`TabularEncoder` does it, the largest
            absolute value that it can have; infinite for others. By default all ``n_outputs_`` are others.
        """
        return np.full(self.n_outputs_, np.inf)

    def preferences(self, n_samples: int) -> dict[str, Any]:
        """Training parameters that suit the encoder where the user leaves them "auto".

        Parameters
        ----------
        n_samples : int
            Number of training rows.

        Returns
        -------
        dict
            Values of ``learning_rate_init``, ``weight_decay``, ``batch_size``, ``max_iter``, ``early_stopping``,
            ``dropout``, ``activation``, ``input_scaling`` or ``dtype``, or each a :class:`skmtl.defaults.Choice`, with
            a reason that ``auto_params_`` tells. The estimator decides on those that it does not name.
        """
        return {}
