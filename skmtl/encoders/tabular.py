"""The encoder of tables: numbers on one robust scale, categories one-hot, dates by parts of the calendar."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from skmtl._params import require_choice, require_integer
from skmtl.defaults import encoders as rules
from skmtl.encoders._categories import Categories
from skmtl.encoders._columns import Array, column_label
from skmtl.encoders._dates import Dates
from skmtl.encoders._encoder import Encoded, Encoder, FloatArray
from skmtl.encoders._piecewise import PiecewiseLinear
from skmtl.encoders._scaling import CLIP, center_and_scale, divide, scale_numbers, smooth_clip, sparse_scale
from skmtl.encoders._table import CategoricalFeatures, Table, read_table
from skmtl.inputs import row_hashes

_NUMERIC = ("auto", "scaled", "piecewise")
_ROWS_COUNTED = 10_000  # of which distinct ones are counted: enough to tell whether there are as many as it takes


class TabularEncoder(Encoder):
    """Encodes the columns of a table.

    Numbers: ``z = (x - median) / IQR``, then the smooth clip ``z / sqrt(1 + (z / 3)**2)``, linear near the median and
    bounded by 3 (Holzmüller et al., "Better by Default", 2024). Where the IQR is 0, as for amounts that are mostly 0,
    half the median distance of the other values from the median replaces it; a constant column gives 0. A missing value
    is imputed by the median, and a column with missing values in ``fit`` gets an indicator output. Boolean columns are
    numbers.

    Categories are encoded one-hot. If a column has more than ``max_categories``, the rarest ones have one output
    together. Missing cells have an output if there were any in ``fit``. Unknown categories encode as zeros. A column of
    free text or of identifiers, with nearly as many values as cells, tells little in this way, and ``fit`` warns of it:
    drop it, or put an encoder of text ahead, such as skrub's TableVectorizer in a Pipeline.

    Dates and times, whether of pandas, polars, numpy or Python, become numbers: year, month, day, weekday and hour as
    clocks showed them in the time zone of the column, and the days since the first date of ``fit``, which go on beyond
    the last. These are encoded as numbers are. Beside them stand sine and cosine of the position in the year, the
    month, the week and the day. What did not vary in ``fit`` is left out; a missing date has one indicator. Durations
    are numbers. Strings that look like dates are categories: convert them first, say with ``pandas.to_datetime``.

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
        Length of an encoded row: numbers, missing indicators, categories, cycles of dates, then bins.
    center_, scale_ : ndarray of shape (n_numeric,)
        What is subtracted from each number and what it is divided by (infinity for a constant one): the numeric
        columns, then the parts of dates.
    indicated_ : ndarray of int
        Which numbers have a missing indicator.
    numeric_positions_ : ndarray of int of shape (n_numeric,)
        Position in X of the column of each number.
    categorical_positions_, date_positions_ : list of int
        Positions in X of the categories and the dates.
    categories_ : list of Categories
        Codes of each categorical column.
    dates_ : list of Dates
        Parts and cycles of each column of dates.
    column_names_ : list or None
        Names of the columns of X; None for arrays.
    bins_ : PiecewiseLinear or None
        The piecewise linear encoding, if there is one.
    sparse_ : bool
        Whether the X of ``fit`` was sparse.
    """

    allows_nan = True
    allows_sparse = True

    state_types = MappingProxyType({"categories": Categories, "piecewise": PiecewiseLinear, "dates": Dates})

    def __init__(
        self,
        *,
        categorical_features: CategoricalFeatures = "from_dtype",
        max_categories: int = 64,
        numeric: Literal["auto", "scaled", "piecewise"] = "auto",
        n_bins: int | Literal["auto"] = "auto",
    ) -> None:
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.numeric = numeric
        self.n_bins = n_bins

    def fit(self, X: Any, sample_weight: FloatArray) -> Self:
        """Learn medians, scales, bins and categories; see :meth:`Encoder.fit` and :func:`read_table`."""
        self._check_parameters()
        table = read_table(X, self.categorical_features)
        self.column_names_ = table.names
        self.date_positions_, self.dates_ = list(table.date_positions), [Dates(column) for column in table.dates]
        parts = np.repeat(np.array(table.date_positions, dtype=np.intp), [len(dates.parts) for dates in self.dates_])
        self.numeric_positions_ = np.concatenate([table.numeric_positions, parts])
        numbers_ = self._numbers(table)
        self._fit_numbers(numbers_, sample_weight)
        self.categorical_positions_ = table.categorical_positions
        labels = [column_label(table.names, i) for i in table.categorical_positions]
        self.categories_ = [
            Categories(values, sample_weight, self.max_categories, label)
            for values, label in zip(table.categorical, labels, strict=True)
        ]
        self.bins_ = self._fit_bins(numbers_, sample_weight)
        further = sum(column.n_outputs for _, column in self._further())
        self._plain_outputs = len(self.center_) + len(self.indicated_) + further
        self.n_outputs_ = self._plain_outputs + (self.bins_.n_outputs if self.bins_ else 0)
        return self

    def transform(self, X: Any, dtype: npt.DTypeLike = np.float64) -> Encoded:
        """Encode rows; sparse where X is and the X of ``fit`` was. See :meth:`Encoder.transform`."""
        table = read_table(X, self.categorical_positions_ or None, self.date_positions_)
        numbers_ = self._numbers(table)
        if sp.issparse(numbers_):
            if self.sparse_:
                return self._encode_sparse(numbers_, dtype)
            numbers_ = numbers_.toarray()
        n, n_numeric = numbers_.shape
        out = np.empty((n, self.n_outputs_), dtype=dtype)
        scale_numbers(numbers_, self.center_, self.scale_, out[:, :n_numeric])
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

    def get_feature_names_out(self, input_features: npt.ArrayLike | None = None) -> npt.NDArray[np.object_]:
        """Name of every output.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns of X; by default those seen in ``fit``, or x0, x1, ...

        Returns
        -------
        ndarray of shape (n_outputs_,)
            The column's name for a number, followed by ``_missing`` for an indicator, ``_<category>`` or ``_bin<i>``;
            for dates by ``_year``, say, or ``_weekday_sin``.
        """
        n_columns = len({*self.numeric_positions_.tolist(), *self.categorical_positions_})
        given = self.column_names_ if input_features is None else np.asarray(input_features, dtype=object).tolist()
        names = [f"x{i}" for i in range(n_columns)] if given is None else [str(name) for name in given]
        parts = [f"_{part}" for dates in self.dates_ for part in dates.parts]
        columns_ = [names[i] for i in self.numeric_positions_]
        plain = [name + part for name, part in zip(columns_, [""] * (len(columns_) - len(parts)) + parts, strict=True)]
        indicators = [f"{columns_[k]}_missing" for k in self.indicated_]
        further = [f"{names[i]}_{name}" for i, column in self._further() for name in column.names]
        columns = self.bins_.columns if self.bins_ else np.zeros(0, dtype=int)
        bins = [f"{plain[k]}_bin{np.sum(columns[:i] == k)}" for i, k in enumerate(columns)]
        return np.array([*plain, *indicators, *further, *bins], dtype=object)

    def columns_of_outputs(self) -> npt.NDArray[np.intp]:
        """Position of the column of each output; see :meth:`Encoder.columns_of_outputs`."""
        numeric = np.asarray(self.numeric_positions_, dtype=np.intp)
        further = [np.full(column.n_outputs, i) for i, column in self._further()]
        binned = numeric[self.bins_.columns] if self.bins_ else numeric[:0]
        return np.concatenate([numeric, numeric[self.indicated_], *further, binned])

    def plain_bounds(self) -> npt.NDArray[np.float64]:
        """Bounds of the outputs that are not bins, finite for numbers; see :meth:`Encoder.plain_bounds`."""
        bounds = np.full(self._plain_outputs, np.inf)
        bounds[: len(self.center_)] = CLIP if self.bins_ is None else CLIP * self.bins_.line
        return bounds

    def _check_parameters(self) -> None:
        require_choice("numeric", self.numeric, _NUMERIC)
        require_integer("max_categories", self.max_categories, 1)
        if not isinstance(self.n_bins, str) or self.n_bins != "auto":
            require_integer("n_bins", self.n_bins, 2, ", or 'auto'")

    def _further(self) -> list[tuple[int, Categories | Dates]]:
        """Columns that have outputs beside numbers, each with its position."""
        positions = [*self.categorical_positions_, *self.date_positions_]
        return list(zip(positions, [*self.categories_, *self.dates_], strict=True))

    def _numbers(self, table: Table) -> Array | sp.csr_array:
        """Numeric columns and parts of dates."""
        if not self.dates_:
            return table.numeric
        parts = [dates.numbers(column) for dates, column in zip(self.dates_, table.dates, strict=True)]
        return np.asfortranarray(np.hstack([np.asarray(table.numeric), *parts]))

    def _fit_numbers(self, values: Array | sp.csr_array, weights: FloatArray) -> None:
        self.sparse_ = bool(sp.issparse(values))
        if sp.issparse(values):
            self.center_ = np.zeros(values.shape[1])
            self.scale_, missing = sparse_scale(values)
        else:
            self.center_, self.scale_ = center_and_scale(values, weights)
            missing = np.logical_or.reduce(np.isnan(values), axis=0)
        own = np.diff(self.numeric_positions_, prepend=-1) != 0  # a date has one indicator
        self.indicated_ = np.flatnonzero(missing & own)

    def _fit_bins(self, values: Array | sp.csr_array, weights: FloatArray) -> PiecewiseLinear | None:
        n_columns, is_auto = values.shape[1], self.numeric == "auto"
        too_wide = is_auto and rules.numeric(n_columns).value == "scaled"
        if self.numeric == "scaled" or too_wide or sp.issparse(values) or not n_columns:
            return None
        if is_auto:
            n_distinct = len(np.unique(row_hashes(values[:_ROWS_COUNTED], 0)))
            if rules.numeric(n_columns, n_distinct).value == "scaled":
                return None
        return PiecewiseLinear(values, weights, self.n_bins)

    def _encode_rest(self, values: Array, table: Table, out: FloatArray) -> None:
        """Write missing indicators, categories and cycles of dates."""
        start = len(self.indicated_)
        out[:, :start] = np.isnan(values[:, self.indicated_])
        out[:, start:] = 0.0
        cells: list[Any] = [*table.categorical, *table.dates]
        for column, (_, encoding) in zip(cells, self._further(), strict=True):
            stop = start + encoding.n_outputs
            encoding.encode(column, out[:, start:stop])
            start = stop

    def _encode_sparse(self, values: sp.csr_array, dtype: npt.DTypeLike) -> sp.csr_array:
        data = divide(values.data.astype(np.float64), self.scale_[values.indices])
        missing = np.isnan(data)
        data[missing] = 0.0
        encoded = sp.csr_array((smooth_clip(data).astype(dtype), values.indices, values.indptr), shape=values.shape)
        if not len(self.indicated_):
            return encoded
        marks = sp.csr_array((missing.astype(dtype), values.indices, values.indptr), shape=values.shape)
        marks = marks[:, self.indicated_]
        marks.eliminate_zeros()
        return sp.csr_array(sp.hstack([encoded, marks], format="csr"))
