"""Reading X: any array, list, tensor, sparse matrix or data frame as numbers, categories and dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import check_array

from skmtl.encoders._columns import (
    Array,
    Names,
    check_range,
    column_label,
    holds_categories,
    to_moments,
    to_objects,
    to_values,
)
from skmtl.encoders._dates import Moments, from_zoned
from skmtl.inputs import from_tensor

CategoricalFeatures: TypeAlias = str | Iterable[Any] | None

_FROM_DTYPE = "from_dtype"
_CATEGORICAL_DTYPES = frozenset({"CategoricalDtype", "StringDtype", "String", "Categorical", "Enum"})  # pandas, polars


class Table(NamedTuple):
    """X, read: a block of numbers, columns of categories and columns of dates."""

    numeric: Array | sp.csr_array
    """Of shape (n_samples, n_numeric), float32 or float64, NaN where missing. Sparse where X is.
    It may share the user's memory: read only."""
    numeric_positions: npt.NDArray[np.intp]
    """Position in X of each column of ``numeric``."""
    categorical: list[Array]
    """Object arrays of shape (n_samples,), None where missing."""
    categorical_positions: list[int]
    """Position in X of each categorical column."""
    names: Names
    """Names of all columns of X; None for arrays."""
    dates: Sequence[Moments] = ()
    """Dates and times."""
    date_positions: Sequence[int] = ()
    """Position in X of each column of dates."""


def read_table(
    X: Any, categorical_features: CategoricalFeatures = _FROM_DTYPE, date_features: Sequence[int] | None = None
) -> Table:
    """Read and check X, which is left unchanged.

    Parameters
    ----------
    X : array-like, tensor, sparse matrix or DataFrame of shape (n_samples, n_features)
        Numbers of any kind, with NaN, None or pandas.NA where missing; durations, which become seconds; dates and
        times; strings and other categories in categorical columns. pandas and polars frames are read through what they
        have in common.
    categorical_features : "from_dtype", None or sequence, default="from_dtype"
        "from_dtype": the category and string columns of a frame, and its object columns unless they hold only numbers;
        None: no column; or positions, column names or a boolean mask.
    date_features : sequence of int, optional
        Positions of the columns of dates; by default those that hold dates or times and are not categorical.

    Returns
    -------
    Table
        The numbers, the categories and the dates.

    Raises
    ------
    ValueError
        For infinity or values beyond float32, strings outside categorical columns, complex numbers, masked arrays,
        wrong dimensions, no rows, no columns, duplicate column names, or unknown ``categorical_features``.
    TypeError
        If X is None, a mapping or a string, or holds other objects as numbers, dates beside others in a column, or
        dates in other columns than ``date_features``.
    """
    plain = type(X) is np.ndarray and X.ndim == 2 and X.size > 0 and X.dtype.kind in "biuf"
    if plain and (categorical_features is None or categorical_features is _FROM_DTYPE) and not date_features:
        return _numbers_only(X, None)  # no more work than this: the latency of predicting one row
    if sp.issparse(X):
        return _read_sparse(X, categorical_features)
    if all(hasattr(X, name) for name in ("__array__", "shape", "dtypes", "columns")):
        return _read_frame(X, categorical_features, date_features)
    return _read_array(_as_array(X), categorical_features, date_features)


def _numbers_only(values: Array, names: Names) -> Table:
    check_range(values, names)
    if values.dtype not in (np.float32, np.float64) or not values.dtype.isnative:
        values = values.astype(np.float64)
    return Table(values, np.arange(values.shape[1]), [], [], names)


def _read_sparse(X: Any, categorical_features: CategoricalFeatures) -> Table:
    checked = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], ensure_all_finite=False)
    if _categorical_positions(categorical_features, checked.shape[1], None):
        raise ValueError(
            "categorical_features must be empty for a sparse X, which holds numbers only. Pass a DataFrame."
        )
    values = sp.csr_array(checked)
    if not values.has_canonical_format:
        values = values.copy()  # the sum is in place, and a clip of parts is not the clip of their sum
        values.sum_duplicates()
    if values.nnz:
        check_range(values.data, None, values.indices)
    return Table(values, np.arange(values.shape[1]), [], [], None)


def _as_array(X: Any) -> Array:
    """Two-dimensional array with rows and columns, in the dtype that X has."""
    if X is None or isinstance(X, (Mapping, Set, str, bytes)):
        raise TypeError(f"X must be an array, list, tensor, sparse matrix or DataFrame; got {type(X).__name__}.")
    if hasattr(X, "collect"):
        raise TypeError(f"X is a {type(X).__name__}, whose rows are not read yet. Pass X.collect() instead.")
    if isinstance(X, np.ma.MaskedArray):
        raise ValueError(
            "X is a masked array, whose mask would be lost. Pass X.astype(float).filled(numpy.nan) instead."
        )
    X = from_tensor(X)
    if isinstance(X, (list, tuple)):
        array = np.asarray(X)
        X = np.array(X, dtype=object) if array.dtype.kind in "US" else array  # numbers among strings stay numbers
    array = check_array(X, dtype=None, ensure_all_finite=False)
    if array.dtype.kind == "V":
        raise ValueError(f"X must hold numbers or categories; got dtype {array.dtype}. Pass a DataFrame.")
    return np.asarray(array)


