"""One column or block of values: numbers checked and converted, categories as objects, errors that name the cell."""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from skmtl.encoders._dates import Moments, from_date_objects, from_dates
from skmtl.inputs import is_missing

Array: TypeAlias = npt.NDArray[Any]
Names: TypeAlias = Sequence[Any] | None

FLOAT32_MAX = float(np.finfo(np.float32).max)
_DATES = (datetime.date, datetime.time, np.datetime64)
_DURATIONS = (datetime.timedelta, np.timedelta64)
_SECOND = np.timedelta64(1, "s")


def column_label(names: Names, position: int) -> str:
    """How errors call a column: by its name where it has one."""
    return f"column {position}" if names is None else f"column {names[position]!r}"


def to_objects(values: Array) -> Array:
    """Copy of a column as Python objects, with None for every missing cell."""
    if values.dtype.kind in "mM":
        values = values.astype(f"{values.dtype.kind}8[us]")  # numpy makes integers of nanoseconds
    objects = values.astype(object)
    objects[np.fromiter(map(is_missing, objects), dtype=bool, count=len(objects))] = None
    return objects


def holds_categories(values: Array) -> bool:
    """Whether an object column of a table is categorical: it is, unless all it holds is numbers, or dates or times."""
    if values.dtype.kind not in "OUS":
        return False
    types = _types(to_objects(values))
    times = any(map(_is_date, types)) or any(issubclass(kind, _DURATIONS) for kind in types)
    return not times and (not types or not all(issubclass(kind, (numbers.Number, np.bool_)) for kind in types))


def _types(objects: Array) -> set[type]:
    return {*map(type, objects)} - {type(None)}


def _is_date(kind: type) -> bool:
    return issubclass(kind, _DATES) or kind.__name__ == "Period"


def to_moments(values: Array, label: str) -> Moments:
    """Column as dates.

    Raises
    ------
    TypeError
        If it holds anything else.
    """
    return from_dates(values) if values.dtype.kind == "M" else _from_objects(to_objects(values), label)


def _from_objects(objects: Array, label: str) -> Moments:
    others = [kind for kind in _types(objects) if not _is_date(kind)]
    if others:
        raise _mixture_error(label, others[0])
    return from_date_objects(objects)


def to_values(values: Array, label: str) -> Array | Moments:
    """Column as real numbers, NaN where missing, or as dates; durations become seconds.

    Raises
    ------
    ValueError
        For strings, complex numbers and values too large for any float.
    TypeError
        For a mixture of dates and others, and other objects.
    """
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind == "c":
        raise _complex_error(label)
    if values.dtype.kind == "m":
        return values.astype("timedelta64[us]") / _SECOND  # numpy does not divide months, nor years
    if values.dtype.kind == "M":
        return from_dates(values)
    objects = to_objects(values)
    types = _types(objects)
    if any(map(_is_date, types)):
        return _from_objects(objects, label)
    if types and all(issubclass(kind, _DURATIONS) for kind in types):
        return objects.astype("timedelta64[us]") / _SECOND
    if all(issubclass(kind, (numbers.Real, np.bool_)) for kind in types):
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
    if isinstance(value, _DURATIONS):
        raise _mixture_error(label, type(value))
    if isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
        raise _complex_error(label)
    try:
        return float(value)
    except OverflowError:
        raise _size_error(value, label) from None
    except (TypeError, ValueError) as error:
        raise TypeError(f"X holds {value!r} in {label}, where a number is required: {error}.") from error


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


def _mixture_error(label: str, kind: type) -> TypeError:
    return TypeError(
        f"X holds dates or times beside values of type {kind.__name__} in {label}. Convert the column to one type, "
        "say with pandas.to_datetime or pandas.to_timedelta, with NaT where a cell is missing."
    )


def _complex_error(label: str) -> ValueError:
    return ValueError(f"Complex data not supported: X holds complex numbers in {label}. Pass real and imaginary parts.")
