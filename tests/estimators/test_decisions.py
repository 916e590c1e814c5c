"""What the estimators promise, convention by convention."""

import io
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import make_scorer, r2_score

from skmtl import DivergenceError, MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor, geometric, metrics
from skmtl.encoders import TabularEncoder
from skmtl.inputs import deal, held_out_rows, row_hashes
from skmtl.sharing import Hard, Independent
from skmtl.tasks import AbsoluteError, Binary, Huber, Multiclass, Poisson, Quantile, SquaredError
from skmtl.training import SGD, Run

N = 40
CYCLE = np.arange(N)


def same(first, second, X):
    """Whether two fits predict the same bits."""
    assert_array_equal(first.predict(X), second.predict(X))
    if hasattr(first, "predict_proba"):
        for one, other in zip(first.predict_proba(X), second.predict_proba(X), strict=True):
            assert_array_equal(one, other)


# kinds and names -----------------------------------------------------------------------------------------------------

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
        same(regressor.make(loss=name).fit(X, y), regressor.make(loss=loss).fit(X, y), X)
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
    assert case.make().fit(case.X, pd.DataFrame(case.y)).task_names_.tolist() == ["0", "1"]


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


# shapes and types of predictions -------------------------------------------------------------------------------------


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
    model = classifier.make(max_iter=200, n_estimators=1).fit(classifier.X, labels)
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


# parameters within parameters ----------------------------------------------------------------------------------------


def test_loss_weights_are_a_grid_axis(case):
    assert case.make().set_params(loss_weights__task1=2).loss_weights == {"task1": 2}
    assert case.make(loss_weights=[5, 6]).set_params(loss_weights__task1=2).loss_weights == {"task1": 2}
    given = {"task0": 4}
    assert case.make(loss_weights=given).set_params(loss_weights__task1=2).loss_weights == {"task0": 4, "task1": 2}
    assert given == {"task0": 4}
    both = case.make().set_params(loss_weights__task0=1, loss_weights__task1=3)
    assert_allclose(both.fit(case.X, case.y).loss_weights_, [0.25, 0.75])
    assert_allclose(case.fit(loss_weights={"task1": 3}).loss_weights_, [0.25, 0.75])
    named = case.make().set_params(loss_weights__a__b=3, loss_weights=None)
    assert named.loss_weights == {"a__b": 3}


def test_strategies_are_grid_axes(case):
    sharing = Hard()
    model = case.make(sharing=sharing, optimizer="sgd", encoder="auto")
    model.set_params(optimizer__momentum=0.5, encoder__max_categories=7)
    assert model.optimizer == SGD(momentum=0.5)
    assert model.encoder == TabularEncoder(max_categories=7)
    optimizer = model.optimizer
    model.set_params(optimizer__nesterov=False)
    assert optimizer == SGD(momentum=0.5)
    assert model.optimizer == SGD(momentum=0.5, nesterov=False)
    assert model.sharing is sharing
    model.set_params(optimizer=SGD(), optimizer__momentum=0.1)
    assert model.optimizer == SGD(momentum=0.1)


def test_unknown_nested_parameters(case):
    with pytest.raises(ValueError, match="SGD has no parameter 'speed'; its parameters: 'momentum', 'nesterov'"):
        case.make(optimizer="sgd").set_params(optimizer__speed=1)
    with pytest.raises(ValueError, match=r"Invalid parameter 'dropout__x'.*sharing"):
        case.make().set_params(dropout__x=1)
    with pytest.raises(ValueError, match="Invalid parameter 'speed'"):
        case.make().set_params(speed=1)


def test_parameters_of_a_loss_are_set_by_name():
    model = MultiTaskNetRegressor(loss=SquaredError(2.0))
    assert MultiTaskNetRegressor().set_params(**model.get_params()).loss == SquaredError(2.0)
    assert model.set_params(loss__far=3.0).loss == SquaredError(3.0)
    assert model.set_params(loss="huber", loss__delta=2.0).loss == Huber(2.0)
    for without in (MultiTaskNetRegressor(loss={"task0": "huber"}), MultiTaskNetClassifier()):
        with pytest.raises(ValueError, match=r"'loss__far' .*balancing, optimizer have parameters of their own"):
            without.set_params(loss__far=3.0)