def _read_array(array: Array, categorical_features: CategoricalFeatures, dates: Sequence[int] | None) -> Table:
    positions = _categorical_positions(categorical_features, array.shape[1], None) or []
    if not positions and not dates and array.dtype.kind in "biuf":
        return _numbers_only(array, None)
    return _assemble(len(array), list(array.T), set(positions), dates, None)


def _read_frame(X: Any, categorical_features: CategoricalFeatures, dates: Sequence[int] | None) -> Table:
    names, dtypes = list(X.columns), list(X.dtypes)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"X has duplicate column names: {', '.join(map(repr, twice[:5]))}. Rename or drop them.")
    if 0 in X.shape:
        check_array(np.empty(X.shape))  # raises in scikit-learn's words
    positions = _categorical_positions(categorical_features, len(names), names)
    if not positions and not dates and all(isinstance(dtype, np.dtype) and dtype.kind in "iuf" for dtype in dtypes):
        return _numbers_only(X.to_numpy(), names)
    columns = [_column(X[name], i in (positions or ()), column_label(names, i)) for i, name in enumerate(names)]
    if positions is None:
        positions = [i for i in range(len(names)) if _is_categorical(dtypes[i], columns[i])]
    return _assemble(X.shape[0], columns, set(positions), dates, names)


def _column(series: Any, categorical: bool, label: str) -> Array | Moments:
    zone = getattr(series.dtype, "tz", None) or getattr(series.dtype, "time_zone", None)  # of pandas, of polars
    if zone and not categorical:
        return from_zoned(series)
    column: Array = series.to_numpy()
    if column.ndim != 1 or isinstance(column[0], (list, np.ndarray)):
        raise TypeError(f"X holds several values in each cell of {label}; split the column.")
    return column


def _is_categorical(dtype: Any, column: Array | Moments) -> bool:
    # A polars dtype may be a class or an instance of it; a pandas dtype is an instance.
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    return name in _CATEGORICAL_DTYPES or (not isinstance(column, Moments) and holds_categories(column))


def _assemble(
    n_rows: int,
    columns: Sequence[Any],
    categorical: set[int],
    date_features: Sequence[int] | None,
    names: Names,
) -> Table:
    rest = [i for i in range(len(columns)) if i not in categorical]
    values = {i: _read_column(columns[i], i, date_features, names) for i in rest}
    dates = {i: column for i, column in values.items() if isinstance(column, Moments)}
    numeric = [i for i in rest if i not in dates]
    block = np.empty((n_rows, len(numeric)), order="F")  # it is written by columns
    for k, i in enumerate(numeric):
        block[:, k] = values[i]
    positions = sorted(categorical)
    categories = [to_objects(columns[i]) for i in positions]
    return Table(
        block, np.array(numeric, dtype=np.intp), categories, positions, names, list(dates.values()), list(dates)
    )


def _read_column(
    column: Array | Moments, position: int, date_features: Sequence[int] | None, names: Names
) -> Array | Moments:
    """Numbers or dates, as the column's type says where ``date_features`` does not."""
    label, dated = column_label(names, position), date_features is not None and position in date_features
    if isinstance(column, Moments):
        values: Array | Moments = column
    else:
        values = to_moments(column, label) if dated else to_values(column, label)
    if isinstance(values, Moments):
        if date_features is None or dated:
            return values
        raise TypeError(f"X holds dates or times in {label}, which held none in fit. Convert it to what it was there.")
    check_range(values, names, np.full(len(values), position))
    return values


def _categorical_positions(features: CategoricalFeatures, n_columns: int, names: Names) -> list[int] | None:
    """Positions of the categorical columns; None where the dtypes of a frame decide."""
    if features is None:
        return []
    if isinstance(features, str) or not isinstance(features, Iterable):
        if features == _FROM_DTYPE:
            return None
        raise ValueError(
            f'categorical_features must be "{_FROM_DTYPE}", None, or a sequence of column positions, column names or '
            f"booleans; got {features!r}."
        )
    wanted = list(features)
    if wanted and all(isinstance(item, (bool, np.bool_)) for item in wanted):
        if len(wanted) != n_columns:
            raise ValueError(f"categorical_features is a mask of length {len(wanted)}; X has {n_columns} columns.")
        return [int(i) for i in np.flatnonzero(wanted)]
    return sorted({_position(item, n_columns, names) for item in wanted})


def _position(item: Any, n_columns: int, names: Names) -> int:
    if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
        if 0 <= item < n_columns:
            return int(item)
        raise ValueError(f"categorical_features holds {item}; positions of X go from 0 to {n_columns - 1}.")
    if names is None:
        raise ValueError(f"categorical_features holds {item!r}, but X has no column names. Give positions.")
    if item not in names:
        raise ValueError(
            f"categorical_features holds {item!r}, which is not a column of X: {', '.join(map(repr, names))}."
        )
    return names.index(item)
