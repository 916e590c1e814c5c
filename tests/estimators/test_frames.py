"""Predictions as frames, and the nets' methods on whatever ends in a net."""

import copy
import pickle
import sys
from importlib.machinery import PathFinder

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import skmtl
from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.inspection import LearningCurveDisplay
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV, TaskGroupingCV, cross_validate

SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 3, "random_state": 0}
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(40, 2)) * [1, 100], columns=["a", "b"], index=[f"row{k}" for k in range(40)])
LEVELS = pd.CategoricalDtype(["low", "mid", "high", "never"], ordered=True)
Y = pd.DataFrame(
    {
        "sold": X["a"] > 0,
        "level": pd.Series(np.array(["high", "low", "mid"])[np.digitize(X["b"], [-50, 50])], X.index).astype(LEVELS),
        "price": X["a"] + X["b"],
    }
)
HOLES = Y.mask(RNG.random(Y.shape) < 0.2)


def net(**params):
    return MultiTaskNet(**SMALL, **params)


def pipeline():
    return Pipeline([("scale", StandardScaler()), ("none", "passthrough"), ("net", net())])


def wrapped():
    """Fitted estimators around a net, and the net with the rows that reach it."""
    grid = {"net__dropout": [0.0]}
    settings = {"cv": MultiTaskKFold(2), "error_score": "raise"}
    makers = {
        "pipeline": pipeline(),
        "nested": make_pipeline(StandardScaler(), pipeline()),
        "grid": GridSearchCV(pipeline(), grid, **settings),
        "search": MultiTaskSearchCV(pipeline(), grid, **settings),
        "search in a pipeline": make_pipeline(StandardScaler(), MultiTaskSearchCV(pipeline(), grid, **settings)),
        "grouping": TaskGroupingCV(pipeline(), cv=2, subsets="pairs", random_state=0),
    }
    fitted = {name: model.fit(X, HOLES) for name, model in makers.items()}
    fitted |= {"frozen": FrozenEstimator(fitted["pipeline"]), "net": net().fit(X, HOLES)}
    scaler = StandardScaler().fit(X)
    inner = FrozenEstimator(net().fit(scaler.transform(X), HOLES))
    return fitted | {"frozen last": make_pipeline(scaler, inner).fit(X)}


WRAPPED = wrapped()


# frames ---------------------------------------------------------------------------------------------------------------


def test_a_frame_follows_the_rows():
    model = WRAPPED["net"]
    frame = model.predict_frame(X)
    assert_array_equal(frame.index, X.index)
    assert frame.columns.tolist() == ["sold", "level", "price"]
    assert_array_equal(frame.astype(object), model.predict(X))
    in_polars = model.predict_frame(pl.from_pandas(X))
    assert isinstance(in_polars, pl.DataFrame)
    assert in_polars.rows() == [tuple(row) for row in frame.astype(object).to_numpy()]
    asked = model.predict_frame(X, library="polars")
    assert asked.equals(in_polars)
    back = model.predict_frame(pl.from_pandas(X), library="pandas")
    pd.testing.assert_frame_equal(back, frame.reset_index(drop=True))
    with pytest.warns(UserWarning, match="valid feature names"):
        assert isinstance(model.predict_frame(X.to_numpy()), pd.DataFrame)
    with pytest.raises(ValueError, match="library must be 'pandas', 'polars' or None; got 'arrow'"):
        model.predict_frame(X, library="arrow")


