"""The encoder of tables: values in closed form, the law of weights, categories, sparse X, state."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone

from skmtl.encoders import Encoder, TabularEncoder
from skmtl.encoders._scaling import unclip

NAN = np.nan
FRAMES = [pd.DataFrame, pl.DataFrame]


def _clip(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def _fit(X, weights=None, **params):
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    return TabularEncoder(**params).fit(X, np.ones(n) if weights is None else weights)


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(40, 6)), 1)
    X[:, 1] = 7.3  # constant
    X[:, 2] = rng.random(40) < 0.1  # IQR 0
    X[rng.random(40) < 0.3, 3] = NAN
    X[:, 4] *= 1e30
    X[:, 5] = NAN
    return X


def test_values_in_closed_form():
    X = np.array([[0.0], [1.0], [2.0], [3.0], [100.0]])  # median 2, quartiles 1 and 3
    np.testing.assert_allclose(_fit(X).transform(X), _clip((X - 2) / 2), rtol=1e-15)


def test_a_clip_is_undone_by_the_bounds_of_plain_outputs():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"few": rng.integers(0, 3, 1200), "many": 5 * rng.normal(size=1200), "c": ["a", "b"] * 600})
    encoder = _fit(X, numeric="piecewise")
    bounds = encoder.plain_bounds()
    assert bounds[0] == 3 < bounds[1] < np.inf  # a number beside its bins is multiplied
    straight = unclip(encoder.transform(X)[:, : len(bounds)], bounds)
    scaled = (X[["few", "many"]] - encoder.center_) / encoder.scale_ * bounds[:2] / 3
    np.testing.assert_allclose(straight[:, :2], scaled, rtol=1e-9)
    np.testing.assert_array_equal(straight[:, 2:], pd.get_dummies(X["c"]))


@pytest.mark.parametrize(("others", "scale"), [([4.0], 2.0), ([4.0, -6.0, 1000.0], 3.0)])
def test_zero_iqr_takes_half_the_median_distance_of_the_others(others, scale):
    X = np.array([[0.0]] * 9 + [[value] for value in others])
    np.testing.assert_allclose(_fit(X).transform(X), _clip(X / scale), rtol=1e-15)


def test_constant_and_empty_columns_are_zero(numbers):
    encoder = _fit(numbers)
    Z = encoder.transform(numbers)
    assert (Z[:, [1, 5]] == 0).all()
    assert (encoder.transform(numbers + 1e6)[:, [1, 5]] == 0).all()


def test_rounding_is_not_data():
    X = np.repeat([[0.1 + 0.2], [0.3]], 5, axis=0)
    assert (_fit(X).transform(X) == 0).all()


def test_bounded_and_finite_over_the_range_of_float32(numbers):
    encoder = _fit(numbers)
    for value in (-3.4e38, -1.0, 0.0, 1e-300, 3.4e38):
        Z = encoder.transform(np.full((1, 6), value))
        assert np.isfinite(Z).all()
        assert np.abs(Z).max() < 3 + 1e-12


def test_column_of_any_scale(numbers):
    X = numbers[:, :1]
    expected = _fit(X).transform(X)
    for scale in (1e30, 1e-30):
        np.testing.assert_allclose(_fit(X * scale).transform(X * scale), expected, rtol=1e-9, atol=1e-12)


def test_missing_values_get_the_median_and_an_indicator(numbers):
    encoder = _fit(numbers)
    Z = encoder.transform(numbers)
    missing = np.isnan(numbers[:, 3])
    assert encoder.n_outputs_ == Z.shape[1] == 6 + 2
    assert (Z[missing, 3] == 0).all()
    np.testing.assert_array_equal(Z[:, 6], missing)
    np.testing.assert_array_equal(Z[:, 7], np.ones(40))


def test_missing_only_at_transform_gets_the_median():
    X = np.arange(10.0).reshape(-1, 1)
    encoder = _fit(X)
    np.testing.assert_array_equal(encoder.transform(np.array([[NAN]])), encoder.transform([[4.5]]))
    assert encoder.n_outputs_ == 1


def _mixed(make=pd.DataFrame):
    rng = np.random.default_rng(3)
    return make({"n": rng.normal(size=30).round(1), "c": rng.choice(list("abcdefgh"), 30), "k": rng.integers(0, 3, 30)})


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_integer_weight_equals_repeats(numbers, scale):
    weights = np.random.default_rng(1).integers(1, 5, 40)
    repeated = np.repeat(numbers, weights, axis=0)
    expected = _fit(repeated).transform(numbers)
    np.testing.assert_array_equal(_fit(numbers, weights * scale).transform(numbers), expected)


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_integer_weight_equals_repeats_of_categories(scale):
    frame = _mixed()
    weights = np.random.default_rng(1).integers(1, 4, 30)
    repeated = frame.loc[np.repeat(np.arange(30), weights)]
    expected = _fit(repeated, max_categories=4).transform(frame)
    np.testing.assert_array_equal(_fit(frame, weights * scale, max_categories=4).transform(frame), expected)


def test_order_of_rows_does_not_matter(numbers):
    frame, order = _mixed(), np.random.default_rng(2).permutation(30)
    expected = _fit(frame, max_categories=4).transform(frame)
    np.testing.assert_array_equal(_fit(frame.loc[order], max_categories=4).transform(frame), expected)
    np.testing.assert_array_equal(_fit(numbers[::-1]).transform(numbers), _fit(numbers).transform(numbers))


def test_rows_are_encoded_alone(numbers):
    for X in (numbers, np.tile(numbers, (400, 30))):  # the second takes several blocks of rows
        encoder = _fit(X)
        Z = encoder.transform(X)
        for i in (0, 17, len(X) - 1):
            np.testing.assert_array_equal(encoder.transform(X[i : i + 1])[0], Z[i])


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X.astype(">f8"),
        np.asfortranarray,
        lambda X: X[::-1].copy()[::-1],
        lambda X: X.tolist(),
        lambda X: X.astype(object),
        torch.tensor,
        pd.DataFrame,
        pl.DataFrame,
    ],
)
def test_kinds_of_input_agree_and_are_unchanged(numbers, change):
    X = change(numbers)
    before = copy.deepcopy(X)
    expected = _fit(numbers).transform(numbers)
    Z = _fit(X).transform(X)
    assert Z.dtype == np.float64
    np.testing.assert_array_equal(Z, expected)
    np.testing.assert_array_equal(np.asarray(before, dtype=float), np.asarray(X, dtype=float))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float16, np.float32])
def test_dtypes(dtype):
    X = (np.arange(12).reshape(6, 2) % 5).astype(dtype)
    np.testing.assert_array_equal(_fit(X).transform(X), _fit(X.astype(float)).transform(X.astype(float)))


def test_read_only_memory(numbers):
    expected = _fit(numbers).transform(numbers)
    numbers.flags.writeable = False
    np.testing.assert_array_equal(_fit(numbers).transform(numbers), expected)


def test_one_row():
    assert (_fit(np.array([[1.0, NAN]])).transform([[1.0, NAN]]) == [0, 0, 1]).all()


@pytest.mark.parametrize("make", FRAMES)
def test_categories(make):
    X = make({"n": [1.0, 2.0, 3.0], "c": ["b", "a", None]})
    encoder = _fit(X)
    np.testing.assert_array_equal(encoder.transform(X)[:, 1:], [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    assert encoder.get_feature_names_out().tolist() == ["n", "c_a", "c_b", "c_missing"]


@pytest.mark.parametrize("make", FRAMES)
def test_unknown_categories_are_zero(make):
    encoder = _fit(make({"c": ["b", "a"], "n": [1.0, 2.0]}))
    Z = encoder.transform(make({"c": ["z", None, "a"], "n": [1.0, 1.0, 1.0]}))
    np.testing.assert_array_equal(Z[:, 1:], [[0, 0], [0, 0], [1, 0]])


def test_rare_categories_share_an_output():
    X = pd.DataFrame({"c": list("aaabbbccde")})
    encoder = _fit(X, max_categories=3)
    assert encoder.get_feature_names_out().tolist() == ["c_a", "c_b", "c_infrequent"]
    Z = encoder.transform(pd.DataFrame({"c": list("abcdez")}))
    np.testing.assert_array_equal(Z, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]])


def test_rare_is_decided_by_weight():
    weights = np.array([1.0, 1.0, 1.0, 9.0])
    encoder = _fit(pd.DataFrame({"c": list("aaab")}), weights, max_categories=1)
    assert encoder.get_feature_names_out().tolist() == ["c_infrequent"]
    encoder = _fit(pd.DataFrame({"c": list("abcdabcd")}), np.tile(weights, 2), max_categories=2)
    assert encoder.get_feature_names_out().tolist() == ["c_d", "c_infrequent"]


def test_no_infrequent_output_up_to_the_limit():
    encoder = _fit(pd.DataFrame({"c": list("abc")}), max_categories=3)
    assert encoder.get_feature_names_out().tolist() == ["c_a", "c_b", "c_c"]


def test_outputs_are_bounded_by_max_categories():
    values = [f"v{i:03d}" for i in range(200)] * 2 + [None]
    assert _fit(pd.DataFrame({"c": values})).n_outputs_ == 64 + 1


def test_free_text_is_warned_of():
    frame = pd.DataFrame({"id": [f"v{i}" for i in range(95)] + ["v0"] * 5, "city": [f"c{i % 89}" for i in range(100)]})
    with pytest.warns(UserWarning, match="95 different values in 100 cells of the categorical column 'id'.*skrub") as w:
        _fit(frame)
    assert len(w) == 1  # not of the cities


def test_frames_of_other_kinds_encode_alike():
    X = _mixed()
    encoder = _fit(X)
    expected = encoder.transform(X)
    np.testing.assert_array_equal(encoder.transform(_mixed(pl.DataFrame)), expected)
    np.testing.assert_array_equal(encoder.transform(X.astype({"c": "category"})), expected)
    np.testing.assert_array_equal(encoder.transform(X.to_numpy(dtype=object)), expected)


def test_columns_keep_the_kind_they_had_in_fit():
    encoder = _fit(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": pd.Categorical([1, 2, 2])}))
    Z = encoder.transform(pd.DataFrame({"a": pd.Series([2], dtype=object), "b": [2]}))
    np.testing.assert_array_equal(Z, [[0, 0, 1]])
    with pytest.raises(ValueError, match="string 'x' in column 'a'"):
        encoder.transform(pd.DataFrame({"a": ["x"], "b": [2]}))


def test_categorical_features_of_arrays():
    X = np.array([[3.0, 1.0], [5.0, 2.0], [NAN, 3.0]])
    encoder = _fit(X, categorical_features=[0])
    np.testing.assert_array_equal(encoder.transform(X)[:, 1:], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert encoder.get_feature_names_out().tolist() == ["x1", "x0_3.0", "x0_5.0", "x0_missing"]


def test_categories_of_mixed_types():
    X = pd.DataFrame({"c": pd.Series(["a", 1, 2.5, "b"], dtype=object)})
    np.testing.assert_array_equal(_fit(X).transform(X).sum(axis=1), np.ones(4))


@pytest.mark.parametrize("when", ["fit", "transform"])
def test_unhashable_category(when):
    bad = pd.DataFrame({"c": [{"a": 1}, {"b": 2}]})
    encoder = _fit(pd.DataFrame({"c": ["a", "b"]}))
    with pytest.raises(TypeError, match="categorical column 'c' that cannot be a category"):
        encoder.fit(bad, np.ones(2)) if when == "fit" else encoder.transform(bad)


SPARSE = np.array([[0.0, 2.0, 0.0, -1.0], [0.0, 0.0, 0.0, 4.0], [0.0, 1.0, 0.0, 0.0]])


@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix, sp.csc_matrix, sp.coo_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, int])
def test_sparse_stays_sparse(make, dtype):
    X = make(SPARSE.astype(dtype))
    Z = _fit(X).transform(X)
    assert sp.issparse(Z)
    assert Z.format == "csr"
    assert Z.dtype == np.float64
    assert Z.nnz == 4
    np.testing.assert_allclose(Z.toarray(), _clip(SPARSE / np.array([1, 2, 1, 4])), rtol=1e-15)


def test_sparse_input_is_unchanged():
    X = sp.csr_array(SPARSE)
    _fit(X).transform(X)
    np.testing.assert_array_equal(X.toarray(), SPARSE)


def test_sparse_with_missing_values():
    X = sp.csr_array(np.where(SPARSE == 4, NAN, SPARSE))
    encoder = _fit(X)
    Z = encoder.transform(X)
    assert Z.shape == (3, encoder.n_outputs_) == (3, 5)
    np.testing.assert_array_equal(Z.toarray()[:, 4], [0, 1, 0])
    assert Z.toarray()[1, 3] == 0


@pytest.mark.parametrize("missing", [False, True])
def test_sparse_and_dense_rows_encode_alike(missing):
    X = np.where(SPARSE == 4, NAN, SPARSE) if missing else SPARSE
    for fitted in (X, sp.csr_array(X)):
        encoder = _fit(fitted)
        dense, sparse = encoder.transform(X), encoder.transform(sp.csr_array(X))
        np.testing.assert_array_equal(sparse.toarray() if sp.issparse(sparse) else sparse, dense)


def test_sparse_without_entries():
    X = sp.csr_array((3, 2))
    assert _fit(X).transform(X).nnz == 0


def test_feature_names():
    X = np.array([[1.0, NAN], [2.0, 3.0]])
    encoder = _fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1", "x1_missing"]
    assert encoder.get_feature_names_out(["a", "b"]).tolist() == ["a", "b", "b_missing"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"numeric": "cubic"}, "numeric must be one of 'auto', 'scaled', 'piecewise'; got 'cubic'"),
        ({"n_bins": 1}, "n_bins must be an integer of at least 2, or 'auto'; got 1"),
        ({"max_categories": 0}, "max_categories must be an integer of at least 1; got 0"),
        ({"max_categories": 2.5}, "max_categories must be an integer"),
        ({"max_categories": True}, "max_categories must be an integer"),
        ({"categorical_features": "all"}, "categorical_features must be"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        _fit(np.ones((2, 1)), **params)


@pytest.mark.parametrize("bad", [np.array([[np.inf]]), np.array([[1e39]]), np.empty((0, 1)), np.ones(3)])
def test_transform_refuses_what_fit_refuses(bad):
    encoder = _fit(np.arange(4.0).reshape(-1, 1))
    with pytest.raises(ValueError, match=r"X|Found|Expected"):
        encoder.transform(bad)


def test_clone_keeps_parameters_only():
    encoder = _fit(pd.DataFrame({"a": ["x", "y"]}), categorical_features=["a"], max_categories=5)
    fresh = clone(encoder)
    assert fresh == encoder
    assert fresh.get_params() == {
        "categorical_features": ["a"],
        "max_categories": 5,
        "numeric": "auto",
        "n_bins": "auto",
    }
    assert not hasattr(fresh, "n_outputs_")


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda encoder: pickle.loads(pickle.dumps(encoder))])
def test_copies_encode_alike(make_copy, numbers):
    frame = _mixed()
    for X in (numbers, frame, sp.csr_array(SPARSE)):
        encoder = _fit(X)
        expected, found = encoder.transform(X), make_copy(encoder).transform(X)
        same = (expected != found).nnz == 0 if sp.issparse(expected) else (expected == found).all()
        assert same


def test_pickle_holds_no_training_data():
    X = np.random.default_rng(0).normal(size=(5000, 3))
    assert len(pickle.dumps(_fit(X))) < X.nbytes / 20


def test_contract():
    encoder = _fit(np.ones((2, 2)))
    assert isinstance(encoder, Encoder)
    assert encoder.build() is None
