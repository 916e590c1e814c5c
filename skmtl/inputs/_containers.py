"""From whatever holds a column or a table to a numpy array in which every value is what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def from_tensor(values: Any) -> Any:
    """Array of a tensor, which may be on any device; anything else as it is."""
    if not isinstance(values, torch.Tensor):
        return values
    tensor = values.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()  # numpy has no bfloat16


def as_array(values: Any, parameter: str = "y") -> np.ndarray:
    """Array of labels; as objects where no numpy type holds them all.

    Raises
    ------
    ValueError
        If they are a masked array.
    TypeError
        If they are sparse, or no array, list or frame.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(
            f"{parameter} is a masked array, whose mask would be lost; pass {parameter}.filled(numpy.nan) instead."
        )
    if hasattr(values, "toarray"):
        raise TypeError(
            f"{parameter} is sparse, where a zero cannot be told from a missing label; pass {parameter}.toarray()."
        )
    values = from_tensor(values)
    if isinstance(values, np.ndarray):
        return values.astype(object) if values.dtype.kind == "T" else values
    if hasattr(values, "to_numpy"):  # of pandas and polars: extension types hold their missing values beside integers
        plain = isinstance(getattr(values, "dtype", None), np.dtype) or len(getattr(values, "shape", ())) > 1
        array: np.ndarray = values.to_numpy() if plain else _objects(values)
        return array
    if hasattr(values, "__array__"):
        return np.asarray(values)
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise TypeError(f"{parameter} must be an array, a list or a data frame of labels; got {type(values).__name__}.")
    return _from_list(values)


def _objects(values: Any) -> np.ndarray:
    """Cells of a pandas or polars series, or of a pandas array."""
    cells = values.to_list() if hasattr(values, "to_list") else values.tolist()
    return np.fromiter(cells, dtype=object, count=len(cells))


def _from_list(values: Sequence[Any]) -> np.ndarray:
    """Rows of one type of numbers as numpy makes an array of them; others as objects, which change none of them."""
    nested = (row if isinstance(row, Sequence) and not isinstance(row, str | bytes) else [row] for row in values)
    types = {type(cell) for row in nested for cell in row}
    if len(types) == 1 and not types & {type(None), str}:  # numpy takes the null characters off strings
        array = np.asarray(values)
        if array.dtype.kind != "f" or types != {int}:  # which it makes of signed integers beside unsigned ones
            return array
    return np.asarray(values, dtype=object)