def test_a_frame_keeps_the_categories_of_the_labels():
    model = WRAPPED["net"]
    assert model.predict_frame(X)["level"].dtype == LEVELS
    assert model.predict_frame(X, library="polars")["level"].dtype == pl.Enum(LEVELS.categories)
    for dtype in (pl.Enum(["mid", "low", "high"]), pl.Categorical()):
        labels = pl.DataFrame({"level": Y["level"].astype(str).tolist(), "price": Y["price"].to_numpy()})
        labels = labels.with_columns(pl.col("level").cast(dtype))
        fitted = net().fit(pl.from_pandas(X), labels)
        assert fitted.predict_frame(pl.from_pandas(X)).schema == labels.schema
        known = copy.deepcopy(fitted).predict_frame(X[:1])["level"].cat.categories
        assert set(known) == {"low", "mid", "high"}  # also those that no row has
    numbers = MultiTaskNetRegressor(**SMALL).fit(X, pd.Series([1, 2] * 20).astype("category"))
    assert numbers.predict_frame(X)["task0"].dtype == np.float64


def test_classes_outside_of_the_categories_stay():
    model = MultiTaskNetClassifier(**SMALL)
    model.partial_fit(X, Y[["level"]], classes=[["low", "mid", "high", "other"]])
    model.tasks_[0].kind.decode = lambda task, response: np.full(len(response), "other")
    assert set(model.predict_frame(X)["level"]) == {"other"}


@pytest.mark.parametrize("names", [(None, "b"), ("a", 1), (("a", 1), ("a", 2)), (("a", 1), "b"), (3, 1)])
def test_frames_have_the_names_of_the_tasks(names):
    nested = all(isinstance(name, tuple) for name in names)
    y = Y[["sold", "price"]].set_axis(pd.Index(names, dtype=object, tupleize_cols=nested), axis=1)
    frame = net().fit(X, y).predict_frame(X)
    assert frame.columns.tolist() == list(names)
    assert frame.columns.nlevels == y.columns.nlevels
    assert net().fit(X, y).predict_frame(X, library="polars").columns == list(map(str, names))


def test_pandas_keeps_the_name_none_as_nan():
    y = pd.DataFrame({0: Y["sold"], None: Y["price"]})
    assert np.isnan(y.columns[1])
    model = net().fit(X, y)
    assert model.predict_frame(X).columns.tolist() == [0, None]
    assert list(pickle.loads(pickle.dumps(model)).score_tasks(X, y)) == [0, None]
    assert_array_equal(model.task_view(None).predict(X), model.predict_frame(X)[None])


def test_names_that_are_one_string_in_polars():
    model = net().fit(X, Y[["sold", "price"]].set_axis(pd.Index([1, "1"]), axis=1))
    assert model.predict_frame(X).columns.tolist() == [1, "1"]
    with pytest.raises(ValueError, match=r"two of \[1, '1'\] are '1'. Rename one"):
        model.predict_frame(X, library="polars")


def test_frames_of_probabilities_name_task_and_class():
    model = WRAPPED["net"]
    frame = model.predict_proba_frame(X)
    assert frame.columns.tolist() == ["sold_False", "sold_True", "level_high", "level_low", "level_mid"]
    assert_array_equal(frame, np.hstack(model.predict_proba(X)[:2]))
    assert_array_equal(frame.index, X.index)
    assert model.predict_proba_frame(pl.from_pandas(X)).columns == frame.columns.tolist()
    one = MultiTaskNetClassifier(**SMALL).fit(X, Y["sold"])
    assert one.predict_proba_frame(X).columns.tolist() == ["sold_False", "sold_True"]
    numbers = MultiTaskNetRegressor(**SMALL).fit(X, Y["price"])
    assert not hasattr(numbers, "predict_proba_frame")
    with pytest.raises(ValueError, match="No task has classes"):
        skmtl.predict_proba_frame(numbers, X)
    twice = pd.DataFrame({"a_b": ["c"] * 20 + ["d"] * 20, "a": ["b_c"] * 20 + ["e"] * 20})
    with pytest.raises(ValueError, match="'b_c' of task 'a' would give a second column 'a_b_c'"):
        MultiTaskNetClassifier(**SMALL).fit(X, twice).predict_proba_frame(X)


