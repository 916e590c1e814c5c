"""Reading X where it is an array of numbers of any number of dimensions, without missing values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from math import prod
from typing import Any

import numpy as np
from sklearn.utils import check_array

from skmtl.encoders._columns import FLOAT32_MAX, Array
from skmtl.inputs import from_tensor


def read_dense(X: Any, dimensions: Set[int]) -> Array:
    """Read and check X, which is left unchanged.

    Parameters
    ----------
    X : array-like, tensor or DataFrame of shape (n_samples, ...)
        Real numbers.
    dimensions : set of int
        Numbers of dimensions that X may have.

    Returns
    -------
    ndarray of shape (n_samples, ...)
        Booleans, integers or floats. It may share the user's memory: read only.

    Raises
    ------
    ValueError
        For NaN, infinity, values beyond float32, strings, complex numbers, masked arrays, no rows or a wrong number of
        dimensions.
    TypeError
        If X is sparse, None, a mapping or a string.
    """
    mapping = isinstance(X, Mapping) and not hasattr(X, "toarray")  # a sparse dok_matrix is a dict, too
    if X is None or mapping or isinstance(X, (str, bytes)):
        raise TypeError(f"X must be an array, list, tensor or DataFrame of numbers; got {type(X).__name__}.")
    if isinstance(X, np.ma.MaskedArray):
        raise ValueError("X is a masked array, whose mask would be lost. Fill it and pass a plain array.")
    array: Array = check_array(from_tensor(X), dtype="numeric", allow_nd=True, input_name="X")
    if array.ndim not in dimensions:
        allowed = " or ".join(map(str, sorted(dimensions)))
        raise ValueError(f"X must have {allowed} dimensions, rows first; got shape {array.shape}.")
    if array.dtype.kind == "f" and array.dtype.itemsize > 4 and np.abs(array).max(initial=0.0) > FLOAT32_MAX:
        raise ValueError(f"X holds the value {_farthest(array):g}, beyond the range of float32. Rescale it.")
    return array


def _farthest(array: Array) -> float:
    return float(array.flat[np.abs(array).argmax()])


def row_shape(given: Sequence[int] | None, array: Array, parameter: str = "input_shape") -> tuple[int, ...]:
    """Shape of a row: that of X, or ``given``, in which one entry may be -1.

    Raises
    ------
    ValueError
        If ``given`` is no shape, or a row of X does not have as many values.
    """
    own = array.shape[1:]
    if given is None:
        return own
    shape = tuple(given) if isinstance(given, Sequence) else ()
    integers = all(isinstance(side, int | np.integer) and (side > 0 or side == -1) for side in shape)
    if not shape or not integers or shape.count(-1) > 1:
        raise ValueError(
            f"{parameter} must be a tuple of positive integers, one of which may be -1 (what is left); got {given!r}."
        )
    n_values, known = prod(own), prod(side for side in shape if side != -1)
    if n_values % known or (-1 not in shape and n_values != known):
        raise ValueError(
            f"{parameter}={given!r} does not fit X, whose rows have shape {own}: {n_values} values in place of "
            f"{known}. Set {parameter} to the shape of a row."
        )
    return tuple(int(side) if side != -1 else n_values // known for side in shape)


def as_rows(array: Array, shape: tuple[int, ...], parameter: str = "input_shape") -> Array:
    """Flat rows ``(n, n_values)`` of an array whose rows must have ``shape`` or be flat.

    Raises
    ------
    ValueError
        If they have another shape.
    """
    if array.shape[1:] not in (shape, (prod(shape),), shape[1:] if shape[0] == 1 else shape):
        raise ValueError(
            f"The rows of X must have the shape seen in fit, {shape}, or be flat with {prod(shape)} values; got "
            f"{array.shape[1:]}. Reshape X, or fit again with {parameter}={array.shape[1:]!r}."
        )
    return array.reshape(len(array), -1)
