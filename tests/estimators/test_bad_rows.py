"""X that is refused with an error that names what is wrong, and X that works."""

import copy
import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from skmtl import MultiTaskNetClassifier
from tests._asserts import finite_predictions
from tests._tables import entries, with_cell

NAMES = ["a", "b", "c"]


def frame(X, names=NAMES):
    return pd.DataFrame(X, columns=names)


def frame_with(X, values):
    return frame(X).assign(b=values)


# X: what is refused, at fit and at predict ----------------------------------------------------------------------------

BAD_ARRAYS = {
    "None": (lambda X: None, TypeError, "NoneType"),
    "dict": (lambda X: {"a": X[:, 0]}, TypeError, "dict"),
    "string": (lambda X: "table", FileNotFoundError, "'table'"),
    "inf": (lambda X: with_cell(X, np.inf), ValueError, "infinity.*column 1"),
    "negative inf": (lambda X: with_cell(X, -np.inf), ValueError, "infinity.*column 1"),
    "beyond float32": (lambda X: with_cell(X, 1e39), ValueError, r"1e\+39.*column 1"),
    "beyond float64": (lambda X: with_cell(X, 10**400, dtype=object), ValueError, "column 1"),
    "no rows": (lambda X: X[:0], ValueError, r"X has 0 rows|0 sample"),
    "no features": (lambda X: X[:, :0], ValueError, r"0 feature"),
    "1-D": (lambda X: X[:, 0], ValueError, "Expected 2D array, got 1D array"),
    "3-D": (lambda X: X[:, :, None], ValueError, "dim 3"),
    "strings": (lambda X: with_cell(X, "red", dtype=object), ValueError, "'red'.*column 1"),
    "all strings": (lambda X: X.astype(str), ValueError, "column 0"),
    "a date": (
        lambda X: with_cell(X, datetime.date(2020, 1, 1), dtype=object),
        TypeError,
        "dates or times beside values of type float in column 1",
    ),
    "complex": (lambda X: X + 1j, ValueError, "Complex data not supported"),
    "masked": (lambda X: np.ma.masked_less(X, 0), ValueError, "masked array"),
    "sparse with inf": (lambda X: sp.csr_array(with_cell(X, np.inf)), ValueError, "infinity.*column 1"),
}
BAD_FRAMES = {
    "duplicate names": (lambda X: frame(X, ["a", "b", "a"]), ValueError, "(?s)unique column names.*'a'"),
    "complex": (lambda X: frame_with(X, X[:, 1] + 1j), ValueError, "column 'b'"),
    "inf": (lambda X: frame(with_cell(X, np.inf)), ValueError, "infinity.*column 'b'"),
    "beyond float32": (lambda X: frame(with_cell(X, -1e39)), ValueError, r"-1e\+39.*column 'b'"),
    "polars inf": (lambda X: pl.DataFrame(with_cell(X, np.inf), schema=NAMES), ValueError, "infinity.*column 'b'"),
    "polars lazy": (lambda X: pl.DataFrame(X, schema=NAMES).lazy(), TypeError, "LazyFrame"),
}


@pytest.mark.parametrize(
    ("spoil", "error", "match"), entries({**BAD_ARRAYS, **{f"f {k}": v for k, v in BAD_FRAMES.items()}})
)
def test_bad_X_at_fit(case, spoil, error, match):
    bad = spoil(case.X)
    y = case.y[:0] if hasattr(bad, "shape") and bad.shape[0] == 0 else case.y
    with pytest.raises(error, match=match):
        case.make().fit(bad, y)


@pytest.mark.parametrize(("spoil", "error", "match"), entries(BAD_ARRAYS))
def test_bad_array_at_predict(case, spoil, error, match):
    model = case.fit()
    with pytest.raises(error, match="features" if match == "0 feature" else match):
        model.predict(spoil(case.X))


FRAMES_AT_PREDICT = {
    **{name: entry for name, entry in BAD_FRAMES.items() if name not in ("duplicate names", "polars lazy")},
    "reordered": (lambda X: frame(X)[["b", "a", "c"]], ValueError, "same order"),
    "renamed": (lambda X: frame(X, ["a", "b", "d"]), ValueError, "(?s)unseen at fit time.*d.*now missing.*c"),
    "one fewer": (lambda X: frame(X)[["a", "b"]], ValueError, "(?s)now missing.*c"),
    "polars reordered": (lambda X: pl.DataFrame(X, schema=NAMES).select("c", "b", "a"), ValueError, "same order"),
    "strings": (lambda X: frame_with(X, "red"), ValueError, "'red'.*column 'b'"),
    "dates": (
        lambda X: frame_with(X, pd.date_range("2020", periods=len(X))),
        TypeError,
        "dates or times in column 'b', which held none in fit",
    ),
}


@pytest.mark.parametrize(("spoil", "error", "match"), entries(FRAMES_AT_PREDICT))
def test_bad_frame_at_predict(case, spoil, error, match):
    model = case.make().fit(frame(case.X), case.y)
    with pytest.raises(error, match=match):
        model.predict(spoil(case.X))


