"""The contract of encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from skmtl._params import Params

if TYPE_CHECKING:
    from torch import nn

FloatArray: TypeAlias = npt.NDArray[np.float64]
Encoded: TypeAlias = FloatArray | sp.csr_array


class Encoder(Params, ABC):
    """Turns rows of X, as the user gave them, into vectors.

    Settings are constructor arguments, stored unchanged; what ``fit`` learns goes into attributes with a trailing
    underscore, plain numpy and small, so that a fitted encoder pickles without its training data.

    Attributes
    ----------
    n_outputs_ : int
        Length of an encoded row.
    """

    n_outputs_: int

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
        """

    def build(self, n_members: int) -> nn.Module | None:
        """Learnable part of the encoder, run on each batch of what ``transform`` stored.

        Parameters
        ----------
        n_members : int
            Length of the leading member axis of every weight.

        Returns
        -------
        torch.nn.Module or None
            None, the default: ``transform`` is the whole encoding.
        """
        return None
