"""Reading a label matrix with holes, and the ``classes`` of partial_fit, whatever they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmtl.inputs._cells import as_array, family, marked, marked_objects, read_marks
from skmtl.inputs._names import by_task, default_names, plain_names
from skmtl.inputs._sparse_labels import UNSTORED, stored_by_column
from skmtl.inputs._stored import StoredColumns, keeps_stored, with_values


@dataclass(frozen=True)
class Categories:
    """Categories of a column of labels.

    Attributes
    ----------
    values : list
        The categories, as far as the type of the column names them.
    ordered : bool
        Whether they have an order.
    named : bool
        Whether the type names them: ``Categorical`` of polars does not.
    """

    values: list[Any]
    ordered: bool = False
    named: bool = True

    @classmethod
    def of(cls, series: Any) -> Categories | None:
        """Those of a series of pandas or polars, if it has a categorical type."""
        dtype: Any = getattr(series, "dtype", None)
        match type(dtype).__name__:
            case "CategoricalDtype":
                return cls(dtype.categories.tolist(), bool(dtype.ordered))
            case "Enum":
                return cls(dtype.categories.to_list())
            case "Categorical":
                return cls([], named=False)
        return None

    def extended(self, labels: np.ndarray) -> Categories:
        """With further labels among the categories."""
        return replace(self, values=list(dict.fromkeys([*self.values, *labels.tolist()])))


@dataclass(frozen=True)
class LabelMatrix:
    """Labels by column, and which cells are known.

    Attributes
    ----------
    columns : sequence of ndarray of shape (n,)
        Labels in their own types; arbitrary where not observed.
    observed : ndarray or csc_array of shape (n, n_tasks), bool
        Whether a cell has a label; sparse where only these cells are kept.
    names : list
        Task names: those of a frame's columns or of a series, else ``task0``, ``task1``, ...
    one_dimensional : bool
        Whether y was 1-D.
    categories : list of Categories or None
        Categories of a column that came with a categorical type.
    """

    columns: Sequence[np.ndarray]
    observed: np.ndarray | Any
    names: list[Any]
    one_dimensional: bool
    categories: list[Categories | None]

    def take(self, rows: np.ndarray) -> LabelMatrix:
        """Keep the rows of an index or a boolean mask."""
        if isinstance(self.columns, StoredColumns):
            return replace(self, columns=StoredColumns(self.columns.stored[rows]), observed=self.observed[rows])
        return replace(self, columns=[column[rows] for column in self.columns], observed=self.observed[rows])


def read_labels(y: Any, missing_label: object = None, *, keep_stored: bool = False, n_before: int = 0) -> LabelMatrix:
    """Read y.

    Parameters
    ----------
    y : array-like, frame or sparse matrix of shape (n,) or (n, n_tasks)
        Labels. NaN, None and pandas.NA mean "no label".
    missing_label : object, default=None
        A further value that means "no label", or a list, tuple, set or array of several. "unstored" stands for cells of
        a sparse y that are not stored.
    keep_stored : bool, default=False
        Whether of a large sparse y only the stored cells may be kept.
    n_before : int, default=0
        Number of other tasks, after which those without a name are numbered.

    Returns
    -------
    LabelMatrix
        The labels by column.

    Raises
    ------
    ValueError
        If y is None, has no task or more than two dimensions, or a label is infinite.
    TypeError
        If y is no array, list or frame, or a column mixes strings, booleans and numbers, or y is sparse and
        ``missing_label`` is not "unstored".
    """
    marks = read_marks(missing_label)
    if sp.issparse(y) and UNSTORED in marks:
        return _kept_stored(y, marks) if keep_stored and keeps_stored(y) else _read_stored(y, marks, n_before)
    columns, names, one_dimensional, categories = _columns(y, n_before)
    read = [read_column(name, column, marks) for name, column in zip(names, columns, strict=True)]
    if all(known.all() for _, known in read):  # no memory, but not to be written to
        observed = np.broadcast_to(np.True_, (len(read[0][1]), len(read)))
    else:
        observed = np.column_stack([known for _, known in read])
    return LabelMatrix([column for column, _ in read], observed, names, one_dimensional, categories)


def _read_stored(y: Any, marks: list[Any], n_before: int) -> LabelMatrix:
    """Labels of a sparse matrix, whose cells that are not stored are missing."""
    stored = stored_by_column(y)
    observed, columns = np.zeros(stored.shape, dtype=bool), []
    names = default_names(stored.shape[1], n_before)
    for k, (name, start, end) in enumerate(zip(names, stored.indptr, stored.indptr[1:], strict=False)):
        rows = stored.indices[start:end]
        labels, observed[rows, k] = read_column(name, stored.data[start:end], marks)
        columns.append(np.zeros(stored.shape[0], dtype=labels.dtype))
        columns[k][rows] = labels
    return LabelMatrix(columns, observed, names, False, [None] * len(names))


def _kept_stored(y: Any, marks: list[Any]) -> LabelMatrix:
    """The same without a matrix of all cells."""
    stored = stored_by_column(y)
    labels, known = read_column("y", stored.data, marks)
    stored = with_values(stored, labels)
    if not known.all():
        coordinates = stored.tocoo()
        cells = coordinates.coords[0][known], coordinates.coords[1][known]
        stored = sp.csc_array((labels[known], cells), shape=stored.shape)
    observed = with_values(stored, np.broadcast_to(np.True_, stored.nnz))
    n_tasks = stored.shape[1]
    return LabelMatrix(StoredColumns(stored), observed, default_names(n_tasks), False, [None] * n_tasks)


def _columns(y: Any, n_before: int) -> tuple[list[np.ndarray], list[Any], bool, list[Categories | None]]:
    """Columns, their names, whether y is 1-D, and the categories of each column that is categorical."""
    if hasattr(y, "column_names") and hasattr(y, "to_pandas"):
        raise TypeError("y is a table of pyarrow; pass y.to_pandas(types_mapper=pandas.ArrowDtype).")
    if hasattr(y, "shape") and hasattr(y, "columns"):  # a pandas or polars frame
        names = plain_names(y.columns)
        if len(set(names)) < len(names):
            raise ValueError(f"y has duplicate column names {list({n: n for n in names if names.count(n) > 1})}.")
        if not names:
            raise ValueError("y has no tasks: its shape is (n, 0) while at least 1 column is required.")
        series = [y[name] for name in y.columns]
        return [as_array(column) for column in series], names, False, list(map(Categories.of, series))
    array = as_array(y)
    if array.ndim == 1:
        return [array], _name_of_series(y, n_before), True, [Categories.of(y)]
    if array.ndim != 2:
        raise ValueError(
            f"y should be a 1d array or a 2d array of shape (n, n_tasks); got an array of shape {array.shape}."
        )
    if array.shape[1] == 0:
        raise ValueError(f"y has no tasks: its shape is {array.shape} while at least 1 column is required.")
    return list(array.T), default_names(array.shape[1], n_before), False, [None] * array.shape[1]


def _name_of_series(y: Any, n_before: int) -> list[Any]:
    name = getattr(y, "name", None) if hasattr(y, "to_numpy") else None
    return default_names(1, n_before) if name is None or name == "" else plain_names([name])


def read_column(name: Any, column: np.ndarray, marks: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a task in a type of their own, and which are known.

    Raises
    ------
    ValueError
        If a label is infinite or complex.
    TypeError
        If labels are of several or of other types.
    """
    if column.dtype.kind == "O":
        return _read_objects(name, column, marks)
    if column.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: task {name!r} has labels of type {column.dtype}.")
    if column.dtype.kind in "mMV":
        raise TypeError(
            f"Task {name!r}: labels of type {column.dtype} are not supported; pass numbers, strings or booleans."
        )
    observed = ~marked(column, marks)
    if column.dtype.kind == "f":
        column = column.astype(column.dtype.newbyteorder("="), copy=False)
        observed &= ~np.isnan(column)
        _reject_infinite(name, column, observed)
    return column, observed


