"""Arrays of any type as tensors of numbers, and back."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from skmtl.persistence._errors import ContentError

_DTYPE = re.compile(r"\|b1|[<>|][iu][1248]|[<>][f][248]|[<>|][US][1-9]\d{0,6}|[<>][mM]8(\[\d{0,6}[a-zA-Z]{1,2}\])?")
_LAST_CHARACTER = 0x10FFFF  # of Unicode


def is_finite(array: np.ndarray) -> bool:
    """Whether all numbers are finite: at once where the sum of their squares is, as that of others never is."""
    flat = array.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(flat.dot(flat)) or np.isfinite(array).all())  # BLAS sums faster than numpy


def as_tensor(array: np.ndarray, path: str) -> tuple[dict[str, Any], np.ndarray]:
    """What JSON says of an array, and the contiguous numbers that hold its content.

    Raises
    ------
    TypeError
        If it is of a type that cannot be written.
    """
    dtype = array.dtype
    if not _DTYPE.fullmatch(dtype.str):
        raise TypeError(f"{path} is an array of {dtype}, which no file holds. Convert it, or pickle the estimator.")
    record: dict[str, Any] = {"dtype": dtype.str}
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        record["order"], array = "F", array.T
    if dtype.kind == "f" and not is_finite(array):
        record["finite"] = False
    native = np.asarray(array, dtype=dtype.newbyteorder("="), order="C")
    if dtype.kind in "mM":
        native = native.view(np.int64)
    elif dtype.kind in "US":
        unit: Any = np.uint32 if dtype.kind == "U" else np.uint8
        native = native.reshape(*native.shape, 1).view(unit)
    return record, native


def as_array(record: Any, tensor: np.ndarray, place: str) -> np.ndarray:
    """The array of a tensor.

    Raises
    ------
    ContentError
        If the tensor is not what its record says.
    """
    known = isinstance(record, dict) and record.keys() <= {"tensor", "dtype", "order", "finite"}
    if not known or not isinstance(record["dtype"], str) or not _DTYPE.fullmatch(record["dtype"]):
        raise ContentError(place, "The description of an array is not one.")
    dtype = np.dtype(record["dtype"])
    native, array = dtype.newbyteorder("="), tensor
    if dtype.kind in "mM":
        native = np.dtype(np.int64)
    elif dtype.kind in "US":
        native = np.dtype(np.uint32 if dtype.kind == "U" else np.uint8)
        if tensor.ndim == 0 or tensor.shape[-1] * native.itemsize != dtype.itemsize:
            raise ContentError(place, f"The tensor does not hold {dtype}.")
        if dtype.kind == "U" and tensor.size and tensor.max() > _LAST_CHARACTER:
            raise ContentError(place, "The tensor holds what is no character.")
    if tensor.dtype != native:
        raise ContentError(place, f"The tensor holds {tensor.dtype} in place of {native}.")
    if dtype.kind in "mM":
        array = tensor.view(dtype.newbyteorder("="))
    elif dtype.kind in "US":
        array = tensor.view(dtype.newbyteorder("="))[..., 0]
    if dtype.kind == "f" and record.get("finite") is not False and not is_finite(array):
        raise ContentError(place, "The tensor holds a number that is not finite.")
    array = array.astype(dtype, copy=False)
    return array.T if record.get("order") == "F" else array