@pytest.mark.parametrize(
    "params",
    [
        {"loss_weights": geometric(0.5)},
        {"loss_weights": {"task0": 2}},
        {"sharing": Independent(), "optimizer": SGD(momentum=0.2), "encoder": TabularEncoder(max_categories=3)},
    ],
)
def test_set_params_takes_what_get_params_gives(case, params):
    model = case.make(**params)
    other = case.make().set_params(**model.get_params())
    assert other.get_params() == model.get_params()
    same(model.fit(case.X, case.y), other.fit(case.X, case.y), case.X)


def test_geometric_loss_weights(case):
    assert_allclose(case.fit(loss_weights=geometric(0.5)).loss_weights_, [2 / 3, 1 / 3])
    model = case.make(loss_weights=geometric(0.5)).set_params(loss_weights__decay=0.25)
    assert_allclose(model.fit(case.X, case.y).loss_weights_, [0.8, 0.2])


def test_loss_weights_are_relative(case):
    reference = case.fit(loss_weights=[3, 1])
    for weights in ([6, 2], (0.75, 0.25), np.array([3, 1]), {"task0": 3}, {"task0": 6, "task1": 2}, [3e300, 1e300]):
        same(reference, case.fit(loss_weights=weights), case.X)
    same(case.fit(loss_weights=[1, 1]), case.fit(loss_weights=[7, 7]), case.X)
    same(case.fit(), case.fit(loss_weights=[7, 70] if case.cls is MultiTaskNet else [7, 7]), case.X)
    assert np.abs(reference.history_["loss"] - case.fit(loss_weights=[1, 3]).history_["loss"]).max() > 1e-4


def test_a_weight_of_zero_leaves_a_task_untrained(case):
    history = case.fit(loss_weights=[1, 0], max_iter=30, learning_rate_init=0.05, early_stopping=False).history_
    assert (history["loss"][-1, :, 0] < 0.9 * history["loss"][0, :, 0]).all()
    assert_array_equal(history["weight"][-1], [[1, 0], [1, 0]])


# history, epochs, scores ---------------------------------------------------------------------------------------------


def test_history_is_by_epoch_member_and_task(case):
    model = case.fit(early_stopping=True, validation_fraction=0.25, loss_weights=[3, 1], n_estimators=3)
    assert set(model.history_) == {"loss", "validation_loss", "weight"}
    for values in model.history_.values():
        assert values.shape == (model.n_iter_, 3, 2) == (5, 3, 2)
        assert np.isfinite(values).all()
    assert_allclose(model.history_["weight"], np.broadcast_to([0.75, 0.25], (5, 3, 2)))
    assert np.isnan(case.fit(early_stopping=False).history_["validation_loss"]).all()


def test_n_iter_is_the_largest_over_members(case):
    model = case.fit(
        early_stopping=True, validation_fraction=0.5, learning_rate="constant", learning_rate_init=0.05, n_estimators=4,
        max_iter=200, n_iter_no_change=3,
    )  # fmt: skip
    epochs = np.isfinite(model.history_["loss"][:, :, 0]).sum(axis=0)
    assert model.n_iter_ == epochs.max() < 200
    assert len(set(epochs)) > 1


def test_tiny_data_hold_nothing_out(case):
    model = case.make(early_stopping=True).fit(case.X[:5], case.y[:5])
    assert np.isnan(model.history_["validation_loss"]).all()
    for rows, held_out in ((7, False), (8, True)):
        model = case.make(early_stopping="auto").fit(case.X[:rows], case.y[:rows])
        assert np.isfinite(model.history_["validation_loss"]).any() == held_out


def test_equal_rows_are_held_out_together():
    rows = np.repeat(np.random.default_rng(0).normal(size=(10, 3)), 4, axis=0)
    fold = deal(row_hashes(rows, seed=3), 5)
    assert (fold.reshape(10, 4) == fold[::4, None]).all()
    assert_array_equal(np.bincount(fold[::4]), [2] * 5)
    shuffled = np.random.default_rng(1).permutation(40)
    assert_array_equal(deal(row_hashes(rows[shuffled], seed=3), 5), fold[shuffled])
    assert_array_equal(held_out_rows(fold, 7, 5).sum(axis=0), np.where(fold < 2, 2, 1))


