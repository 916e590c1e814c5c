"""scikit-learn's tools around the estimators: searches, pipelines, routing, frames, documentation."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from numpydoc.validate import validate
from scipy.stats import loguniform
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.model_selection import MultiTaskKFold

N = 40
FOLDS = MultiTaskKFold(n_splits=2)
ROWS = np.random.default_rng(3).uniform(0.1, 1, size=N)
CELLS = np.random.default_rng(4).uniform(0.1, 1, size=(N, 2))


def search(estimator, axes, **settings):
    return GridSearchCV(estimator, axes, cv=FOLDS, error_score="raise", **settings)


# searches ------------------------------------------------------------------------------------------------------------


def test_grid_search_over_loss_weights_in_a_pipeline(case):
    pipeline = Pipeline([("scale", StandardScaler()), ("net", case.make())])
    axes = {"net__loss_weights": [None, [1, 3], {"task0": 4}]}
    found = search(pipeline, axes).fit(case.X, case.holes)
    scores = found.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    train, test = next(FOLDS.split(case.X, case.holes))
    by_hand = sklearn.base.clone(pipeline).set_params(net__loss_weights=[1, 3]).fit(case.X[train], case.holes[train])
    assert found.cv_results_["split0_test_score"][1] == by_hand.score(case.X[test], case.holes[test])
    assert found.predict(case.X).shape == (N, 2)


def test_weights_of_single_tasks_are_axes(case):
    names = pd.DataFrame(case.holes, columns=["u", "v"])
    found = search(make_pipeline(case.make()), {f"{case.cls.__name__.lower()}__loss_weights__v": [0.5, 2, 4]}).fit(
        case.X, names
    )
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    best = found.best_params_.popitem()[1]
    assert_allclose(found.best_estimator_[-1].loss_weights_, np.array([1, best]) / (1 + best))
    both = search(case.make(), {"loss_weights__u": [1, 2], "loss_weights__v": [1], "optimizer__beta_1": [0.8]})
    assert len(both.fit(case.X, names).cv_results_["params"]) == 2


def test_randomized_search(case):
    axes = {
        "loss_weights__task1": loguniform(0.1, 10),
        "hidden_layer_sizes": [(4,), (8,)],
        "sharing": ["hard", "independent"],
    }
    found = RandomizedSearchCV(case.make(), axes, n_iter=4, cv=FOLDS, random_state=0, error_score="raise")
    assert np.isfinite(found.fit(case.X, case.holes).cv_results_["mean_test_score"]).all()


def test_competing_tasks_want_different_weights():
    """Two tasks want one hidden unit for unrelated features, so the best weights depend on the task of the refit."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.where(rng.random((60, 2)) < 0.1, np.nan, X)
    net = MultiTaskNetRegressor(
        hidden_layer_sizes=(1,),
        activation="tanh",
        n_estimators=2,
        max_iter=100,
        learning_rate_init=0.05,
        random_state=0,
    )
    axes = {"loss_weights__task0": [0.01, 1, 100]}

    def by_task(model, X, y):
        return model.score_tasks(X, y)

    best = {}
    for task in ("task0", "task1"):
        found = search(net, axes, scoring=by_task, refit=task).fit(X, y)
        best[task] = found.best_params_["loss_weights__task0"]
        scores = found.best_estimator_.score_tasks(X, y)
        assert scores[task] > min(scores.values()) + 0.4
    assert best == {"task0": 100, "task1": 0.01}
    assert set(found.cv_results_) >= {"mean_test_task0", "mean_test_task1"}


@pytest.mark.parametrize("weights", [ROWS, CELLS], ids=["by row", "by cell"])
def test_sample_weights_pass_through_a_search(case, weights):
    found = search(case.make(), {"loss_weights": [None, [1, 3]]}).fit(case.X, case.holes, sample_weight=weights)
    train, test = next(FOLDS.split(case.X, case.holes))
    by_hand = case.make().fit(case.X[train], case.holes[train], sample_weight=weights[train])
    expected = by_hand.score(case.X[test], case.holes[test], weights[test])
    assert found.cv_results_["split0_test_score"][0] == pytest.approx(expected, rel=1e-12)
    refitted = case.make(loss_weights=found.best_params_["loss_weights"]).fit(case.X, case.holes, weights)
    assert_array_equal(found.predict(case.X), refitted.predict(case.X))


