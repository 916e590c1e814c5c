"""One column or block of values: numbers checked and converted, categories as objects, errors that name the cell."""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from skmtl.inputs import is_missing

Array: TypeAlias = npt.NDArray[Any]
Names: TypeAlias = Sequence[Any] | None

FLOAT32_MAX = float(np.finfo(np.float32).max)
_TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def column_label(names: Names, position: int) -> str:
    """How errors call a column: by its name where it has one."""
    return f"column {position}" if names is None else f"column {names[position]!r}"


def to_objects(values: Array) -> Array:
    """Copy of a column as Python objects, with None for every missing cell."""
    objects = values.astype(object)
    objects[np.fromiter(map(is_missing, objects), dtype=bool, count=len(objects))] = None
    return objects


def holds_categories(values: Array, label: str) -> bool:
    """Whether an object column of a table is categorical: it is, unless all it holds is numbers.

    Raises
    ------
    TypeError
        If the column holds dates or times.
    """
    if values.dtype.kind not in "OUS":
        return False
    types = {*map(type, to_objects(values))} - {type(None)}
    if any(issubclass(kind, _TIMES) or kind.__name__ == "Period" for kind in types):
        raise _time_error(label)
    return not types or not all(issubclass(kind, (numbers.Number, np.bool_)) for kind in types)


def to_numbers(values: Array, label: str) -> Array:
    """Column as an array of real numbers, NaN where missing.

    Raises
    ------
    ValueError
        For strings, complex numbers and values too large for any float.
    TypeError
        For dates, times and other objects.
    """
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind == "c":
        raise _complex_error(label)
    if values.dtype.kind in "mM":
        raise _time_error(label)
    objects = to_objects(values)
    types = {*map(type, objects)}
    if all(issubclass(kind, (numbers.Real, np.bool_, type(None))) for kind in types):
        try:
            return objects.astype(np.float64)
        except OverflowError:
            pass  # the slow way below finds the value
    return np.array([_to_number(value, label) for value in objects], dtype=np.float64)


def _to_number(value: Any, label: str) -> float:
    if value is None:
        return np.nan
    if isinstance(value, (str, bytes)):
        raise ValueError(
            f"X holds the string {value!r} in {label}, which is not categorical. Convert the column to numbers, "
            "or name it in categorical_features."
        )
    if isinstance(value, _TIMES):
        raise _time_error(label)
    if isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
        raise _complex_error(label)
    try:
        return float(value)
    except OverflowError:
        raise _size_error(value, label) from None
    except (TypeError, ValueError) as error:
        raise TypeError(f"X holds {value!r} in {label}, where a number is required: {error}.") from error


def as_float(values: Array) -> Array:
    """Numbers as native float32 or float64; such arrays are not copied."""
    kind = values.dtype
    return values if kind in (np.float32, np.float64) and kind.isnative else values.astype(np.float64)


def check_range(values: Array, names: Names, positions: Array | None = None) -> None:
    """Refuse infinity and what float32 cannot hold, since the network computes in it.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns) or (n_stored,)
        Numbers, at least one; NaN passes.
    names : sequence or None
        Names of all columns of X.
    positions : ndarray of int, optional
        Position in X of each column, or of each value of a 1-D array; consecutive by default.

    Raises
    ------
    ValueError
        Naming the first such value and its column.
    """
    low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))
    if not (low < -FLOAT32_MAX or high > FLOAT32_MAX):
        return
    wide = np.abs(values.astype(np.longdouble))  # float16 cannot be compared with the bound
    where = np.argwhere(wide > FLOAT32_MAX)[0]
    column = int(where[-1] if positions is None else positions[where[-1]])
    raise _size_error(float(values[tuple(where)]), column_label(names, column))


def _size_error(value: Any, label: str) -> ValueError:
    if isinstance(value, float) and np.isinf(value):
        return ValueError(
            f"X contains infinity ({value}) in {label}; values must be finite, or NaN where missing. "
            "Replace infinity by NaN or by a finite bound."
        )
    shown = f"{value!r}" if isinstance(value, float) else f"an integer of {len(str(abs(value)))} digits"
    return ValueError(
        f"X holds {shown} in {label}, beyond the range of float32 (3.4e38), in which the network may compute. "
        "Rescale the column or take its logarithm."
    )


def _time_error(label: str) -> TypeError:
    return TypeError(
        f"X holds dates or times in {label}; numbers or categories are required. "
        "Convert the column to numbers, such as days since a date, the hour or the month."
    )


def _complex_error(label: str) -> ValueError:
    return ValueError(f"Complex data not supported: X holds complex numbers in {label}. Pass real and imaginary parts.")