def test_scores_are_masked_and_skip_tasks_without_a_label(case):
    model = case.fit()
    X, y, predicted = case.X, case.holes, case.fit().predict(case.X)
    seen = ~np.isnan(y)
    scores = model.score_tasks(X, y)
    for k, task in enumerate(model.tasks_):
        truth, guess = y[seen[:, k], k], predicted[seen[:, k], k]
        expected = (truth == guess).mean() if task.kind.is_classifier else r2_score(truth, guess)
        assert scores[task.name] == pytest.approx(expected)
    assert model.score(X, y) == pytest.approx(np.mean(list(scores.values())))
    y[:, 1] = np.nan
    assert model.score_tasks(X, y) == pytest.approx({"task0": scores["task0"], "task1": np.nan}, nan_ok=True)
    assert model.score(X, y) == scores["task0"]
    with pytest.raises(ValueError, match="No label"):
        model.score(X, np.full_like(y, np.nan))
    with pytest.raises(ValueError, match="y has 1 tasks; the estimator was fitted to 2"):
        model.score(X, y[:, 0])


def test_scores_are_those_of_the_metrics_whatever_cells_are_observed(regressor):
    model, weights = regressor.fit(), np.random.default_rng(2).uniform(size=(N, 2))
    for n_cells in (0, 1, 2, N):
        y = regressor.y.copy()
        y[n_cells:, 1] = np.nan
        by_task = metrics.r2(y, model.predict(regressor.X), sample_weight=weights, average=None)
        assert list(model.score_tasks(regressor.X, y, weights).values()) == pytest.approx(by_task, nan_ok=True)
        assert np.isnan(by_task[1]) == (n_cells < 2)
        assert model.score(regressor.X, y, weights) == pytest.approx(np.nanmean(by_task))
    one_cell = np.where(np.arange(2 * N).reshape(N, 2) == 3, regressor.y, np.nan)
    with pytest.raises(ValueError, match=r"not defined for any task.*Score more rows"):
        model.score(regressor.X, one_cell)
    with pytest.raises(ValueError, match=r"not defined for any task.*Score more rows"):
        metrics.r2(one_cell, model.predict(regressor.X))


def test_scores_are_weighted(case):
    model, weights = case.fit(), np.random.default_rng(2).uniform(size=(N, 2))
    for given in (weights[:, 0], weights):
        by_cell = np.broadcast_to(given.reshape(N, -1), (N, 2))
        for k, (name, score) in enumerate(model.score_tasks(case.X, case.y, given).items()):
            y = np.full_like(case.y, np.nan)
            y[:, k] = case.y[:, k]
            assert model.score_tasks(case.X, y, by_cell[:, k])[name] == pytest.approx(score)
    dropped = np.where(CYCLE < 10, 0, 1)
    assert model.score(case.X, case.y, dropped) == pytest.approx(model.score(case.X[10:], case.y[10:]))


# weights -------------------------------------------------------------------------------------------------------------


def test_sample_weights_are_by_row_or_by_cell(case):
    rows = np.random.default_rng(2).uniform(size=N)
    reference = case.make().fit(case.X, case.holes, rows)
    cells = np.column_stack([rows, rows])
    for weights in (rows.tolist(), pd.Series(rows), cells, pd.DataFrame(cells), np.asfortranarray(cells)):
        same(reference, case.make().fit(case.X, case.holes, sample_weight=weights), case.X)
    cells[:, 1] = 1 - rows
    other = case.make().fit(case.X, case.holes, sample_weight=cells)
    assert np.abs(other.history_["loss"] - reference.history_["loss"]).max() > 1e-3


def test_the_encoder_sees_the_largest_weight_of_a_row(regressor):
    weights = np.random.default_rng(2).uniform(size=(N, 2))
    y = regressor.holes
    model = regressor.make().fit(regressor.X, y, sample_weight=weights)
    largest = np.where(np.isnan(y), 0, weights).max(axis=1)
    encoder = TabularEncoder().fit(regressor.X[largest > 0], largest[largest > 0])
    assert_array_equal(model.encoder_.center_, encoder.center_)