@pytest.mark.parametrize("weights", [ROWS, CELLS], ids=["by row", "by cell"])
def test_sample_weights_are_routed(case, weights):
    reference = case.make().fit(StandardScaler().fit_transform(case.X), case.holes, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        net = case.make().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = Pipeline([("scale", StandardScaler().set_fit_request(sample_weight=False)), ("net", net)])
        pipeline.fit(case.X, case.holes, sample_weight=weights)
        assert_array_equal(pipeline.predict(case.X), reference.predict(StandardScaler().fit_transform(case.X)))
        weighted = pipeline.score(case.X, case.holes, sample_weight=weights)
        assert weighted == reference.score(StandardScaler().fit_transform(case.X), case.holes, weights)
        found = search(pipeline, {"net__loss_weights": [None, [1, 3]]}).fit(case.X, case.holes, sample_weight=weights)
        train, test = next(FOLDS.split(case.X, case.holes))
        by_hand = sklearn.base.clone(pipeline).fit(case.X[train], case.holes[train], sample_weight=weights[train])
        expected = by_hand.score(case.X[test], case.holes[test], sample_weight=weights[test])
        assert found.cv_results_["split0_test_score"][0] == pytest.approx(expected, rel=1e-12)
        scores = cross_val_score(pipeline, case.X, case.holes, cv=FOLDS, params={"sample_weight": weights})
        assert_allclose(scores[0], expected)


def test_validation_rows_are_routed(case):
    with sklearn.config_context(enable_metadata_routing=True):
        net = case.make().set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("net", net)], transform_input=["X_val"])
        pipeline.fit(case.X[:30], case.y[:30], X_val=case.X[30:], y_val=case.y[30:])
    scaler = StandardScaler().fit(case.X[:30])
    by_hand = case.make().fit(
        scaler.transform(case.X[:30]), case.y[:30], X_val=scaler.transform(case.X[30:]), y_val=case.y[30:]
    )
    assert_array_equal(pipeline[-1].history_["validation_loss"], by_hand.history_["validation_loss"])


def test_cross_validation(case):
    for labels in (case.holes, case.holes[:, :1], np.where(np.isnan(case.holes[:, 0]), case.y[:, 0], case.holes[:, 0])):
        scores = cross_val_score(case.make(), case.X, labels, cv=FOLDS, error_score="raise")
        assert np.isfinite(scores).all()
    table = cross_validate(case.make(), case.X, case.holes, cv=FOLDS, scoring=lambda m, X, y: m.score_tasks(X, y))
    assert set(table) >= {"test_task0", "test_task1"}
    predicted = cross_val_predict(case.make(), case.X, case.holes, cv=FOLDS)
    assert predicted.shape == (N, 2)
    assert np.isfinite(predicted.astype(float)).all()


def test_the_default_folds_take_holes_where_scikit_learn_lets_them(regressor, mixed, classifier):
    for case in (regressor, mixed):
        assert np.isfinite(cross_val_score(case.make(), case.X, case.holes, cv=2, error_score="raise")).all()
    marked = np.where(np.isnan(classifier.holes), -1, classifier.holes).astype(int)
    assert np.isfinite(cross_val_score(classifier.make(missing_label=-1), classifier.X, marked, cv=2)).all()
    assert np.isfinite(cross_val_score(classifier.make(), classifier.X, classifier.holes, cv=KFold(2))).all()


def test_other_tools(case):
    model = case.fit()
    assert is_classifier(model) == (case.cls is MultiTaskNetClassifier)
    assert is_regressor(model) == (case.cls is MultiTaskNetRegressor)
    importances = permutation_importance(model, case.X, case.holes, n_repeats=2, random_state=0).importances_mean
    assert np.isfinite(importances).all()
    assert "hidden_layer_sizes=(8,)" in repr(model)
    assert case.cls.__name__ in model._repr_html_()
    X_train, X_test, y_train, y_test = train_test_split(case.X, case.holes, random_state=0)
    assert np.isfinite(case.make().fit(X_train, y_train).score(X_test, y_test))


# frames --------------------------------------------------------------------------------------------------------------

