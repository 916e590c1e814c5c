"""From whatever holds labels to numpy arrays, and which of their cells mean "no label"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
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
        unlike = "; set missing_label='unstored' where it is a missing label" if parameter.startswith("y") else ""
        raise TypeError(
            f"{parameter} is sparse, where a cell that is not stored may be a zero or a missing label: pass "
            f"{parameter}.toarray() where it is a zero{unlike}."
        )
    values = from_tensor(values)
    if isinstance(values, np.ndarray):
        return values.astype(object) if values.dtype.kind == "T" else np.asarray(values)  # no matrix
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


FAMILIES: dict[str, Any] = {
    "string": str,
    "bytes": bytes,
    "boolean": (bool, np.bool_),
    "number": (int, float, np.number, Decimal),
}
_KINDS = {"U": "string", "S": "bytes", "b": "boolean", "i": "number", "u": "number", "f": "number"}


def family(label: type) -> str:
    """What a label may share a column with: numbers go together, nothing else does."""
    return next((name for name, types in FAMILIES.items() if issubclass(label, types)), label.__name__)


def family_of(dtype: np.dtype[Any]) -> str:
    """The family of an array's labels; the name of its type where it holds none."""
    return _KINDS.get(dtype.kind, str(dtype))


def is_missing(cell: object) -> bool:
    """Whether a cell of an object column is None, NaN, pandas.NA or NaT."""
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    if isinstance(cell, Decimal):
        return cell.is_nan()
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")  # by name: pandas is never imported here


def read_marks(missing_label: object) -> list[Any]:
    """Further values that mean "no label", of ``missing_label``: one value, or several in a list, tuple, set or array.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(missing_label, Set):
        missing_label = list(missing_label)
    if _is_mark(missing_label):
        marks = [missing_label]
    elif isinstance(missing_label, Mapping) or not hasattr(missing_label, "__len__"):
        raise _no_mark(missing_label)
    else:
        marks = as_array(missing_label, "missing_label").ravel().tolist()
        for mark in marks:
            if not _is_mark(mark):
                raise _no_mark(mark)
    return [_plain_mark(mark) for mark in marks if not is_missing(mark)]


def _plain_mark(mark: Any) -> Any:
    """A number as an integer where it is whole, which compares exactly with integers."""
    plain = mark.item() if isinstance(mark, np.generic) else mark
    if isinstance(plain, Decimal):
        plain = float(plain)
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def _is_mark(value: object) -> bool:
    return is_missing(value) or family(type(value)) in FAMILIES


def _no_mark(value: object) -> TypeError:
    return TypeError(
        f"missing_label must be a number, a string, a boolean or None, or a list, tuple, set or array of these; "
        f"got {value!r}."
    )


def marked(column: np.ndarray, marks: list[Any]) -> np.ndarray:
    """Whether a cell of an array of one type is a mark; marks of another family are none of its labels."""
    found = np.zeros(len(column), dtype=bool)
    for mark in marks:
        if family(type(mark)) == family_of(column.dtype):
            found |= column == mark
    return found


def marked_objects(column: np.ndarray, marks: list[Any]) -> np.ndarray:
    """Whether a cell of an object array is missing or a mark."""
    known = {(family(type(mark)), mark) for mark in marks}
    found = (
        is_missing(cell) or (family(type(cell)) in FAMILIES and (family(type(cell)), cell) in known) for cell in column
    )
    return np.fromiter(found, bool, len(column))


def require_comparable(task: Any, given: np.ndarray, known: np.ndarray, parameter: str, reference: str) -> None:
    """Check that labels of a task can be equal to others; booleans and numbers can.

    Raises
    ------
    ValueError
        If one are numbers and the other are strings, say.
    """
    if len(given) and len(known):
        ours, theirs = (family_of(array.dtype).replace("boolean", "number") for array in (given, known))
        if ours != theirs:
            raise ValueError(
                f"Task {task!r}: {parameter} has {ours} labels, such as {given[0].item()!r}, {reference} has {theirs} "
                f"labels, such as {known[0].item()!r}, so that none is equal to another. Pass labels of one type."
            )