# Sparse rows below: what is learned of their columns does not depend on the weights.


def test_class_weights_multiply_the_weights_of_cells(classifier):
    X, y = sp.csr_array(classifier.X), classifier.holes
    factors = np.where(y == 1, 5.0, 1.0)
    reference = classifier.make().fit(X, y, sample_weight=factors)
    ones = classifier.make(class_weight={"task0": {1: 5}, "task1": {0: 1, 1: 5}}).fit(X, y)
    assert_allclose(ones.history_["loss"], reference.history_["loss"], rtol=1e-12)
    flat = classifier.make(class_weight={1: 5}).fit(X, y[:, 0])
    assert_allclose(
        flat.history_["loss"], classifier.make().fit(X, y[:, 0], factors[:, 0]).history_["loss"], rtol=1e-12
    )
    weighted = np.random.default_rng(2).uniform(size=N)
    together = classifier.make(class_weight={"task0": {1: 5}}).fit(X, y, weighted)
    by_hand = classifier.make().fit(X, y, weighted[:, None] * np.column_stack([factors[:, 0], np.ones(N)]))
    assert_allclose(together.history_["loss"], by_hand.history_["loss"], rtol=1e-12)


def test_balanced_classes_weigh_the_same(classifier):
    X, y = sp.csr_array(classifier.X), classifier.holes
    factors = np.ones_like(y)
    for k in (0, 1):
        for label in np.unique(y[~np.isnan(y[:, k]), k]):
            factors[y[:, k] == label, k] = 1 / (y[:, k] == label).sum()
    by_hand = classifier.make().fit(X, y, factors).history_["loss"]
    assert_allclose(classifier.make(class_weight="balanced").fit(X, y).history_["loss"], by_hand, rtol=1e-9)
    one = classifier.make(class_weight={"task1": "balanced"}).fit(X, y).history_["loss"]
    assert_allclose(one[0, :, 1], by_hand[0, :, 1], rtol=1e-9)
    assert np.abs(one[0, :, 0] - by_hand[0, :, 0]).max() > 1e-6
    flat = classifier.make(class_weight="balanced").fit(X, y[:, 0]).history_["loss"]
    assert_allclose(flat, classifier.make().fit(X, y[:, 0], factors[:, 0]).history_["loss"], rtol=1e-9)


def test_class_weights_count_in_the_validation_loss(classifier):
    X, y = sp.csr_array(classifier.X), classifier.y
    factors = np.column_stack([np.where(y[:, 0] == 1, 5.0, 1.0), np.ones(N)])
    weighted = classifier.make(class_weight={"task0": {1: 5}}).fit(X, y, X_val=X[:20], y_val=y[:20])
    by_hand = classifier.make().fit(X, y, factors, X_val=X[:20], y_val=y[:20], sample_weight_val=factors[:20])
    assert_allclose(weighted.history_["validation_loss"], by_hand.history_["validation_loss"], rtol=1e-9)


# missing labels ------------------------------------------------------------------------------------------------------


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
        same(reference, case.make().fit(case.X, labels), case.X)
    for labels in (marked, marked.tolist(), np.where(CYCLE[:, None] % 2, marked, holes)):
        model = case.make(missing_label=-9).fit(case.X, labels)
        same(reference, model, case.X)
        assert model.score(case.X, labels) == reference.score(case.X, holes)