MAKERS = {
    "pandas": lambda X: pd.DataFrame(X, columns=["a", "b", "c"]),
    "polars": lambda X: pl.DataFrame(X, schema=["a", "b", "c"]),
}


@pytest.mark.parametrize("library", MAKERS)
def test_frames_flow_through_pipelines(case, library):
    X = MAKERS[library](np.where(np.abs(case.X) > 2, np.nan, case.X))
    steps = ColumnTransformer([("fill", SimpleImputer(), ["a", "b"])], remainder="passthrough")
    pipeline = make_pipeline(steps, StandardScaler(), case.make()).set_output(transform=library)
    pipeline.fit(X, case.holes)
    assert pipeline[-1].feature_names_in_.tolist() == ["fill__a", "fill__b", "remainder__c"]
    assert np.isfinite(pipeline.predict(X).astype(float)).all()
    assert np.isfinite(
        search(pipeline, {f"{case.cls.__name__.lower()}__dropout": [0, 0.1]}).fit(X, case.holes).best_score_
    )


@pytest.mark.parametrize("library", MAKERS)
def test_columns_are_checked_wherever_rows_come_in(case, library):
    X = MAKERS[library](case.X)
    model = case.make(warm_start=True).fit(X, case.y)
    other = X[["b", "a", "c"]]
    calls = [lambda: model.predict(other), lambda: model.score(other, case.y), lambda: model.predict_frame(other)]
    calls += [lambda: model.partial_fit(other, case.y), lambda: model.fit(other, case.y)]
    calls += [lambda: model.set_params(warm_start=False).fit(X, case.y, X_val=other, y_val=case.y)]
    for call in calls:
        with pytest.raises(ValueError, match="same order"):
            call()
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(case.X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        case.fit().predict(X)
    assert case.make().fit(other, case.y).feature_names_in_.tolist() == ["b", "a", "c"]


# documentation and array API -----------------------------------------------------------------------------------------

IGNORED = {"RT02", "GL01", "GL02"}  # as scikit-learn does
IGNORED_IN_METHODS = IGNORED | {"ES01", "SA01", "EX01"}
PUBLIC = [MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor]
METHODS = [
    (cls, name)
    for cls in PUBLIC
    for name in dir(cls)
    if not name.startswith("_") and (getattr(getattr(cls, name), "__module__", None) or "").startswith("skmtl")
]


@pytest.mark.parametrize("cls", PUBLIC)
def test_class_documentation(cls):
    errors = validate(f"{cls.__module__}.{cls.__name__}")["errors"]
    assert [error for error in errors if error[0] not in IGNORED] == []


@pytest.mark.parametrize(("cls", "name"), METHODS)
def test_method_documentation(cls, name):
    errors = validate(f"{cls.__module__}.{cls.__name__}.{name}")["errors"]
    assert [error for error in errors if error[0] not in IGNORED_IN_METHODS] == []


@pytest.mark.parametrize("cls", PUBLIC)
def test_every_fitted_attribute_is_documented(cls, request):
    names = {"MultiTaskNet": "mixed", "MultiTaskNetClassifier": "classifier", "MultiTaskNetRegressor": "regressor"}
    case = request.getfixturevalue(names[cls.__name__])
    model = case.make().fit(pd.DataFrame(case.X, columns=["a", "b", "c"]), case.y)
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert [name for name in fitted if f"    {name} :" not in cls.__doc__] == []


ARRAY_API = """
import warnings
warnings.simplefilter("error")
import numpy as np, sklearn, torch
from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(float)
y[5] = np.nan
for dispatch in (False, True):
    with sklearn.config_context(array_api_dispatch=dispatch):
        for cls in (MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor):
            for rows, labels in ((X, y), (torch.tensor(X), torch.tensor(y))):
                model = cls(hidden_layer_sizes=(8,), n_estimators=1, max_iter=2, random_state=0).fit(rows, labels)
                predicted = model.predict(rows)
                assert type(predicted) is np.ndarray and np.isfinite(predicted).all()
                model.score(rows, labels)
print("done")
"""


def test_the_array_api_switch_does_no_harm():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    arguments = [sys.executable, "-c", ARRAY_API]
    run = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert run.stdout.strip() == "done", run.stderr
