"""Kinds, names and labels: what y may be, and what comes back."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import MultiTaskNetRegressor
from skmtl.encoders import TabularEncoder
from skmtl.sharing import Independent
from skmtl.tasks import AbsoluteError, Binary, Huber, Multiclass, Poisson, Quantile, SquaredError
from tests._asserts import assert_same_predictions

N = 40
CYCLE = np.arange(N)


# kinds and names ------------------------------------------------------------------------------------------------------

INFERRED = {
    "strings": (np.array(["a", "b", "c"])[CYCLE % 3], Multiclass),
    "two strings": (np.array(["a", "b"])[CYCLE % 2], Binary),
    "pandas strings": (pd.Series(["a", "b", None, "c"] * 10, dtype="string"), Multiclass),
    "polars strings": (pl.Series(["a", "b", None, "c"] * 10), Multiclass),
    "booleans": (CYCLE % 2 == 0, Binary),
    "booleans and None": (np.array([True, False, None, True] * 10, dtype=object), Binary),
    "pandas booleans": (pd.Series([True, False, None, True] * 10, dtype="boolean"), Binary),
    "categories": (pd.Series(CYCLE % 3).astype("category"), Multiclass),
    "polars categories": (pl.Series(["a", "b", "c", "a"] * 10, dtype=pl.Categorical), Multiclass),
    "two integers": (CYCLE % 2 + 5, Binary),
    "two whole floats": (CYCLE % 2 * 2.0 - 1, Binary),
    "two integers and NA": (pd.Series([0, 1, None, 1] * 10, dtype="Int64"), Binary),
    "fractions": (CYCLE / 8, SquaredError),
    "fractions with holes": (np.where(CYCLE % 3, CYCLE / 8, np.nan), SquaredError),
    "two fractions": (CYCLE % 2 / 2, SquaredError),
    "pandas fractions": (pd.Series(CYCLE / 8, dtype="Float64"), SquaredError),
    "float32": ((CYCLE / 8).astype(np.float32), SquaredError),
}


@pytest.mark.parametrize("name", INFERRED)
def test_kinds_are_inferred(mixed, name):
    labels, kind = INFERRED[name]
    model = mixed.make().fit(mixed.X, labels)
    assert type(model.tasks_[0].kind) is kind
    assert (model.classes_ is None) == (kind is SquaredError)
    if kind is not SquaredError:
        made = pl.DataFrame({"u": labels}) if isinstance(labels, pl.Series) else pd.DataFrame({"u": labels})
        assert type(mixed.make().fit(mixed.X, made).tasks_[0].kind) is kind


@pytest.mark.parametrize("labels", [CYCLE % 3, CYCLE % 3 * 1.0, pd.Series([1, 2, None, 3] * 10, dtype="Int64")])
def test_many_integers_ask_for_tasks(mixed, labels):
    with pytest.raises(ValueError, match=r"different integers.*tasks=\{'task0': 'multiclass'\} or .*'regression'"):
        mixed.make().fit(mixed.X, labels)


def test_tasks_are_given_by_name_place_or_object(mixed):
    y = np.column_stack([CYCLE % 3, CYCLE % 2, CYCLE % 5])
    given = ["multiclass", "regression", "poisson"]
    for tasks in (
        given,
        dict(zip(["task0", "task1", "task2"], given, strict=True)),
        [Multiclass(), SquaredError(), Poisson()],
    ):
        model = mixed.make(tasks=tasks).fit(mixed.X, y)
        assert [type(task.kind) for task in model.tasks_] == [Multiclass, SquaredError, Poisson]
    partial = mixed.make(tasks={"task0": "multiclass", "task2": "huber"}).fit(mixed.X, y)
    assert [type(task.kind) for task in partial.tasks_] == [Multiclass, Binary, Huber]
    assert partial.predict(mixed.X).shape == (N, 3)


def test_losses_are_names_objects_or_a_dict(regressor):
    X, y = regressor.X, np.abs(regressor.y)
    for name, loss in {
        "huber": Huber(),
        "quantile": Quantile(),
        "absolute_error": AbsoluteError(),
        "poisson": Poisson(),
    }.items():
        assert_same_predictions(regressor.make(loss=name).fit(X, y), regressor.make(loss=loss).fit(X, y), X)
    model = regressor.make(loss={"task1": Quantile(level=0.9)}).fit(X, y)
    assert [task.kind for task in model.tasks_] == [SquaredError(), Quantile(level=0.9)]


def test_names_of_tasks_and_features(case):
    assert case.fit().task_names_.tolist() == ["task0", "task1"]
    assert case.make().fit(case.X, case.y[:, 0]).task_names_.tolist() == ["task0"]
    for made in (pd.DataFrame(case.y, columns=["u", "v"]), pl.DataFrame(case.y, schema=["u", "v"])):
        model = case.make().fit(pd.DataFrame(case.X, columns=["a", "b", "c"]), made)
        assert model.task_names_.tolist() == ["u", "v"]
        assert model.feature_names_in_.tolist() == ["a", "b", "c"]
        assert list(model.score_tasks(pl.DataFrame(case.X, schema=["a", "b", "c"]), made)) == ["u", "v"]
    assert case.make().fit(case.X, pd.DataFrame(case.y)).task_names_.tolist() == [0, 1]


def test_fitted_attributes(case):
    model = case.fit(loss_weights={"task0": 3})
    assert model.n_features_in_ == 3
    assert not hasattr(model, "feature_names_in_")
    assert [task.name for task in model.tasks_] == ["task0", "task1"]
    assert_allclose(model.loss_weights_, [0.75, 0.25])
    assert model.network_.architecture.members == 2
    assert hasattr(model, "classes_") == (case.cls is not MultiTaskNetRegressor)
    assert not hasattr(model, "decision_function")


def test_fit_changes_no_parameter(case):
    params = {
        "loss_weights": {"task0": 2},
        "sharing": Independent(),
        "encoder": TabularEncoder(),
        "hidden_layer_sizes": [8],
    }
    model = case.make(**params)
    before = {name: (id(value), repr(value)) for name, value in model.get_params(deep=False).items()}
    model.fit(case.X, case.y).partial_fit(case.X, case.y).predict(case.X)
    assert {name: (id(value), repr(value)) for name, value in model.get_params(deep=False).items()} == before
    assert vars(params["encoder"]) == vars(TabularEncoder())


# shapes and types of predictions --------------------------------------------------------------------------------------


def test_one_column_is_the_same_fit_with_2d_output(case):
    for k in (0, 1):
        flat = case.make().fit(case.X, case.y[:, k])
        column = case.make().fit(case.X, case.y[:, [k]])
        assert flat.predict(case.X).shape == (N,)
        assert_array_equal(flat.predict(case.X)[:, None], column.predict(case.X))
        assert flat.score(case.X, case.y[:, k]) == column.score(case.X, case.y[:, [k]])
        assert hasattr(flat, "predict_proba") == flat.tasks_[0].kind.is_classifier
        if hasattr(flat, "predict_proba"):
            assert isinstance(column.classes_, list)
            assert isinstance(column.predict_proba(case.X), list)
            assert_array_equal(flat.classes_, column.classes_[0])
            assert_array_equal(flat.predict_proba(case.X), column.predict_proba(case.X)[0])


def test_classes_and_probabilities_are_lists_by_task(classifier):
    model = classifier.fit()
    proba, log_proba = model.predict_proba(classifier.X), model.predict_log_proba(classifier.X)
    assert [p.shape for p in proba] == [(N, 2), (N, 3)]
    assert [c.tolist() for c in model.classes_] == [[0, 1], [0, 1, 2]]
    for k in (0, 1):
        assert_allclose(proba[k].sum(axis=1), 1)
        assert_allclose(np.exp(log_proba[k]), proba[k])
        assert_array_equal(model.classes_[k][proba[k].argmax(axis=1)], model.predict(classifier.X)[:, k])


def pandas_ints(values):
    return pd.Series(values).astype("Int64").where(pd.Series(CYCLE != 5), pd.NA)


LABELS = {
    "bool": (np.array([False, True]), lambda v: v, bool),
    "bool objects with None": (np.array([False, True]), lambda v: np.where(CYCLE == 5, None, v), bool),
    "pandas boolean": (np.array([False, True]), lambda v: pd.Series(v, dtype="boolean").mask(CYCLE == 5), bool),
    "str": (np.array(["no", "yes", "perhaps"]), lambda v: v, "<U7"),
    "str objects": (np.array(["no", "yes", "perhaps"], dtype=object), lambda v: v, "<U7"),
    "str and NaN": (np.array(["no", "yes"], dtype=object), lambda v: np.where(CYCLE == 5, np.nan, v), "<U3"),
    "bytes": (np.array([b"no", b"yes"]), lambda v: v, "S3"),
    "-1 and 1": (np.array([-1, 1]), lambda v: v, np.int64),
    "-1.0 and 1.0": (np.array([-1.0, 1.0]), lambda v: v, np.float64),
    "float32": (np.array([0, 2], dtype=np.float32), lambda v: v, np.float32),
    "int8": (np.array([3, 5, 7], dtype=np.int8), lambda v: v, np.int8),
    "uint64": (np.array([3, 2**60]), lambda v: v.astype(np.uint64), np.uint64),
    "ints with None": (np.array([3, 5, 7]), lambda v: np.where(CYCLE == 5, None, v.astype(object)), np.int64),
    "pandas Int64 with NA": (np.array([3, 5, 7]), pandas_ints, np.int64),
    "pandas string": (np.array(["no", "yes"]), lambda v: pd.Series(v, dtype="string").mask(CYCLE == 5), "<U3"),
    "pandas categories": (np.array([3, 5, 7]), lambda v: pd.Series(v, dtype="category"), np.int64),
    "polars ints": (np.array([3, 5, 7]), lambda v: pl.Series([None, *v[1:].tolist()]), np.int64),
    "polars strings": (np.array(["no", "yes"]), lambda v: pl.Series([None, *v[1:].tolist()]), "<U3"),
    "polars booleans": (np.array([False, True]), lambda v: pl.Series([None, *v[1:].tolist()]), bool),
    "list": (np.array(["no", "yes"]), lambda v: [None, *v[1:].tolist()], "<U3"),
}


@pytest.mark.parametrize("name", LABELS)
def test_label_types_survive_the_round_trip(classifier, name):
    values, form, dtype = LABELS[name]
    plain = values[CYCLE % len(values)]
    labels = form(plain)
    model = classifier.make(max_iter=20, n_estimators=1).fit(classifier.X, labels)
    predicted = model.predict(classifier.X)
    assert predicted.dtype == model.classes_.dtype == np.dtype(dtype)
    assert set(predicted) <= set(plain.tolist())
    assert model.score(classifier.X, labels) == pytest.approx(
        np.mean((predicted == plain)[[*range(5), *range(6, N)]]), abs=0.03
    )


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.float32, np.float64, object])
def test_regression_predicts_float64(regressor, dtype):
    y = (10 * regressor.y).astype(int).astype(dtype)
    for dtype_of_net in ("float32", "float64"):
        assert regressor.make(dtype=dtype_of_net).fit(regressor.X, y).predict(regressor.X).dtype == np.float64


def test_mixed_predictions_keep_types_in_a_frame(mixed):
    X = pd.DataFrame(mixed.X, index=np.arange(N) + 100)
    y = pd.DataFrame(
        {
            "word": np.array(["a", "b", "c"])[CYCLE % 3],
            "flag": CYCLE % 2 == 0,
            "count": CYCLE % 2 + 3,
            "size": mixed.y[:, 1],
        }
    )
    model = mixed.make().fit(X, y)
    frame = model.predict_frame(X)
    assert [str(dtype) for dtype in frame.dtypes] == ["str", "bool", "int64", "float64"]
    assert_array_equal(frame.index, X.index)
    predicted = model.predict(X)
    assert predicted.shape == (N, 4)
    assert predicted.dtype == object
    assert [type(cell) for cell in predicted[0]] == [str, bool, int, float]
    assert_array_equal(predicted[:, 3].astype(float), frame["size"])
    proba = model.predict_proba(X)
    assert proba[3] is None
    assert [p.shape for p in proba[:3]] == [(N, 3), (N, 2), (N, 2)]
    assert model.classes_[3] is None


def test_mixed_numbers_need_no_objects(mixed):
    assert mixed.fit().predict(mixed.X).dtype == np.float64
    numeric = mixed.make(tasks=["regression"]).fit(mixed.X, mixed.y[:, 1])
    assert not hasattr(numeric, "predict_proba")
    assert numeric.classes_ is None
    assert list(mixed.fit().predict_frame(mixed.X).columns) == ["task0", "task1"]


# missing labels -------------------------------------------------------------------------------------------------------


def test_every_mark_of_a_missing_label_is_the_same(case):
    holes = case.holes
    missing = np.isnan(holes)
    reference = case.make().fit(case.X, holes)
    marked = np.where(missing, -9, holes)
    forms = {
        "None": np.where(missing, None, holes.astype(object)),
        "NA": pd.DataFrame(holes).astype("Float64"),
        "NA objects": pd.DataFrame(np.where(missing, pd.NA, holes.astype(object))),
        "list": np.where(missing, None, holes.astype(object)).tolist(),
        "polars": pl.DataFrame(np.where(missing, None, holes.astype(object)).tolist(), orient="row"),
    }
    for labels in forms.values():
        assert_same_predictions(reference, case.make().fit(case.X, labels), case.X)
    for labels in (marked, marked.tolist(), np.where(CYCLE[:, None] % 2, marked, holes)):
        model = case.make(missing_label=-9).fit(case.X, labels)
        assert_same_predictions(reference, model, case.X)
        assert model.score(case.X, labels) == reference.score(case.X, holes)


@pytest.mark.parametrize("mark", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_value_is_no_further_mark(case, mark):
    for labels in (case.holes, case.holes.astype(object)):
        assert_same_predictions(
            case.make(missing_label=mark).fit(case.X, labels), case.make().fit(case.X, labels), case.X
        )


@pytest.mark.parametrize(
    ("labels", "mark"),
    [
        (np.array(["yes", "no", "?", "no"] * 10), "?"),
        (np.array(["yes", "no", None, "?"] * 10, dtype=object), "?"),
        (np.array([1, 0, -1, 0] * 10), -1),
        (np.array([1, 0, "?", 0] * 10, dtype=object), "?"),
        (np.array([True, False, -1, None] * 10, dtype=object), -1),
        (np.array(["1", "0", "0", None] * 10, dtype=object), -1),
    ],
)
def test_missing_label_of_any_type(classifier, labels, mark):
    model = classifier.make(missing_label=mark).fit(classifier.X, labels)
    assert len(model.classes_) == 2
    assert mark not in model.classes_.tolist()


# X --------------------------------------------------------------------------------------------------------------------


def test_sparse_and_dense_rows_meet_at_predict(case):
    sparse = sp.random_array((N, 6), density=0.3, rng=np.random.default_rng(0), format="csr")
    model = case.make(batch_size=7).fit(sparse, case.y)
    for form in (sparse.toarray(), sparse.tocoo(), sp.csc_matrix(sparse)):
        assert_allclose(model.predict(form).astype(float), model.predict(sparse).astype(float), rtol=1e-10)
    dense = case.make().fit(sparse.toarray(), case.y)
    assert_array_equal(dense.predict(sparse), dense.predict(sparse.toarray()))
    empty = sp.csr_array((N, 4))
    assert np.isfinite(case.make().fit(empty, case.y).predict(empty).astype(float)).all()


def test_categorical_features_of_arrays(case):
    colours = np.array(["red", "green", "blue", None], dtype=object)[CYCLE % 4]
    X = np.column_stack([case.X[:, 0].astype(object), colours, case.X[:, 1].astype(object)])
    model = case.make(encoder=TabularEncoder(categorical_features=[1]), max_iter=50, n_estimators=1).fit(X, case.y)
    frame = pd.DataFrame({"a": case.X[:, 0], "b": colours, "c": case.X[:, 1]})
    by_frame = case.make(max_iter=50, n_estimators=1).fit(frame, case.y)
    assert_array_equal(model.predict(X), by_frame.predict(frame))
    table = pl.DataFrame({"a": case.X[:, 0], "b": colours.tolist(), "c": case.X[:, 1]})
    assert_array_equal(model.predict(X), case.make(max_iter=50, n_estimators=1).fit(table, case.y).predict(table))
    unknown = X.copy()
    unknown[:, 1] = "violet"
    assert np.isfinite(model.predict(unknown).astype(float)).all()