def _read_objects(name: Any, column: np.ndarray, marks: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    observed = ~marked_objects(column, marks)
    labels = column[observed].tolist()
    if len({family(type(label)) for label in labels}) > 1:
        kinds = sorted({type(label).__name__ for label in labels})
        raise TypeError(f"Task {name!r} mixes labels of types {', '.join(kinds)}; convert them to one type.")
    typed = _typed(name, labels) if labels else np.zeros(0)
    filled = np.zeros(len(column), dtype=typed.dtype)
    filled[observed] = typed
    if typed.dtype.kind == "f":
        _reject_infinite(name, filled, observed)
    return filled, observed


def _typed(name: Any, labels: list[Any]) -> np.ndarray:
    """Labels of one family as an array, in which each is what it was; numbers with fractions are floats."""
    if any(isinstance(label, Decimal) for label in labels):
        labels = [_plain_decimal(label) if isinstance(label, Decimal) else label for label in labels]
    typed = np.asarray(labels)
    if typed.ndim == 1 and typed.dtype.kind in "biufUS" and typed.tolist() == labels:
        return typed
    if family(type(labels[0])) == "number":
        if any(label % 1 != 0 for label in labels):
            return np.asarray(labels, dtype=np.float64)
        typed = np.asarray([int(label) for label in labels])
        if typed.dtype.kind in "iu":
            return typed
        raise TypeError(
            f"Task {name!r} has whole numbers that 64 bits do not hold, such as {max(labels, key=abs)!r}; pass strings "
            f"where they are classes, floats where they are numbers."
        )
    if typed.dtype.kind in "US":
        raise TypeError(f"Task {name!r} has labels that end with a null character; remove it.")
    raise TypeError(
        f"Unknown label type: task {name!r} holds {type(labels[0]).__name__} objects; "
        f"pass numbers, strings or booleans."
    )


def _plain_decimal(label: Decimal) -> int | float:
    whole = label.is_finite() and abs(label) < 2**64 and label == label.to_integral_value()
    return int(label) if whole else float(label)


def _reject_infinite(name: Any, column: np.ndarray, observed: np.ndarray) -> None:
    infinite = np.isinf(column) & observed
    if infinite.any():
        raise ValueError(
            f"Task {name!r}: the label of row {infinite.argmax()} is infinity. Labels must be finite; use NaN for a "
            f"missing one."
        )


def read_classes(classes: Any, labels: LabelMatrix, missing_label: object = None) -> list[np.ndarray | None]:
    """Sorted classes of each task, without what means "no label"; None where none are given.

    Raises
    ------
    ValueError
        If ``classes`` has not one entry a task or names an unknown one, or an entry is empty or no list of labels.
    """
    if by_name := isinstance(classes, Mapping):
        classes = by_task("classes", classes, labels.names, None)
    given: list[Any] = [classes] if labels.one_dimensional and not by_name else list(classes)
    if len(given) != len(labels.names):
        raise ValueError(f"classes must have one entry for each of the {len(labels.names)} tasks; got {len(given)}.")
    marks = read_marks(missing_label)
    return [
        None if entry is None else _of_task(name, entry, marks) for name, entry in zip(labels.names, given, strict=True)
    ]


def _of_task(name: Any, entry: Any, marks: list[Any]) -> np.ndarray:
    if np.iterable(entry) and not isinstance(entry, str | bytes):
        array = as_array(list(entry) if isinstance(entry, Set) else entry, "classes")
        known, seen = read_column(name, array, marks) if array.ndim == 1 else (array, np.zeros(0, bool))
        if seen.any():
            distinct: np.ndarray = np.unique(known[seen])
            return distinct
    raise ValueError(f"classes of task {name!r} must be a list of labels, or None for numbers; got {entry!r}.")