class WithoutPandas:
    """Finds modules as if pandas were not installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] == "pandas" else PathFinder.find_spec(name, path, target)


def test_polars_needs_no_pandas(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.setattr(sys, "meta_path", [WithoutPandas if f is PathFinder else f for f in sys.meta_path])
    rows = pl.DataFrame({"a": np.linspace(-1, 1, 40), "b": ["u", "v"] * 20})
    y = pl.DataFrame({"sold": ["no"] * 20 + [None] + ["yes"] * 19, "price": np.linspace(0, 1, 40)})
    y = y.with_columns(pl.col("sold").cast(pl.Categorical))
    model = net().fit(rows, y)
    assert model.predict_frame(rows).schema == y.schema
    assert model.predict_proba_frame(rows).columns == ["sold_no", "sold_yes"]
    assert model.score_tasks(rows, y).keys() == {"sold", "price"}
    cross_validate(net(), rows, y, cv=2, scoring=["r2", "f1_macro"], error_score="raise")
    array = rows[["a"]].to_numpy()
    assert isinstance(MultiTaskNetRegressor(**SMALL).fit(array, y["price"]).predict_frame(array), pl.DataFrame)
    with pytest.raises(ImportError, match="pandas"):
        model.predict_frame(rows, library="pandas")


# whatever ends in a net -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRAPPED)
def test_the_methods_of_a_net_work_on_whatever_ends_in_one(name):
    model = WRAPPED[name]
    frame = skmtl.predict_frame(model, X)
    assert_array_equal(frame.astype(object), model.predict(X))
    assert_array_equal(frame.index, X.index)
    assert frame["level"].dtype == LEVELS
    assert isinstance(skmtl.predict_frame(model, X, library="polars"), pl.DataFrame)
    proba = skmtl.predict_proba_frame(model, X)
    assert_array_equal(proba, np.hstack(model.predict_proba(X)[:2]))
    scores = skmtl.score_tasks(model, X, HOLES)
    assert np.mean(list(scores.values())) == pytest.approx(model.score(X, HOLES))
    weights = np.arange(40.0)
    assert skmtl.score_tasks(model, X, HOLES, weights) != scores
    view = skmtl.task_view(model, "sold")
    assert_array_equal(view.predict(X), frame["sold"])
    assert_array_equal(view.predict_proba(X), proba[["sold_False", "sold_True"]])
    assert view.score(X, HOLES["sold"]) == scores["sold"]
    assert view.n_features_in_ == 2
    assert clone(view) is view
    calibrated = CalibratedClassifierCV(view).fit(*view.observed(X, HOLES))
    assert calibrated.predict_proba(X).shape == (40, 2)
    LearningCurveDisplay.from_estimator(model)


def test_a_view_of_a_pipeline_stays_what_it_is():
    model = pipeline().fit(X, HOLES)
    view = skmtl.task_view(model, "price")
    before = view.predict(X)
    model["scale"].partial_fit(X * 10)
    model.fit(X * 3, HOLES.assign(price=-HOLES["price"]))
    assert_array_equal(view.predict(X), before)


def test_a_search_hands_on_the_methods_of_the_net():
    search = WRAPPED["search"]
    pd.testing.assert_frame_equal(search.predict_frame(X), skmtl.predict_frame(search, X))
    assert search.predict_proba_frame(X, library="polars").width == 5
    assert search.score_tasks(X, HOLES) == skmtl.score_tasks(search, X, HOLES)
    assert_array_equal(search.task_view(-1).predict(X), search.predict_frame(X)["price"])
    unfitted = MultiTaskSearchCV(pipeline(), {}, refit=False)
    assert not hasattr(unfitted, "predict_frame")
    assert not hasattr(MultiTaskSearchCV(MultiTaskNetRegressor(), {}), "predict_proba_frame")


@pytest.mark.parametrize("model", [net(), pipeline(), MultiTaskSearchCV(net(), {}), TaskGroupingCV(net())])
def test_whatever_is_not_fitted(model):
    for function in (skmtl.predict_frame, skmtl.task_view):
        with pytest.raises(NotFittedError):
            function(model, X)


def test_intervals_of_whatever_ends_in_a_net():
    numbers, grid = MultiTaskNetRegressor(**SMALL | {"n_estimators": 2}, cv=2), {"net__dropout": [0.0]}
    search = MultiTaskSearchCV(Pipeline([("scale", StandardScaler()), ("net", numbers)]), grid, cv=2)
    search.fit(X, Y["price"])
    inner, rows = search.best_estimator_[-1], search.best_estimator_[:-1].transform(X)
    expected = inner.predict_interval(rows, 0.7)
    for intervals in (
        search.predict_interval(X, 0.7),
        skmtl.predict_interval(search, X, 0.7),
        search.task_view(0).predict_interval(X, 0.7),
    ):
        assert_array_equal(intervals, expected)
    classes = MultiTaskSearchCV(MultiTaskNetClassifier(**SMALL), {"dropout": [0.0]}, cv=2)
    assert not hasattr(classes, "predict_interval")
    classes.set_params(estimator__n_estimators=2, estimator__cv=2).fit(X, Y["sold"])
    assert_array_equal(classes.predict_set(X, 0.7), classes.best_estimator_.predict_set(X, 0.7))
    with pytest.raises(ValueError, match="No task has classes"):
        skmtl.predict_set(search, X)
    with pytest.raises(ValueError, match="No task has numbers"):
        skmtl.predict_interval(MultiTaskNetClassifier(**SMALL).fit(X, Y["sold"]), X)


CURE = r"transform_input=\['X_val'\]"


def test_validation_rows_of_a_pipeline_that_its_steps_did_not_transform():
    given = {"net__X_val": X, "net__y_val": HOLES}
    with pytest.warns(UserWarning, match=rf"X_val: X has feature names, but.*{CURE}"):
        pipeline().fit(X, HOLES, **given)
    reduced = Pipeline([("pca", PCA(1)), ("net", net())])
    with pytest.raises(ValueError, match=rf"X_val: X has 2 features, but.*{CURE}"):
        reduced.fit(X.to_numpy(), HOLES, net__X_val=X.to_numpy(), net__y_val=HOLES)
    far = X.add([10, 1000])
    for rows, output in ((far.to_numpy(), "default"), (far, "pandas"), (pl.from_pandas(far), "polars")):
        with pytest.warns(UserWarning, match=rf"median of X_val lies outside the range of X in 2 of 2 columns.*{CURE}"):
            pipeline().set_output(transform=output).fit(rows, HOLES, net__X_val=rows, net__y_val=HOLES)


def test_validation_rows_go_through_the_steps_of_a_pipeline():
    far = X.add([10, 1000])
    with sklearn.config_context(enable_metadata_routing=True):
        steps = [("scale", StandardScaler()), ("net", net().set_fit_request(X_val=True, y_val=True))]
        model = Pipeline(steps, transform_input=["X_val"]).fit(far, Y, X_val=far[:20], y_val=Y[:20])
    rows = model[:-1].transform(far)
    by_hand = net().fit(rows, Y, X_val=rows[:20], y_val=Y[:20])
    assert_array_equal(skmtl.predict_frame(model, far)["price"], by_hand.predict_frame(rows)["price"])


def test_whatever_ends_in_no_net():
    message = "An estimator of skmtl is needed, .*; got Pipeline, which ends in LogisticRegression"
    with pytest.raises(TypeError, match=message):
        skmtl.predict_frame(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y["sold"]), X)
    search = GridSearchCV(net(), {"dropout": [0.0]}, refit=False, cv=MultiTaskKFold(2)).fit(X, HOLES)
    with pytest.raises(TypeError, match="which ends in GridSearchCV"):
        skmtl.score_tasks(search, X, HOLES)
