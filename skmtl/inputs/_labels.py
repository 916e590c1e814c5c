"""Reading a label matrix with holes, whatever it comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LabelMatrix:
    """Labels by column, and which cells are known.

    Attributes
    ----------
    columns : list of ndarray of shape (n,)
        Labels in their own types; arbitrary where not observed.
    observed : ndarray of shape (n, n_tasks), bool
        Whether a cell has a label.
    names : list of str
        Task names: those of a frame's columns, else ``task0``, ``task1``, ...
    one_dimensional : bool
        Whether y was 1-D.
    categorical : list of bool
        Whether a column came with a categorical type.
    """

    columns: list[np.ndarray]
    observed: np.ndarray
    names: list[str]
    one_dimensional: bool
    categorical: list[bool]

    def take(self, rows: np.ndarray) -> LabelMatrix:
        """Keep the rows of an index or a boolean mask."""
        return replace(self, columns=[column[rows] for column in self.columns], observed=self.observed[rows])


def read_labels(y: Any, missing_label: object = None) -> LabelMatrix:
    """Read y.

    Parameters
    ----------
    y : array-like or frame of shape (n,) or (n, n_tasks)
        Labels. NaN, None and pandas.NA mean "no label".
    missing_label : object, default=None
        A further value that means "no label".

    Returns
    -------
    LabelMatrix
        The labels by column.

    Raises
    ------
    ValueError
        If y is None, has no task or more than two dimensions, or a label is infinite.
    TypeError
        If y is no array, list or frame, or a column mixes strings, booleans and numbers.
    """
    if is_missing(missing_label):
        missing_label = None
    columns, names, one_dimensional, categorical = _columns(y)
    read = [_read_column(name, column, missing_label) for name, column in zip(names, columns, strict=True)]
    observed = _side_by_side([known for _, known in read])
    return LabelMatrix([column for column, _ in read], observed, names, one_dimensional, categorical)


def default_names(n_tasks: int) -> list[str]:
    """Names of tasks that have none of their own."""
    return [f"task{k}" for k in range(n_tasks)]


def _columns(y: Any) -> tuple[list[np.ndarray], list[str], bool, list[bool]]:
    """Columns, their names, whether y is 1-D, whether each column is categorical."""
    if hasattr(y, "shape") and hasattr(y, "columns"):  # a pandas or polars frame
        names = [str(name) for name in y.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"y has duplicate column names {sorted({n for n in names if names.count(n) > 1})}.")
        columns = [_as_array(y[name]) for name in y.columns]
        if not columns:
            raise ValueError("y has no tasks: its shape is (n, 0) while at least 1 column is required.")
        return columns, names, False, [_is_categorical(y[name]) for name in y.columns]
    array = _as_array(y)
    if array.ndim == 1:
        return [array], ["task0"], True, [_is_categorical(y)]
    if array.ndim != 2:
        raise ValueError(
            f"y should be a 1d array or a 2d array of shape (n, n_tasks); got an array of shape {array.shape}."
        )
    if array.shape[1] == 0:
        raise ValueError(f"y has no tasks: its shape is {array.shape} while at least 1 column is required.")
    return list(array.T), default_names(array.shape[1]), False, [False] * array.shape[1]


def _side_by_side(observed: list[np.ndarray]) -> np.ndarray:
    """Masks of the columns as ``(n, n_tasks)``, not to be written to: where no label is missing they take no memory."""
    if all(known.all() for known in observed):
        return np.broadcast_to(np.True_, (len(observed[0]), len(observed)))
    return np.column_stack(observed)


def _is_categorical(series: Any) -> bool:
    return type(getattr(series, "dtype", None)).__name__ == "CategoricalDtype"


def _as_array(y: Any) -> np.ndarray:
    if isinstance(y, np.ma.MaskedArray):
        raise ValueError("y is a masked array, whose mask would be lost; pass y.filled(numpy.nan) instead.")
    if hasattr(y, "toarray"):
        raise TypeError("y is sparse, where a zero cannot be told from a missing label; pass y.toarray().")
    if isinstance(y, np.ndarray):
        return y
    if hasattr(y, "to_numpy"):
        return _from_series(y)
    if hasattr(y, "__array__"):
        return np.asarray(y)
    if isinstance(y, str | bytes) or not isinstance(y, Sequence):
        raise TypeError(f"y must be an array, a list or a data frame of labels; got {type(y).__name__}.")
    return _from_list(y)


def _from_series(y: Any) -> np.ndarray:
    """A pandas or polars series; extension types go through objects, so that NA and integers both survive."""
    plain = isinstance(getattr(y, "dtype", None), np.dtype)
    array: np.ndarray = y.to_numpy() if plain else np.asarray(y.to_list(), dtype=object)
    return array


def _from_list(y: Any) -> np.ndarray:
    cells = [cell for row in y for cell in (row if isinstance(row, Sequence) and not isinstance(row, str) else [row])]
    mixed = any(cell is None for cell in cells) or len({isinstance(cell, str) for cell in cells}) > 1
    return np.asarray(y, dtype=object) if mixed else np.asarray(y)


def _read_column(name: str, column: np.ndarray, missing_label: object) -> tuple[np.ndarray, np.ndarray]:
    if column.dtype.kind == "O":
        return _read_objects(name, column, missing_label)
    if column.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: task {name!r} has labels of type {column.dtype}.")
    if column.dtype.kind in "mMV":
        raise TypeError(
            f"Task {name!r}: labels of type {column.dtype} are not supported; pass numbers, strings or booleans."
        )
    observed = np.ones(len(column), dtype=bool)
    if column.dtype.kind == "f":
        column = column.astype(column.dtype.newbyteorder("="), copy=False)
        observed = ~np.isnan(column)
        _reject_infinite(name, column)
    if missing_label is not None and _comparable(column, missing_label):
        observed &= column != missing_label
    return column, observed


def _read_objects(name: str, column: np.ndarray, missing_label: object) -> tuple[np.ndarray, np.ndarray]:
    missing = (is_missing(cell) or (missing_label is not None and cell == missing_label) for cell in column)
    observed = ~np.fromiter(missing, bool, len(column))
    labels = column[observed].tolist()
    if len({_family(type(label)) for label in labels}) > 1:
        kinds = sorted({type(label).__name__ for label in labels})
        raise TypeError(f"Task {name!r} mixes labels of types {', '.join(kinds)}; convert them to one type.")
    typed = np.asarray(labels) if labels else np.zeros(0)
    if typed.ndim != 1 or typed.dtype.kind not in "biufUS":
        raise TypeError(
            f"Unknown label type: task {name!r} holds {type(labels[0]).__name__} objects; "
            f"pass numbers, strings or booleans."
        )
    if typed.dtype.kind == "f":
        _reject_infinite(name, column, typed, np.flatnonzero(observed))
    filled = np.zeros(len(column), dtype=typed.dtype)
    filled[observed] = typed
    return filled, observed


def _family(label: type) -> str:
    """What a label may share a column with: numbers go together, nothing else does."""
    families: dict[str, Any] = {
        "string": str,
        "bytes": bytes,
        "boolean": (bool, np.bool_),
        "number": (int, float, np.number),
    }
    return next((name for name, types in families.items() if issubclass(label, types)), label.__name__)


def is_missing(cell: object) -> bool:
    """Whether a cell of an object column is None, NaN, pandas.NA or NaT."""
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")  # by name: pandas is never imported here


def _comparable(column: np.ndarray, value: object) -> bool:
    return isinstance(value, str) == (column.dtype.kind in "US")


def _reject_infinite(
    name: str, column: np.ndarray, labels: np.ndarray | None = None, rows: np.ndarray | None = None
) -> None:
    infinite = np.isinf(column if labels is None else labels)
    if infinite.any():
        index = np.flatnonzero(infinite)[0]
        row = index if rows is None else rows[index]
        raise ValueError(
            f"Task {name!r}: the label of row {row} is infinity. Labels must be finite; use NaN for a missing one."
        )
