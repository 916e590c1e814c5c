"""Which values mean "no label"."""

from __future__ import annotations

from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any

import numpy as np

from skmtl.inputs._containers import as_array

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
