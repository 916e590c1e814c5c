"""The estimators' ``encoder``, and the columns of whatever X it reads."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data
from torch import nn

from skmtl._params import resolve
from skmtl.encoders import ENCODERS, Encoder, ModuleEncoder
from skmtl.inputs import count_rows


def as_encoder(encoder: Any) -> Encoder:
    """Return the encoder that a parameter means: by name, as an object, or made of a torch module.

    Raises
    ------
    ValueError
        If a name is not known.
    TypeError
        If it is none of these.
    """
    if isinstance(encoder, nn.Module):
        return ModuleEncoder(encoder)
    return resolve("encoder", encoder, ENCODERS, Encoder)


def check_columns(estimator: Any, X: Any, encoder: Encoder, *, reset: bool) -> None:
    """Check that X has the features seen at fit, or remember them; all values of a row count where it is an array.

    Raises
    ------
    TypeError
        If X is no table at all.
    ValueError
        If its dimensions, the number or the names of its features are wrong.
    """
    n_rows = count_rows(X)
    shape = np.shape(X) if isinstance(X, list | tuple) and encoder.dimensions != {2} else getattr(X, "shape", (0, 0))
    if len(shape) in encoder.dimensions - {2}:
        X = np.broadcast_to(np.zeros(()), (n_rows, prod(shape[1:])))
    elif len(shape) != 2 and not reset:
        check_array(X, ensure_all_finite=False, dtype=None)  # raises what scikit-learn's users know
    validate_data(estimator, X, skip_check_array=True, reset=reset)