def test_wrong_number_of_features_at_predict(case):
    model = case.fit()
    with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 3 features"):
        model.predict(case.X[:, :2])


def test_not_fitted(case):
    for use in ("predict", "predict_frame"):
        with pytest.raises(NotFittedError):
            getattr(case.make(), use)(case.X)
    for use in ("score", "score_tasks"):
        with pytest.raises(NotFittedError):
            getattr(case.make(), use)(case.X, case.y)


# X: what works, at fit and at predict, and stays as it was ------------------------------------------------------------


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def coarse(X):
    """Numbers that every type below holds exactly."""
    return np.round(np.abs(X) * 8)


GOOD_FORMS = {
    "bool": lambda X: X > 4,
    "int8": lambda X: X.astype(np.int8),
    "uint64": lambda X: X.astype(np.uint64),
    "float16": lambda X: X.astype(np.float16),
    "float32": lambda X: X.astype(np.float32),
    "longdouble": lambda X: X.astype(np.longdouble),
    "big-endian": lambda X: X.astype(">f8"),
    "big-endian ints": lambda X: X.astype(">i4"),
    "Fortran": np.asfortranarray,
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "every second": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "read-only": read_only,
    "list": lambda X: X.tolist(),
    "tuple": lambda X: tuple(map(tuple, X.tolist())),
    "objects": lambda X: X.astype(object),
    "tensor": torch.tensor,
    "float32 tensor": lambda X: torch.tensor(X, dtype=torch.float32, requires_grad=True),
    "int tensor": lambda X: torch.tensor(X, dtype=torch.int16),
}
GOOD_FRAMES = {
    "pandas": frame,
    "pandas nullable": lambda X: frame(X).astype("Int64"),
    "pandas integer names": lambda X: pd.DataFrame(X),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "polars ints": lambda X: pl.DataFrame(X.astype(int), schema=NAMES),
}
SPARSE = {
    f"{kind} {made}": getattr(sp, f"{kind}_{made}")
    for kind in ("csr", "csc", "coo", "lil")
    for made in ("array", "matrix")
}


@pytest.mark.parametrize("form", [*GOOD_FORMS, *GOOD_FRAMES, *SPARSE])
def test_good_X_works_and_stays_unchanged(classifier, form):
    """The three estimators read rows by the same code."""
    case = classifier
    X = coarse(case.X)
    made = {**GOOD_FORMS, **GOOD_FRAMES, **SPARSE}[form](X)
    before = copy.deepcopy(made.detach() if isinstance(made, torch.Tensor) else made)
    y = case.holes
    y[5] = np.nan  # a row that is dropped
    model = case.make().fit(made, y)
    got = finite_predictions(model, made)
    if sp.issparse(made):
        assert (made != before).nnz == 0
        dense = sp.csr_array(X)
    else:
        assert_array_equal(np.asarray(made.detach() if isinstance(made, torch.Tensor) else made), np.asarray(before))
        dense = np.asarray(before, dtype=np.float64)
    assert_array_equal(got, finite_predictions(case.make().fit(dense, y), dense))


ODD_VALUES = {
    "missing values": lambda X: with_cell(X, np.nan),
    "a column of missing values": lambda X: np.where(np.arange(3) == 1, np.nan, X),
    "only missing values": lambda X: np.full_like(X, np.nan),
    "a constant column": lambda X: np.where(np.arange(3) == 1, 7.0, X),
    "only constant columns": np.ones_like,
    "a column of scale 1e30": lambda X: X * [1, 1e30, 1],
    "a column of scale 1e-30": lambda X: X * [1, 1e-30, 1],
    "one huge value": lambda X: with_cell(X, 3e38),
    "one feature": lambda X: X[:, :1],
    "many features": lambda X: np.tile(X, 30),
    "only two distinct rows": lambda X: X[np.arange(len(X)) % 2],
}


@pytest.mark.parametrize("odd", ODD_VALUES)
def test_odd_X_works(case, odd):
    X = ODD_VALUES[odd](case.X)
    model = case.make().fit(X, case.y)
    finite_predictions(model, X)
    finite_predictions(model, np.full_like(X, 3e38))
    finite_predictions(model, np.full_like(X, np.nan))


@pytest.mark.parametrize("n_rows", [2, 3])
def test_few_rows_work(case, n_rows):
    rows = np.argsort(case.y[:, 0])[[0, -1, 1]][:n_rows]
    y = case.y[rows] if not issubclass(case.cls, MultiTaskNetClassifier) else np.eye(2)[[0, 1, 0]][:n_rows]
    finite_predictions(case.make().fit(case.X[rows], y), case.X)


@pytest.mark.filterwarnings("ignore:Task .* has labels of one class only")
def test_one_row_works(case):
    model = case.make().fit(case.X[:1], case.y[:1])
    assert_array_equal(model.predict(case.X), np.repeat(case.y[:1], len(case.X), axis=0))


@pytest.mark.parametrize("batch_size", [1, 13, 39, 40, 1000])
def test_a_row_left_over_in_the_last_batch_works(case, batch_size):
    assert len(case.X) % 13 == len(case.X) % 39 == 1
    finite_predictions(case.fit(batch_size=batch_size, max_iter=2), case.X)
