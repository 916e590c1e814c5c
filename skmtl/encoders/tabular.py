"""The encoder of tables: numbers on one robust scale, categories one-hot."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from skmtl._params import require_choice, require_integer
from skmtl.defaults import encoders as rules
from skmtl.encoders._categories import Categories
from skmtl.encoders._columns import Array, column_label
from skmtl.encoders._encoder import Encoded, Encoder, FloatArray
from skmtl.encoders._piecewise import PiecewiseLinear
from skmtl.encoders._table import CategoricalFeatures, Table, read_table
from skmtl.inputs import row_hashes, weighted_quantile

_NUMERIC = ("auto", "scaled", "piecewise")
_ROWS_COUNTED = 10_000  # of which distinct ones are counted: enough to tell whether there are as many as it takes
_FAR = 1e15  # encodes as the bound does, and its square is a float32
_CLIP = 3.0  # bound of an encoded number
_RESOLUTION = 16 * np.finfo(np.float64).eps  # a spread below this fraction of the values is rounding, not data
_ELEMENTS_AT_ONCE = 2**16  # rows scaled together stay in the cache


class TabularEncoder(Encoder):
    """Encodes the columns of a table.

    Numbers: ``z = (x - median) / IQR``, then the smooth clip ``z / sqrt(1 + (z / 3)**2)``, linear near the median and
    bounded by 3 (Holzmüller et al., "Better by Default", 2024). Where the IQR is 0, as for amounts that are mostly 0,
    half the median distance of the other values from the median replaces it; a constant column gives 0. A missing value
    is imputed by the median, and a column with missing values in ``fit`` gets an indicator output. Boolean columns are
    numbers.

    Categories are encoded one-hot. If a column has more than ``max_categories``, the rarest ones have one output
    together. Missing cells have an output if there were any in ``fit``. Unknown categories encode as zeros.

    Sparse X stays sparse: its numbers are not centred but divided by the largest absolute value of their column, then
    clipped as above, so zeros stay zeros.

    All statistics are weighted: an integer weight counts exactly as that many equal rows.

    Parameters
    ----------
    categorical_features : "from_dtype", None or sequence, default="from_dtype"
        Categorical columns. "from_dtype": the category and string columns of a DataFrame, and its object columns unless
        they hold only numbers; None: no column; or positions, column names or a boolean mask.
    max_categories : int, default=64
        Largest number of outputs of a categorical column, without that of the missing cells.
    numeric : {"auto", "scaled", "piecewise"}, default="auto"
        Encoding of numbers. "scaled" is the above; "piecewise" adds a piecewise linear encoding over quantile bins
        (Gorishniy et al., 2022). With many rows the scaled number of a column with many values is multiplied by
        ``sqrt(n_bins)`` and its bins by 1/2. "auto" chooses by the numbers of rows and columns.
    n_bins : int or "auto", default="auto"
        Largest number of quantile bins of a column in the piecewise linear encoding. Columns with few values have up to
        twice as many, one between neighbouring values; values so frequent that they fill a bin add further bins.
        "auto" chooses by the numbers of rows and columns.

    Attributes
    ----------
    n_outputs_ : int
        Length of an encoded row: numbers, missing indicators, categories, then bins.
    center_, scale_ : ndarray of shape (n_numeric,)
        What is subtracted from each numeric column and what it is divided by (infinity for a constant column).
    indicated_ : ndarray of int
        Which numeric columns have a missing indicator.
    numeric_positions_, categorical_positions_ : ndarray of int and list of int
        Positions in X of the two kinds of columns.
    categories_ : list of Categories
        Codes of each categorical column.
    column_names_ : list or None
        Names of the columns of X; None for arrays.
    bins_ : PiecewiseLinear or None
        The piecewise linear encoding, if there is one.
    sparse_ : bool
        Whether the X of ``fit`` was sparse.
    """

    allows_nan = True
    allows_sparse = True

    state_types = MappingProxyType({"categories": Categories, "piecewise": PiecewiseLinear})

    def __init__(
        self,
        *,
        categorical_features: CategoricalFeatures = "from_dtype",
        max_categories: int = 64,
        numeric: str = "auto",
        n_bins: int | str = "auto",
    ) -> None:
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.numeric = numeric
        self.n_bins = n_bins

    def fit(self, X: Any, sample_weight: FloatArray) -> Self:
        """Learn medians, scales, bins and categories; see :meth:`Encoder.fit` and :func:`read_table`."""
        self._check_parameters()
        table = read_table(X, self.categorical_features)
        self._fit_numbers(table.numeric, sample_weight)
        self._fit_categories(table, sample_weight)
        self.numeric_positions_ = table.numeric_positions
        self.column_names_ = table.names
        one_hot = sum(categories.n_outputs for categories in self.categories_)
        self.bins_ = self._fit_bins(table.numeric, sample_weight)
        self._plain_outputs = len(self.center_) + len(self.indicated_) + one_hot
        self.n_outputs_ = self._plain_outputs + (self.bins_.n_outputs if self.bins_ else 0)
        return self

    def transform(self, X: Any, dtype: npt.DTypeLike = np.float64) -> Encoded:
        """Encode rows; sparse where X is and the X of ``fit`` was. See :meth:`Encoder.transform`."""
        table = read_table(X, self.categorical_positions_ or None)
        numbers_ = table.numeric
        if sp.issparse(numbers_):
            if self.sparse_:
                return self._encode_sparse(numbers_, dtype)
            numbers_ = numbers_.toarray()
        n, n_numeric = numbers_.shape
        out = np.empty((n, self.n_outputs_), dtype=dtype)
        _scale(numbers_, self.center_, self.scale_, out[:, :n_numeric])
        if self._plain_outputs > n_numeric:
            self._encode_rest(numbers_, table, out[:, n_numeric : self._plain_outputs])
        if self.bins_ is not None:
            out[:, :n_numeric] *= self.bins_.line.astype(dtype)
            self.bins_.encode(numbers_, self.center_, out[:, self._plain_outputs :])
        return out

    def constant_columns(self) -> list[str]:
        """Numeric columns whose scale is unknown; see :meth:`Encoder.constant_columns`."""
        positions = self.numeric_positions_[np.isinf(self.scale_)]
        return [column_label(self.column_names_, position) for position in positions.tolist()]

    def preferences(self, n_samples: int) -> dict[str, Any]:
        """Whether inputs are scaled; see :meth:`Encoder.preferences`."""
        return {} if self.bins_ is None else rules.tabular_preferences(self.bins_.n_columns, self.bins_.bends)

    def get_feature_names_out(self, input_features: npt.ArrayLike | None = None) -> npt.NDArray[np.object_]:
        """Name of every output.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns of X; by default those seen in ``fit``, or x0, x1, ...

        Returns
        -------
        ndarray of shape (n_outputs_,)
            The column's name for a number, followed by ``_missing`` for an indicator, ``_<category>`` or ``_bin<i>``.
        """
        n_columns = len(self.numeric_positions_) + len(self.categorical_positions_)
        given = self.column_names_ if input_features is None else np.asarray(input_features, dtype=object).tolist()
        names = [f"x{i}" for i in range(n_columns)] if given is None else [str(name) for name in given]
        plain = [names[i] for i in self.numeric_positions_]
        indicators = [f"{plain[k]}_missing" for k in self.indicated_]
        pairs = zip(self.categorical_positions_, self.categories_, strict=True)
        one_hot = [f"{names[i]}_{name}" for i, categories in pairs for name in categories.names]
        columns = self.bins_.columns if self.bins_ else np.zeros(0, dtype=int)
        bins = [f"{plain[k]}_bin{np.sum(columns[:i] == k)}" for i, k in enumerate(columns)]
        return np.array([*plain, *indicators, *one_hot, *bins], dtype=object)

    def columns_of_outputs(self) -> npt.NDArray[np.intp]:
        """Position of the column of each output; see :meth:`Encoder.columns_of_outputs`."""
        numeric = np.asarray(self.numeric_positions_, dtype=np.intp)
        widths = [categories.n_outputs for categories in self.categories_]
        one_hot = np.repeat(np.asarray(self.categorical_positions_, dtype=np.intp), widths)
        binned = numeric[self.bins_.columns] if self.bins_ else numeric[:0]
        return np.concatenate([numeric, numeric[self.indicated_], one_hot, binned])

    def _check_parameters(self) -> None:
        require_choice("numeric", self.numeric, _NUMERIC)
        require_integer("max_categories", self.max_categories, 1)
        if not isinstance(self.n_bins, str) or self.n_bins != "auto":
            require_integer("n_bins", self.n_bins, 2, ", or 'auto'")

    def _fit_numbers(self, values: Array | sp.csr_array, weights: FloatArray) -> None:
        self.sparse_ = bool(sp.issparse(values))
        if sp.issparse(values):
            self.center_ = np.zeros(values.shape[1])
            self.scale_, missing = _sparse_scale(values)
        else:
            self.center_, self.scale_ = _center_and_scale(values, weights)
            missing = np.logical_or.reduce(np.isnan(values), axis=0)
        self.indicated_ = np.flatnonzero(missing)

    def _fit_bins(self, values: Array | sp.csr_array, weights: FloatArray) -> PiecewiseLinear | None:
        n_columns, is_auto = values.shape[1], self.numeric == "auto"
        too_wide = is_auto and rules.numeric(n_columns).value == "scaled"
        if self.numeric == "scaled" or too_wide or sp.issparse(values) or not n_columns:
            return None
        n_distinct = len(np.unique(row_hashes(values[:_ROWS_COUNTED], 0)))
        if is_auto and rules.numeric(n_columns, n_distinct).value == "scaled":
            return None
        return PiecewiseLinear(values, weights, self.n_bins, n_distinct)

    def _fit_categories(self, table: Table, weights: FloatArray) -> None:
        self.categorical_positions_ = table.categorical_positions
        labels = [column_label(table.names, i) for i in table.categorical_positions]
        pairs = zip(table.categorical, labels, strict=True)
        self.categories_ = [Categories(values, weights, self.max_categories, label) for values, label in pairs]

    def _encode_rest(self, values: Array, table: Table, out: FloatArray) -> None:
        """Write missing indicators and categories."""
        start = len(self.indicated_)
        out[:, :start] = np.isnan(values[:, self.indicated_])
        out[:, start:] = 0.0
        for column, categories in zip(table.categorical, self.categories_, strict=True):
            stop = start + categories.n_outputs
            categories.encode(column, out[:, start:stop])
            start = stop

    def _encode_sparse(self, values: sp.csr_array, dtype: npt.DTypeLike) -> sp.csr_array:
        data = _divide(values.data.astype(np.float64), self.scale_[values.indices])
        missing = np.isnan(data)
        data[missing] = 0.0
        encoded = sp.csr_array((_smooth_clip(data).astype(dtype), values.indices, values.indptr), shape=values.shape)
        if not len(self.indicated_):
            return encoded
        marks = sp.csr_array((missing.astype(dtype), values.indices, values.indptr), shape=values.shape)
        marks = marks[:, self.indicated_]
        marks.eliminate_zeros()
        return sp.csr_array(sp.hstack([encoded, marks], format="csr"))


def _center_and_scale(values: Array, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, first, median, third, high = weighted_quantile(values, weights, (0.0, 0.25, 0.5, 0.75, 1.0))
    resolution = _RESOLUTION * np.maximum(np.abs(low), np.abs(high))
    scale = third - first
    narrow = ~(scale > resolution)
    distance = np.abs(values[:, narrow] - median[narrow])
    distance[distance <= resolution[narrow]] = np.nan
    scale[narrow] = 0.5 * weighted_quantile(distance, weights, (0.5,))[0]
    return np.where(np.isnan(median), 0.0, median), np.where(np.isnan(scale), np.inf, scale)


def _sparse_scale(values: sp.csr_array) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Largest absolute value of each column, infinite where there is none, and which columns miss values."""
    size, missing = np.zeros(values.shape[1]), np.zeros(values.shape[1], dtype=bool)
    is_missing = np.isnan(values.data)
    missing[values.indices[is_missing]] = True
    np.maximum.at(size, values.indices, np.where(is_missing, 0.0, np.abs(values.data)))
    return np.where(size > 0.0, size, np.inf), missing


def _scale(values: Array, center: FloatArray, scale: FloatArray, out: FloatArray) -> None:
    """Write the encoded numbers into ``out``; a missing value becomes the median's 0."""
    step = max(1, _ELEMENTS_AT_ONCE // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        rows = out[start : start + step]
        difference = values[start : start + step] - center  # in float64, where close numbers keep their digits
        rows[:] = _divide(difference, scale)
        _smooth_clip(rows)
        missing = np.isnan(rows)
        if missing.any():
            rows[missing] = 0.0


def _divide(difference: FloatArray, scale: FloatArray) -> FloatArray:
    """Divide in place; what is beyond ``_FAR``, or the range of floats where scales are tiny, becomes ``_FAR``."""
    with np.errstate(over="ignore"):
        difference /= scale
    return difference.clip(-_FAR, _FAR, out=difference)


def _smooth_clip(z: FloatArray) -> FloatArray:
    """``z / sqrt(1 + (z / 3)**2)``, in place."""
    square = z * z
    square *= 1.0 / _CLIP**2
    square += 1.0
    z /= np.sqrt(square, out=square)
    return z