@pytest.mark.parametrize("mark", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_value_is_no_further_mark(case, mark):
    for labels in (case.holes, case.holes.astype(object)):
        same(case.make(missing_label=mark).fit(case.X, labels), case.make().fit(case.X, labels), case.X)


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


# own validation rows -------------------------------------------------------------------------------------------------


def test_validation_rows_choose_the_epoch(regressor):
    X, y = regressor.X[:20], regressor.y[:20]
    settings = {"n_estimators": 1, "learning_rate": "constant", "learning_rate_init": 0.05, "n_iter_no_change": 200}
    model = regressor.make(**settings, max_iter=200).fit(X, y, X_val=regressor.X[20:], y_val=regressor.y[20:])
    best = int(model.history_["validation_loss"].mean(axis=(1, 2)).argmin())
    assert best < 199
    same(model, regressor.make(**settings, max_iter=best + 1, early_stopping=False).fit(X, y), regressor.X)
    errors = ((model.predict(regressor.X[20:]) - regressor.y[20:]) ** 2).mean(axis=0) / y.var(axis=0)
    assert_allclose(model.history_["validation_loss"][best, 0], errors)


def test_validation_rows_replace_held_out_ones(case):
    model = case.make(early_stopping=True).fit(case.X, case.y, X_val=case.X[:7], y_val=case.holes[:7])
    assert_array_equal(model.history_["loss"], case.fit(early_stopping=False).history_["loss"])
    assert np.isfinite(model.history_["validation_loss"]).all()
    weights = np.where(CYCLE[:7] < 3, 0, 1)
    fewer = case.make().fit(case.X, case.y, X_val=case.X[3:7], y_val=case.holes[3:7])
    weighted = case.make().fit(case.X, case.y, X_val=case.X[:7], y_val=case.holes[:7], sample_weight_val=weights)
    assert_allclose(weighted.history_["validation_loss"], fewer.history_["validation_loss"], rtol=1e-12)


# partial_fit and warm_start ------------------------------------------------------------------------------------------


def test_partial_fit_is_one_pass_more(case):
    model = case.make(learning_rate_init=0.02)
    losses = [model.partial_fit(case.X, case.holes).history_["loss"] for _ in range(30)]
    assert {loss.shape for loss in losses} == {(1, 2, 2)}
    assert np.mean(losses[-1]) < 0.8 * np.mean(losses[0])
    whole = case.make(
        learning_rate_init=0.02, max_iter=30, learning_rate="constant", n_iter_no_change=30, early_stopping=False
    )
    assert_allclose(np.concatenate(losses), whole.fit(case.X, case.holes).history_["loss"], rtol=1e-9)


def test_partial_fit_goes_on_from_fit(case):
    model = case.make(max_iter=50, learning_rate_init=0.02).fit(case.X, case.y)
    encoder, start = model.encoder_, model.history_["loss"][0]
    model.partial_fit(2 * case.X, case.y)
    assert model.encoder_ is encoder
    assert (model.partial_fit(case.X, case.y).history_["loss"][0] < start).all()


def test_partial_fit_takes_batches_of_any_size(case):
    model = case.make()
    for n in (1, 3, 200, 7):
        rows = np.arange(n) % N
        y = case.holes[rows] if n > 1 else case.y[rows]
        classes = {MultiTaskNetClassifier: [[0, 1], [0, 1, 2]], MultiTaskNet: [[0, 1], None]}.get(case.cls)
        assert np.isfinite(np.column_stack(model.partial_fit(case.X[rows], y, classes).predict(case.X))).all()


def test_partial_fit_learns_the_classes_first(classifier):
    X = classifier.X
    words = np.array(["c", "a", "b"])
    model = classifier.make().partial_fit(X[:20], words[CYCLE[:20] % 2], classes=["c", "b", "a"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.partial_fit(X, words[CYCLE % 3]).predict_proba(X).shape == (N, 3)
    two = classifier.make().partial_fit(X, classifier.y[:, [0]].repeat(2, 1), classes=[[0, 1], [2, 1, 0]])
    assert [c.tolist() for c in two.classes_] == [[0, 1], [0, 1, 2]]
    assert classifier.make().partial_fit(X, classifier.y).classes_[1].tolist() == [0, 1, 2]


def test_partial_fit_with_classes_in_a_mixed_net(mixed):
    labels = np.column_stack([CYCLE % 3, mixed.y[:, 1]])
    labels[:20, 0] = np.nan
    model = mixed.make().partial_fit(mixed.X[:20], labels[:20], classes=[[0, 1, 2], None])
    assert model.classes_[0].tolist() == [0, 1, 2]
    assert model.partial_fit(mixed.X, labels).predict(mixed.X).shape == (N, 2)


BAD_CLASSES = {
    "for one task": ([[0, 1]], "one entry for each of the 2 tasks; got 1"),
    "flat": ([0, 1], "classes of task 'task0' must be a list of labels"),
    "empty": ([[], [0, 1]], "classes of task 'task0' must be a list of labels"),
    "too few": ([[0, 1], [0, 1]], "'task1': label .*2.* is not among the classes"),
}


@pytest.mark.parametrize("name", BAD_CLASSES)
def test_bad_classes(classifier, name):
    classes, match = BAD_CLASSES[name]
    with pytest.raises(ValueError, match=match):
        classifier.make().partial_fit(classifier.X, classifier.y, classes=classes)


def test_classes_are_for_classes_and_do_not_change(classifier, regressor, mixed):
    with pytest.raises(ValueError, match="'task0', which is a regression task; pass None"):
        regressor.make().partial_fit(regressor.X, regressor.y, classes=[[0, 1], None])
    with pytest.raises(ValueError, match="'task1', which is a regression task; pass None"):
        mixed.make(tasks={"task1": "regression"}).partial_fit(mixed.X, mixed.y, classes=[None, [0, 1]])
    model = classifier.make().partial_fit(classifier.X, classifier.y, classes=[[0, 1], [0, 1, 2]])
    model.partial_fit(classifier.X, classifier.y, classes=[[1, 0], [2, 1, 0]])
    with pytest.raises(ValueError, match=r"classes of task 'task0' are \[0, 1, 2\], but were \[0, 1\]"):
        model.partial_fit(classifier.X, classifier.y, classes=[[0, 1, 2], [0, 1, 2]])


SPOILED = {
    "infinite X": lambda X, y: {"X": X + np.inf, "y": y},
    "infinite X of another width": lambda X, y: {"X": X[:, :2] + np.inf, "y": y},
    "infinite labels": lambda X, y: {"X": X, "y": y + np.inf},
    "no labels": lambda X, y: {"X": X, "y": np.full_like(y, np.nan)},
    "negative weights": lambda X, y: {"X": X, "y": y, "sample_weight": -np.ones(N)},
    "mixed labels": lambda X, y: {"X": X, "y": np.where(CYCLE[:, None] % 2, "word", y.astype(object))},
}
UNLIKE_BEFORE = {
    "fewer features": lambda X, y: {"X": X[:, :2], "y": y},
    "fewer tasks": lambda X, y: {"X": X, "y": y[:, 0]},
    "unknown labels": lambda X, y: {"X": X, "y": np.full(y.shape, "new")},
    "other classes": lambda X, y: {"X": X, "y": y, "classes": [[0, 1, 7], [0, 1, 7]]},
}


@pytest.mark.parametrize("name", [*SPOILED, *UNLIKE_BEFORE])
def test_a_failed_partial_fit_leaves_the_estimator_as_it_was(case, name):
    arguments = {**SPOILED, **UNLIKE_BEFORE}[name](case.X, case.y)
    model, twin = (case.make().partial_fit(case.X, case.y) for _ in range(2))
    with pytest.raises((ValueError, TypeError)):
        model.partial_fit(**arguments)
    same(model, twin, case.X)
    same(model.partial_fit(case.X, case.y), twin.partial_fit(case.X, case.y), case.X)


@pytest.mark.parametrize("name", SPOILED)
def test_a_failed_fit_takes_nothing_away(case, name):
    model, twin = case.fit(), case.fit()
    with pytest.raises((ValueError, TypeError)):
        model.fit(**SPOILED[name](case.X, case.y))
    same(model, twin, case.X)
    for use in ("fit", "partial_fit"):
        fresh = case.make()
        with pytest.raises((ValueError, TypeError)):
            getattr(fresh, use)(**SPOILED[name](case.X, case.y))
        assert set(vars(fresh)) == set(vars(case.make()))


def test_a_diverging_partial_fit_leaves_the_estimator_as_it_was(regressor):
    model = regressor.make(dtype="float32").partial_fit(regressor.X, regressor.y)
    before = model.predict(regressor.X)
    with pytest.raises(DivergenceError, match="task 'task0'"):
        model.partial_fit(regressor.X, 1e30 * regressor.y)
    assert_array_equal(model.predict(regressor.X), before)
    assert np.isfinite(model.partial_fit(regressor.X, regressor.y).predict(regressor.X)).all()
    warm = regressor.make(dtype="float32", warm_start=True, loss=SquaredError(far=np.inf))
    warm.fit(regressor.X, regressor.y)
    before = warm.predict(regressor.X)
    with pytest.raises(DivergenceError):
        warm.fit(regressor.X, 1e30 * regressor.y)
    assert_array_equal(warm.predict(regressor.X), before)


def test_warm_start_goes_on(case):
    model = case.make(warm_start=True, max_iter=20, learning_rate_init=0.02).fit(case.X, case.y)
    first, encoder = model.history_["loss"], model.encoder_
    model.fit(case.X, case.y)
    assert model.encoder_ is encoder
    assert (model.history_["loss"][0] < 0.95 * first[0]).all()
    cold = case.make(max_iter=20, learning_rate_init=0.02).fit(case.X, case.y)
    assert_array_equal(cold.fit(case.X, case.y).history_["loss"], first)


def test_warm_start_keeps_type_and_members(case):
    model = case.make(warm_start=True).fit(case.X, case.y)
    assert model.network_.architecture.dtype == "float64"
    many = np.arange(200) % N
    jittered = case.X[many] + np.random.default_rng(0).normal(size=(200, 3)) / 100
    assert model.fit(jittered, case.y[many]).network_.architecture.dtype == "float64"
    with pytest.raises(ValueError, match="n_estimators=3, but the network has 2 members"):
        model.set_params(n_estimators=3).fit(case.X, case.y)
    with pytest.raises(ValueError, match="n_estimators=3, but the network has 2 members"):
        model.partial_fit(case.X, case.y)


# X -------------------------------------------------------------------------------------------------------------------


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


# randomness ----------------------------------------------------------------------------------------------------------


def losses(case, random_state):
    return case.fit(random_state=random_state, dropout=0.2).history_["loss"]


def test_random_state_is_an_int_a_generator_or_none(case):
    fixed = losses(case, 7)
    for again in (7, np.int64(7), np.uint8(7)):
        assert_array_equal(losses(case, again), fixed)
    stream, other = np.random.RandomState(7), np.random.RandomState(7)
    first, second = losses(case, stream), losses(case, stream)
    assert_array_equal(losses(case, other), first)
    assert np.abs(first - second).max() > 0
    assert np.abs(losses(case, None) - losses(case, None)).max() > 0
    assert np.abs(losses(case, 8) - fixed).max() > 0


def test_a_member_draws_from_its_own_child_of_the_seed(case):
    few, many = (case.fit(n_estimators=members, early_stopping=False).history_["loss"] for members in (2, 4))
    assert_allclose(few, many[:, :2], rtol=1e-10)


# interruption, progress, callbacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_an_interrupt_leaves_a_usable_estimator(case, monkeypatch, epochs, early_stopping):
    train_epoch, done = Run.epoch, []

    def interrupted(self, *args, **kwargs):
        if len(done) == epochs:
            raise KeyboardInterrupt
        done.append(None)
        return train_epoch(self, *args, **kwargs)

    monkeypatch.setattr(Run, "epoch", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = case.fit(early_stopping=early_stopping)
    assert model.n_iter_ == epochs
    assert model.history_["loss"].shape == (epochs, 2, 2)
    assert np.isfinite(model.predict(case.X).astype(float)).all()
    assert np.isfinite(model.score(case.X, case.y))


def test_an_interrupt_while_inputs_are_weighed_ends_the_fit_before_its_first_epoch(monkeypatch):
    X = np.random.default_rng(0).normal(size=(80, 3))
    train_epoch, done = Run.epoch, []

    def interrupted(self, *args, **kwargs):
        done.append(None)
        if len(done) == 3:
            raise KeyboardInterrupt
        return train_epoch(self, *args, **kwargs)

    monkeypatch.setattr(Run, "epoch", interrupted)
    net = MultiTaskNetRegressor(hidden_layer_sizes=(4,), n_estimators=2, max_iter=20, input_scaling=True)
    with pytest.warns(UserWarning, match="interrupted by user in epoch 0"):
        net.fit(X, X)
    assert (net.n_iter_, len(done)) == (0, 3)
    assert np.isfinite(net.predict(X)).all()


def test_verbose_prints_a_line_an_epoch_with_the_losses_of_tasks(case, capsys):
    case.fit()
    assert capsys.readouterr().out == ""
    model = case.fit(verbose=1, early_stopping=True, max_iter=3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for epoch, line in enumerate(lines):
        numbers = [float(number) for number in re.findall(r"\d+\.\d+", line)]
        assert_allclose(numbers[:2], model.history_["loss"][epoch].mean(axis=0), atol=1e-4)
        assert_allclose(numbers[2], model.history_["validation_loss"][epoch].mean(), atol=1e-4)
        assert re.match(rf"epoch {epoch + 1}: task0 .*, task1 .*, held out .*", line)


@pytest.fixture
def callback():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")


class Recorder:
    """A callback that keeps the estimator of each epoch, and may stop or interrupt the fit."""

    def __init__(self, stop_after=None, interrupt_after=None):
        self.stop_after, self.interrupt_after, self.models = stop_after, interrupt_after, []

    torn_down = False

    def setup(self, estimator, context):
        self.max_iter = context.max_subtasks

    def teardown(self, estimator, context):
        self.torn_down = True

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.models.append(fitted_estimator)
        if len(self.models) == self.interrupt_after:
            raise KeyboardInterrupt
        return len(self.models) == self.stop_after


@pytest.mark.usefixtures("callback")
def test_callbacks_see_every_epoch(case):
    recorder = Recorder()
    model = case.make(early_stopping=False).set_callbacks(recorder).fit(case.X, case.y)
    assert recorder.max_iter == len(recorder.models) == 5
    assert recorder.torn_down
    same(recorder.models[-1], model, case.X)
    assert [len(epoch.history_["loss"]) for epoch in recorder.models] == [1, 2, 3, 4, 5]
    assert recorder.models[0].predict(case.X).shape == (N, 2)
    assert recorder.models[0].score(case.X, case.y) <= 1


@pytest.mark.usefixtures("callback")
def test_callbacks_do_not_see_what_an_earlier_fit_held_out(case):
    recorder, model = Recorder(), case.make(early_stopping=True).fit(case.X, case.y)
    model.set_callbacks(recorder).fit(case.X[:30], case.y[:30])
    with pytest.raises(AttributeError, match="no oof_score_"):
        _ = recorder.models[0].oof_score_
    assert model.oof_score_


@pytest.mark.usefixtures("callback")
def test_a_callback_stops_or_interrupts(case):
    stopper = Recorder(stop_after=2)
    assert case.make(early_stopping=False).set_callbacks(stopper).fit(case.X, case.y).n_iter_ == 2
    interrupter = Recorder(interrupt_after=3)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = case.make(early_stopping=False).set_callbacks(interrupter).fit(case.X, case.y)
    assert model.n_iter_ == 3
    assert interrupter.torn_down
    same(model, interrupter.models[-1], case.X)


@pytest.mark.usefixtures("callback")
def test_a_failed_fit_tears_callbacks_down(regressor):
    recorder = Recorder()
    model = regressor.make(learning_rate_init=1e30, dtype="float32", max_iter=50).set_callbacks(recorder)
    with pytest.raises(DivergenceError):
        model.fit(regressor.X, regressor.y)
    assert recorder.torn_down
    assert not hasattr(model, "n_features_in_")
    assert not hasattr(model, "_callback_fit_ctx")


def test_scoring_monitor(case, callback):
    error = make_scorer(lambda y, predicted: float(np.abs(y - predicted).mean()))
    monitor = callback.ScoringMonitor(scoring={"error": error, "own": lambda model, X, y: model.score(X, y)})
    model = case.make(early_stopping=False).set_callbacks(monitor).fit(case.X, case.y)
    log = monitor.get_logs().data
    assert [entry["task_id"] for entry in log] == list(range(model.n_iter_))
    assert log[-1]["own"] == model.score(case.X, case.y)
    assert log[-1]["error"] == pytest.approx(np.abs(case.y - model.predict(case.X)).mean())


def test_progress_bar(case, callback, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr("sys.stdout", screen)
    model = case.make().set_callbacks(callback.ProgressBar()).fit(case.X, case.y)
    assert model.n_iter_ == 5
    assert type(model).__name__ in screen.getvalue()
