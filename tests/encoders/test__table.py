"""Reading X: every kind of input that works, and the error of every kind that does not."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from skmtl.encoders import read_table
from skmtl.inputs import count_rows

NAN = np.nan
VALUES = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


NUMERIC = {
    "float64": VALUES,
    "float32": VALUES.astype(np.float32),
    "float16": VALUES.astype(np.float16),
    "longdouble": VALUES.astype(np.longdouble),
    "int8": VALUES.astype(np.int8),
    "uint64": VALUES.astype(np.uint64),
    "big endian": VALUES.astype(">f8"),
    "big endian int": VALUES.astype(">i4"),
    "Fortran": np.asfortranarray(VALUES),
    "negative strides": VALUES[::-1, ::-1].copy()[::-1, ::-1],
    "read only": _read_only(VALUES),
    "object": VALUES.astype(object),
    "decimals": np.array([[decimal.Decimal(int(v)) for v in row] for row in VALUES], dtype=object),
    "list": VALUES.tolist(),
    "tuple": tuple(map(tuple, VALUES.tolist())),
    "tensor": torch.tensor(VALUES),
    "tensor with gradient": torch.tensor(VALUES, requires_grad=True),
    "tensor bfloat16": torch.tensor(VALUES, dtype=torch.bfloat16),
    "tensor int": torch.tensor(VALUES, dtype=torch.int32),
    "pandas": pd.DataFrame(VALUES),
    "pandas mixed": pd.DataFrame({"a": [1, 4], "b": [2.0, 5.0], "c": np.array([3, 6], dtype=np.float32)}),
    "pandas nullable": pd.DataFrame(VALUES).astype("Int64"),
    "pandas objects": pd.DataFrame(VALUES.astype(object)),
    "pandas sparse": pd.DataFrame(VALUES).astype(pd.SparseDtype("float64", 0.0)),
    "pandas arrow": pd.DataFrame(VALUES).astype("double[pyarrow]"),
    "polars": pl.DataFrame(VALUES),
    "polars ints": pl.DataFrame(VALUES.astype(int)),
    "polars decimals": pl.DataFrame(VALUES).cast(pl.Decimal(10, 2)),
}


@pytest.mark.parametrize("X", NUMERIC.values(), ids=NUMERIC.keys())
def test_numbers(X):
    table = read_table(X)
    np.testing.assert_array_equal(table.numeric, VALUES)
    assert table.numeric.dtype in (np.float32, np.float64)
    assert table.numeric.dtype.isnative
    assert table.categorical == []
    assert table.categorical_positions == []
    np.testing.assert_array_equal(table.numeric_positions, [0, 1, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_arrays_are_not_copied(dtype):
    X = VALUES.astype(dtype)
    assert np.shares_memory(read_table(X).numeric, X)


@pytest.mark.parametrize(
    "make", [np.array, pd.DataFrame, lambda rows: pl.DataFrame(rows, schema=["a", "b"], orient="row")]
)
def test_booleans_are_numbers(make):
    table = read_table(make([[True, False], [False, True]]))
    np.testing.assert_array_equal(table.numeric, [[1.0, 0.0], [0.0, 1.0]])


MISSING = {
    "object array": np.array([[1.0, None], [NAN, 4.0]], dtype=object),
    "list": [[1.0, None], [NAN, 4]],
    "pandas": pd.DataFrame({"a": [1.0, NAN], "b": [NAN, 4.0]}),
    "pandas Int64": pd.DataFrame({"a": [1, None], "b": [None, 4]}, dtype="Int64"),
    "pandas Float64": pd.DataFrame({"a": [1, None], "b": [None, 4]}, dtype="Float64"),
    "pandas object with NA": pd.DataFrame({"a": [1, pd.NA], "b": [pd.NA, 4]}, dtype=object),
    "polars": pl.DataFrame({"a": [1, None], "b": [None, 4.0]}),
    "NA in an array": np.array([[1, pd.NA], [None, 4]], dtype=object),
}


@pytest.mark.parametrize("X", MISSING.values(), ids=MISSING.keys())
def test_missing_numbers_are_nan(X):
    np.testing.assert_array_equal(read_table(X).numeric, [[1.0, NAN], [NAN, 4.0]])


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": pd.array([True, None, False], dtype="boolean")}),
        pd.DataFrame({"a": pd.Series([True, None, False], dtype=object)}),
        pl.DataFrame({"a": [True, None, False]}),
    ],
)
def test_missing_booleans_are_nan(X):
    np.testing.assert_array_equal(read_table(X).numeric, [[1.0], [NAN], [0.0]])


CATEGORICAL = {
    "pandas category": pd.DataFrame({"n": [1.0, 2.0, 3.0], "c": pd.Categorical(["u", None, "v"])}),
    "pandas object": pd.DataFrame({"n": [1.0, 2.0, 3.0], "c": pd.Series(["u", None, "v"], dtype=object)}),
    "pandas str": pd.DataFrame({"n": [1.0, 2.0, 3.0], "c": ["u", None, "v"]}),
    "pandas string": pd.DataFrame({"n": [1.0, 2.0, 3.0], "c": pd.array(["u", pd.NA, "v"], dtype="string")}),
    "pandas arrow": pd.DataFrame({"n": [1.0, 2.0, 3.0], "c": pd.array(["u", None, "v"], dtype="string[pyarrow]")}),
    "polars String": pl.DataFrame({"n": [1.0, 2.0, 3.0], "c": ["u", None, "v"]}),
    "polars Categorical": pl.DataFrame({"n": [1, 2, 3], "c": pl.Series(["u", None, "v"], dtype=pl.Categorical)}),
    "polars Enum": pl.DataFrame({"n": [1, 2, 3], "c": pl.Series(["u", None, "v"], dtype=pl.Enum(["v", "u"]))}),
}


@pytest.mark.parametrize("X", CATEGORICAL.values(), ids=CATEGORICAL.keys())
def test_categories_from_dtype(X):
    table = read_table(X)
    np.testing.assert_array_equal(table.numeric, [[1.0], [2.0], [3.0]])
    assert table.categorical_positions == [1]
    assert table.categorical[0].tolist() == ["u", None, "v"]
    assert table.names == ["n", "c"]


def test_category_of_numbers_is_categorical_unless_told_otherwise():
    X = pd.DataFrame({"a": pd.Categorical([3, 1, None]), "b": [1.0, 2.0, 3.0]})
    assert read_table(X).categorical[0].tolist() == [3, 1, None]
    np.testing.assert_array_equal(read_table(X, None).numeric[:, 0], [3.0, 1.0, NAN])


def test_empty_string_column_is_categorical():
    X = pd.DataFrame({"a": pd.Series([None, None], dtype="string"), "b": pd.Series([None, None], dtype=object)})
    assert read_table(X).categorical_positions == [0, 1]
    assert read_table(pl.DataFrame({"a": pl.Series([None, None], dtype=pl.String)})).categorical_positions == [0]


@pytest.mark.parametrize("features", [[1], ["c"], [False, True], (1,), np.array([1]), np.array([False, True])])
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_chosen_columns_of_frames(make, features):
    table = read_table(make({"n": [1.0, 2.0], "c": [7, 8]}), features)
    assert table.categorical_positions == [1]
    assert table.categorical[0].tolist() == [7, 8]
    np.testing.assert_array_equal(table.numeric, [[1.0], [2.0]])


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (np.array([["x", 1.0], [None, 2.0]], dtype=object), ["x", None]),
        ([["x", 1.0], ["", 2]], ["x", ""]),
        (np.array([[5.0, 1.0], [NAN, 2.0]]), [5.0, None]),
        (np.array([["x", "1"]]).astype(object), None),
    ],
)
def test_chosen_columns_of_arrays(X, expected):
    if expected is None:
        with pytest.raises(ValueError, match="string '1' in column 1"):
            read_table(X, [0])
        return
    table = read_table(X, [0])
    assert table.categorical[0].tolist() == expected
    np.testing.assert_array_equal(table.numeric, [[1.0], [2.0]])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("object", "categorical_features must be"),
        (3, "categorical_features must be"),
        ([2], "positions of X go from 0 to 1"),
        ([-1], "positions of X go from 0 to 1"),
        (["z"], "'z', which is not a column of X: 'n', 'c'"),
        ([True], "mask of length 1; X has 2 columns"),
    ],
)
def test_bad_categorical_features(features, message):
    with pytest.raises(ValueError, match=message):
        read_table(pd.DataFrame({"n": [1.0], "c": ["x"]}), features)


def test_names_need_a_frame():
    with pytest.raises(ValueError, match="no column names"):
        read_table(VALUES, ["a"])


def test_all_columns_categorical():
    table = read_table(pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"]}))
    assert table.numeric.shape == (2, 0)
    assert table.categorical_positions == [0, 1]


BIG = 10**400
VALUE_ERRORS = {
    "inf": ([[1.0, np.inf]], "infinity .inf. in column 1"),
    "-inf": (np.array([[-np.inf], [NAN]]), "infinity .-inf. in column 0"),
    "inf, pandas": (pd.DataFrame({"a": [1.0], "b": [np.inf]}), "infinity .inf. in column 'b'"),
    "inf, pandas with categories": (pd.DataFrame({"a": ["x"], "b": [np.inf]}), "infinity .inf. in column 'b'"),
    "inf, polars": (pl.DataFrame({"a": [1.0], "b": [np.inf]}), "infinity .inf. in column 'b'"),
    "inf, object": (np.array([[np.inf, 1]], dtype=object), "infinity .inf. in column 0"),
    "beyond float32": ([[1.0, -1e39]], "-1e[+]39 in column 1, beyond the range of float32"),
    "beyond float32, frame": (pd.DataFrame({"a": [1e300]}), "1e[+]300 in column 'a', beyond"),
    "huge integer": ([[1, BIG]], "integer of 401 digits in column 1, beyond"),
    "strings": (np.array([[1.0, "abc"]], dtype=object), "string 'abc' in column 1"),
    "string list": ([[1.0, "abc"]], "string 'abc' in column 1"),
    "string array": (np.array([["1.0"]]), "string '1.0' in column 0"),
    "bytes": (np.array([[b"1"]], dtype=object), "string b'1' in column 0"),
    "complex": (VALUES + 1j, "Complex data not supported"),
    "complex in objects": (np.array([[1j, 2.0]], dtype=object), "Complex data not supported.*column 0"),
    "complex frame": (pd.DataFrame({"a": [1j]}), "Complex data not supported.*column 'a'"),
    "masked": (np.ma.masked_array(VALUES, mask=VALUES > 5), "masked array"),
    "duplicate names": (pd.DataFrame(VALUES, columns=["a", "b", "a"]), "duplicate column names: 'a'"),
    "1-D": (np.arange(3.0), "Reshape your data"),
    "1-D list": ([1.0, 2.0], "Reshape your data"),
    "series": (pd.Series([1.0]), "Expected a 2-dimensional container"),
    "3-D": (np.zeros((2, 2, 2)), "Found array with dim 3"),
    "scalar": (3.0, "Expected 2D array, got scalar"),
    "no rows": (np.empty((0, 3)), r"0 sample\(s\)"),
    "no features": (np.empty((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
    "no rows, pandas": (pd.DataFrame({"a": []}), r"0 sample\(s\)"),
    "no rows, polars": (pl.DataFrame({"a": []}), r"0 sample\(s\)"),
    "no columns, pandas": (pd.DataFrame(index=[0, 1]), r"0 feature\(s\)"),
    "ragged": ([[1.0], [1.0, 2.0]], "inhomogeneous"),
    "records": (np.zeros((2, 2), dtype=[("a", float)]), "numbers or categories"),
    "sparse inf": (sp.csr_array([[0.0, np.inf]]), "infinity .inf. in column 1"),
    "sparse beyond float32": (sp.csr_array([[0.0, 0.0], [0.0, 1e39]]), "1e[+]39 in column 1, beyond"),
    "sparse complex": (sp.csr_array([[1j]]), "Complex data not supported"),
    "sparse, no rows": (sp.csr_array((0, 3)), r"0 sample\(s\)"),
}


@pytest.mark.parametrize(("X", "message"), VALUE_ERRORS.values(), ids=VALUE_ERRORS.keys())
def test_value_errors(X, message):
    with pytest.raises(ValueError, match=message):
        read_table(X)


LISTS = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(LISTS),
        pd.Series(list(np.array(LISTS))),
        pl.Series(LISTS),
        pl.Series(LISTS, dtype=pl.Array(pl.Float64, 2)),
        pl.Series([{"u": 1}, {"u": 2}]),
    ],
)
def test_cells_of_several_values_are_named(column):
    frame = pd.DataFrame if isinstance(column, pd.Series) else pl.DataFrame
    with pytest.raises(TypeError, match="several values in each cell of column 'b'; split the column"):
        read_table(frame({"a": [1, 2], "b": column}))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_strings_in_a_column_that_is_not_categorical(make):
    with pytest.raises(ValueError, match="string 'x' in column 'a', which is not categorical"):
        read_table(make({"a": ["x", "y"]}), None)


DAY = datetime.date(2020, 1, 1)
TYPE_ERRORS = {
    "None": (None, "got NoneType"),
    "dict": ({"a": [1.0]}, "got dict"),
    "string": ("abc", "got str"),
    "lazy": (pl.LazyFrame({"a": [1.0]}), r"Pass X.collect\(\)"),
    "set": ({1.0}, "got set"),
    "dates beside strings": ([[DAY], ["x"]], "dates or times beside values of type str in column 0"),
    "dates beside numbers": (pd.DataFrame({"d": [DAY, 3]}), "beside values of type int in column 'd'"),
    "dates beside durations": ([[DAY], [datetime.timedelta(1)]], "beside values of type timedelta in column 0"),
    "durations beside numbers": ([[1.0], [datetime.timedelta(1)]], "beside values of type timedelta in column 0"),
    "dict in a cell": (np.array([[{"a": 1}, 2.0]], dtype=object), "column 0.*argument must be .* string.* number"),
    "list in a cell": (pd.DataFrame({"a": [[1], [2]]}), "column 'a'"),
}


@pytest.mark.parametrize(("X", "message"), TYPE_ERRORS.values(), ids=TYPE_ERRORS.keys())
def test_type_errors(X, message):
    with pytest.raises(TypeError, match=message):
        read_table(X, None)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.coo_array, sp.lil_array, sp.dok_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, bool])
def test_sparse(make, dtype):
    X = make(np.array([[0, 1, 0], [1, 0, 0]], dtype=dtype))
    table = read_table(X)
    assert isinstance(table.numeric, sp.csr_array)
    assert table.numeric.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(table.numeric.toarray(), [[0, 1, 0], [1, 0, 0]])


def test_sparse_duplicates_are_summed_in_a_copy():
    X = sp.csr_array((np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 2])), shape=(1, 2))
    np.testing.assert_array_equal(read_table(X).numeric.data, [3.0])
    np.testing.assert_array_equal(X.data, [1.0, 2.0])


def test_sparse_without_entries():
    assert read_table(sp.csr_array((3, 2))).numeric.nnz == 0


def test_sparse_has_no_categories():
    with pytest.raises(ValueError, match="categorical_features must be empty for a sparse X"):
        read_table(sp.csr_array(VALUES), [0])


def test_largest_float32_passes():
    assert read_table(np.array([[np.finfo(np.float32).max]])).numeric[0, 0] == np.finfo(np.float32).max


def test_cells_of_several_values_name_the_column():
    X = pl.DataFrame({"x": [1.0, 2.0], "odd": [{"a": 1}, {"a": 2}]})
    with pytest.raises(TypeError, match="several values in each cell of column 'odd'"):
        read_table(X)


def test_every_sparse_format_has_rows():
    for made in ("dok", "lil", "dia"):
        assert count_rows(sp.csr_matrix(np.eye(3)).asformat(made)) == 3
