"""Scorers in scikit-learn's tools, with missing labels."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import median_absolute_error
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor, metrics
from skmtl.metrics import make_task_scorer, task_scores
from skmtl.metrics._registry import METRICS
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV

SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 1, "max_iter": 5, "random_state": 0}
FOLDS = MultiTaskKFold(2)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
CLASSES = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(float)
COUNTS = np.column_stack([X[:, 0] ** 2, np.exp(X[:, 1])]).round(2)
HOLES = RNG.random((40, 2)) < 0.3
WEIGHTS = RNG.uniform(0.1, 1, size=(40, 2))


def holes(y):
    return np.where(HOLES, np.nan, y)


@pytest.fixture(scope="module")
def classifier():
    return MultiTaskNetClassifier(**SMALL).fit(X, holes(CLASSES))


@pytest.fixture(scope="module")
def regressor():
    return MultiTaskNetRegressor(loss="poisson", **SMALL).fit(X, holes(COUNTS))


@pytest.fixture(scope="module")
def mixed():
    y = np.column_stack([CLASSES[:, 1], COUNTS[:, 1]])
    return MultiTaskNet(tasks=["multiclass", "regression"], **SMALL).fit(X, holes(y)), holes(y)


@pytest.mark.parametrize("name", METRICS)
def test_a_scorer_is_the_signed_metric_of_the_right_response(name, classifier, regressor):
    metric = METRICS[name]
    model, y = (classifier, holes(CLASSES)) if metric.of_classes else (regressor, holes(COUNTS))
    response = getattr(model, metric.response_method)(X)
    for weights in (None, WEIGHTS[:, 0], WEIGHTS):
        expected = metric.function(y, response, sample_weight=weights, average=None)
        sign = 1 if metric.greater_is_better else -1
        assert_allclose(make_task_scorer(name)(model, X, y, sample_weight=weights), sign * expected.mean())
        assert_allclose(make_task_scorer(metric.function, task="task1")(model, X, y, weights), sign * expected[1])
        assert_allclose(make_task_scorer(name, average="worst")(model, X, y, weights), (sign * expected).min())
        assert make_task_scorer(name, average=None)(model, X, y, weights) == {
            "task0": pytest.approx(sign * expected[0]),
            "task1": pytest.approx(sign * expected[1]),
            "mean": pytest.approx(sign * expected.mean()),
            "worst": pytest.approx((sign * expected).min()),
        }


def test_task_scores_are_those_of_the_estimator(classifier, regressor, mixed):
    for model, y in ((classifier, holes(CLASSES)), (regressor, holes(COUNTS)), mixed):
        own = model.score_tasks(X, y, WEIGHTS)
        found = task_scores(model, X, y, WEIGHTS)
        assert found == pytest.approx({**own, "mean": model.score(X, y, WEIGHTS), "worst": min(own.values())})
        assert make_task_scorer()(model, X, y, WEIGHTS) == pytest.approx(model.score(X, y, WEIGHTS))


def test_metrics_leave_out_tasks_that_they_are_not_for(mixed):
    model, y = mixed
    predicted = model.predict(X)
    accuracy = metrics.accuracy(y[:, 0], predicted[:, 0])
    error = metrics.rmse(y[:, 1], predicted[:, 1])
    for weights in (None, np.ones(40), np.ones((40, 2))):
        assert make_task_scorer("accuracy")(model, X, y, weights) == accuracy
        assert make_task_scorer("rmse", average="worst")(model, X, y, weights) == -error
        auc = make_task_scorer("roc_auc", average=None)(model, X, y, weights)
        assert np.isnan(auc["task1"])
        assert auc["mean"] == auc["worst"] == auc["task0"]
        for alone in ({"average": "task1"}, {"task": "task1"}):
            with pytest.raises(
                ValueError, match="accuracy is for classes, but task 'task1' is of the kind 'regression'"
            ):
                make_task_scorer("accuracy", **alone)(model, X, y, weights)


def test_no_task_to_score(classifier):
    with pytest.raises(ValueError, match=r"rmse is for numbers, which no task has. Choose another metric"):
        make_task_scorer("rmse")(classifier, X, CLASSES)


def test_marks_and_names_are_those_of_the_estimator():
    y = pd.DataFrame(np.where(HOLES, -1, CLASSES).astype(int), columns=["a", "b"])
    model = MultiTaskNetClassifier(missing_label=-1, **SMALL).fit(X, y)
    expected = metrics.roc_auc(holes(CLASSES), model.predict_proba(X), average=None)
    for labels in (y, y.to_numpy()):
        assert make_task_scorer("roc_auc", task="b")(model, X, labels) == pytest.approx(expected[1])
        assert list(task_scores(model, X, labels)) == ["a", "b", "mean", "worst"]
    marked = y.replace(-1, -9)
    assert make_task_scorer("roc_auc", missing_label=-9)(model, X, marked) == pytest.approx(expected.mean())
    with pytest.raises(ValueError, match="columns of y must be the tasks in the order of fit"):
        task_scores(model, X, y[["b", "a"]])


def test_settings_of_metrics(regressor):
    y = holes(COUNTS)
    predicted = regressor.predict(X)
    scorer = make_task_scorer("pinball_loss", level=0.9, average="weighted", task_weights={"task0": 3})
    expected = metrics.pinball_loss(y, predicted, level=0.9, average="weighted", task_weights=[3, 1])
    assert scorer(regressor, X, y) == -expected
    scorer = make_task_scorer("arrmse", y_train=y[:20])
    assert scorer(regressor, X, y) == -metrics.arrmse(y, predicted, y_train=y[:20])
    own = make_task_scorer(average="weighted", task_weights=[3, 1])(regressor, X, y)
    assert own == pytest.approx(np.average(list(regressor.score_tasks(X, y).values()), weights=[3, 1]))


def test_metrics_of_single_tasks(regressor, classifier):
    y = holes(COUNTS)
    scorer = make_task_scorer(median_absolute_error, greater_is_better=False, average=None)
    expected = [-median_absolute_error(*pair) for pair in observed(y, regressor.predict(X))]
    scores = scorer(regressor, X, y)
    assert_allclose([scores["task0"], scores["task1"]], expected)
    assert scores["worst"] == min(expected)
    proba = make_task_scorer(mean_of_last_column, response_method="predict_proba", task="task1")
    seen = ~np.isnan(holes(CLASSES)[:, 1])
    assert proba(classifier, X, holes(CLASSES)) == classifier.predict_proba(X)[1][seen, -1].mean()


def mean_of_last_column(y_true, y_pred, sample_weight):
    return float(y_pred[:, -1].mean())


def observed(y, predicted):
    return [(a[~np.isnan(a)], b[~np.isnan(a)]) for a, b in zip(y.T, predicted.T, strict=True)]


def test_scorers_pickle_clone_and_show_their_parameters(regressor):
    scorer = make_task_scorer("pinball_loss", level=0.9, task="task1")
    expected = scorer(regressor, X, holes(COUNTS))
    for copy in (pickle.loads(pickle.dumps(scorer)), clone(scorer)):
        assert copy(regressor, X, holes(COUNTS)) == expected
        assert repr(copy) == "TaskScorer(metric='pinball_loss', settings={'level': 0.9}, task='task1')"
    assert pickle.loads(pickle.dumps(task_scores))(regressor, X, holes(COUNTS)) == task_scores(
        regressor, X, holes(COUNTS)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "auc"}, "metric must be one of 'accuracy', .*; got 'auc'"),
        ({"metric": "rmse", "greater_is_better": True}, "greater_is_better of 'rmse' is False; got True. Leave it out"),
        ({"metric": "roc_auc", "response_method": "predict"}, "response_method of 'roc_auc' is 'predict_proba'"),
        ({"metric": "rmse", "task": "a", "average": "worst"}, "pass one of the two"),
    ],
)
def test_bad_scorers(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_task_scorer(**arguments)


@pytest.mark.parametrize("names", [("mean", "b"), ("worst", "mean"), ("mean_", "mean"), (0, ""), ("a__b", ("c", 1))])
def test_a_task_with_the_name_of_a_summary_keeps_it(names):
    y = pd.DataFrame(CLASSES, columns=pd.Index(names, tupleize_cols=False))
    model = MultiTaskNetClassifier(**SMALL).fit(X, y)
    scores, by_task = task_scores(model, X, y), model.score_tasks(X, y)
    spelt = {str(name) if isinstance(name, tuple) else name: score for name, score in by_task.items()}
    assert spelt.items() <= scores.items()
    rest = [value for name, value in scores.items() if name not in spelt]
    assert_allclose(rest, [np.mean(list(by_task.values())), min(by_task.values())])
    for search in (GridSearchCV, MultiTaskSearchCV):
        found = search(MultiTaskNetClassifier(**SMALL), {"dropout": [0.1]}, scoring=task_scores, refit=False, cv=FOLDS)
        assert {f"mean_test_{name}" for name in scores} <= found.fit(X, y).cv_results_.keys()


# in scikit-learn's tools ---------------------------------------------------------------------------------------------


def pipeline(**params):
    return Pipeline([("scale", StandardScaler()), ("net", MultiTaskNetClassifier(**{**SMALL, **params}))])


def test_grid_search_in_a_pipeline_refits_by_the_mean_of_all_tasks():
    y = holes(CLASSES)
    axes = {"net__loss_weights__task0": [0.1, 10]}
    search = GridSearchCV(pipeline(), axes, scoring=task_scores, refit="mean", cv=FOLDS, error_score="raise")
    search.fit(X, y, net__sample_weight=None)
    assert {f"mean_test_{name}" for name in ("task0", "task1", "mean", "worst")} <= set(search.cv_results_)
    train, test = next(FOLDS.split(X, y))
    by_hand = clone(pipeline(loss_weights={"task0": 0.1})).fit(X[train], y[train])
    assert search.cv_results_["split0_test_mean"][0] == by_hand.score(X[test], y[test])
    assert search.best_score_ == search.cv_results_["mean_test_mean"].max()
    assert task_scores(search, X, y)["mean"] == search.best_estimator_.score(X, y)


@pytest.mark.parametrize("routed", [False, True])
def test_a_search_passes_sample_weights_to_the_scorer(routed):
    y = holes(CLASSES)
    net, scorer = MultiTaskNetClassifier(**SMALL), make_task_scorer("log_loss")
    with sklearn.config_context(enable_metadata_routing=routed):
        if routed:
            net.set_fit_request(sample_weight=True)
            scorer.set_score_request(sample_weight=True)
        search = GridSearchCV(net, {"dropout": [0.0, 0.2]}, scoring=scorer, cv=FOLDS, error_score="raise")
        search.fit(X, y, sample_weight=WEIGHTS)
    train, test = next(FOLDS.split(X, y))
    by_hand = MultiTaskNetClassifier(**SMALL).fit(X[train], y[train], WEIGHTS[train])
    expected = -metrics.log_loss(
        y[test], by_hand.predict_proba(X[test]), sample_weight=WEIGHTS[test], classes=by_hand.classes_
    )
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(expected, rel=1e-12)


def test_cross_validate_with_several_scorers():
    y = holes(CLASSES)
    scoring = {"auc": make_task_scorer("roc_auc"), "worst": make_task_scorer("accuracy", average="worst")}
    scores = cross_validate(pipeline(), X, y, cv=FOLDS, scoring=scoring, error_score="raise", return_estimator=True)
    for fold, (_, test) in enumerate(FOLDS.split(X, y)):
        model = scores["estimator"][fold]
        expected = metrics.roc_auc(y[test], model.predict_proba(X[test]), classes=model[-1].classes_)
        assert scores["test_auc"][fold] == expected
        assert scores["test_worst"][fold] == min(task_scores(model, X[test], y[test]).values())
    every = cross_validate(pipeline(), X, y, cv=FOLDS, scoring=task_scores, error_score="raise")
    assert_allclose(every["test_worst"], scores["test_worst"])


def test_permutation_importance_by_task():
    y = holes(CLASSES)
    model = pipeline(max_iter=60).fit(X, y)
    settings = {"n_repeats": 3, "random_state": 0}
    by_task = permutation_importance(model, X, y, scoring=task_scores, **settings)
    assert by_task["task0"].importances_mean.argmax() == 0
    assert by_task["task1"].importances_mean.argmax() == 1
    alone = permutation_importance(
        model, X, y, scoring=make_task_scorer("accuracy", task="task1"), sample_weight=None, **settings
    )
    assert_allclose(alone.importances, by_task["task1"].importances)
    weighted = permutation_importance(
        model, X, y, scoring=make_task_scorer("roc_auc"), sample_weight=WEIGHTS, **settings
    )
    assert np.isfinite(weighted.importances).all()


def test_estimators_of_scikit_learn_are_scored_too():
    forest = RandomForestRegressor(5, random_state=0).fit(X, COUNTS)
    assert_allclose(make_task_scorer("r2")(forest, X, COUNTS), forest.score(X, COUNTS))
    assert_allclose(task_scores(forest, X, COUNTS)["mean"], forest.score(X, COUNTS))
    signs = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
    net = MLPClassifier((4,), random_state=0).partial_fit(X, signs, classes=[0, 1])
    assert make_task_scorer("roc_auc")(net, X, signs) == metrics.roc_auc(signs, net.predict_proba(X))
    assert task_scores(net, X, signs)["task1"] == np.mean(net.predict(X)[:, 1] == signs[:, 1])
