"""What a search makes of scoring, of arguments of fit and of subclasses: what scikit-learn's searches make of them."""

import numpy as np
import pytest
import sklearn
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.metrics._registry import KNOWN
from skmtl.model_selection import MultiTaskSearchCV, cross_validate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
CLASSES = (X[:, :2] + RNG.normal(size=(60, 2)) > 0).astype(float)
NUMBERS = np.exp(X[:, :2] + 0.2 * RNG.normal(size=(60, 2)))
HOLES = RNG.random((60, 2)) < 0.2
WEIGHTS = np.where(X[:, 1] > 0, 10.0, 0.01)
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 4, "random_state": 0, "dtype": "float64"}
CLASSIFIER = MultiTaskNetClassifier(**SMALL)
REGRESSOR = MultiTaskNetRegressor(loss="poisson", **SMALL)
GRID = {"learning_rate_init": [0.1, 0.02]}


def of_kind(name):
    return (CLASSIFIER, CLASSES) if KNOWN[name].of_classes else (REGRESSOR, NUMBERS)


def mean_scores(make, estimator, grid, y, **fit_params):
    return (
        make(estimator, grid, cv=KFold(3), error_score="raise").fit(X, y, **fit_params).cv_results_["mean_test_score"]
    )


def both(estimator, grid, y, **fit_params):
    return [mean_scores(make, estimator, grid, y, **fit_params) for make in (GridSearchCV, MultiTaskSearchCV)]


@pytest.mark.parametrize("name", ["roc_auc", "precision_macro", "neg_brier_score", "r2", "neg_mean_squared_error"])
def test_names_of_metrics_with_holes(name):
    net, y = of_kind(name)
    y = np.where(HOLES, np.nan, y)
    search = MultiTaskSearchCV(net, {"dropout": [0.0]}, scoring=name, cv=2, error_score="raise").fit(X, y)
    expected = cross_validate(net, X, y, cv=2, scoring=name, error_score="raise")["test_score"]
    scores = [search.cv_results_[f"split{k}_test_score"][0] for k in range(2)]
    np.testing.assert_allclose(scores, expected, atol=1e-9)
    assert search.score(X, y) == pytest.approx(search.scorer_(search, X, y))


@pytest.mark.parametrize("scoring", [["roc_auc", "brier"], {"roc_auc": "roc_auc", "brier": "brier"}])
def test_several_names(scoring):
    y = np.where(HOLES, np.nan, CLASSES)
    search = MultiTaskSearchCV(CLASSIFIER, GRID, scoring=scoring, refit="brier", cv=2).fit(X, y)
    for name in scoring:
        alone = MultiTaskSearchCV(CLASSIFIER, GRID, scoring=name, cv=2).fit(X, y)
        np.testing.assert_array_equal(search.cv_results_[f"mean_test_{name}"], alone.cv_results_["mean_test_score"])


def unable_to_score(estimator, X, y):
    raise ValueError("No score.")


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:One or more of the test scores")
def test_no_best_without_a_score():
    with pytest.raises(ValueError, match=r"No candidate has a score by 'score'.*make_task_scorer"):
        MultiTaskSearchCV(CLASSIFIER, GRID, scoring=unable_to_score, cv=2).fit(X, CLASSES)


@pytest.mark.parametrize(
    ("name", "message"), [("f1_macr", "Did you mean 'f1_macro'"), ("rand_score", "no single task")]
)
def test_unknown_names(name, message):
    with pytest.raises(ValueError, match=message):
        MultiTaskSearchCV(CLASSIFIER, GRID, scoring=name, cv=2).fit(X, CLASSES)
    with pytest.raises(ValueError, match=message):
        cross_validate(CLASSIFIER, X, CLASSES, scoring={"score": name}, cv=2)


def test_routed_arguments_reach_the_net_of_a_pipeline():
    with sklearn.config_context(enable_metadata_routing=True):
        net = MultiTaskNetRegressor(**SMALL).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = Pipeline([("scale", scaler), ("net", net)])
        grid = {"net__learning_rate_init": [0.1, 0.02]}
        weighted, ours = both(pipeline, grid, NUMBERS[:, 0], sample_weight=WEIGHTS)
        plain = both(pipeline, grid, NUMBERS[:, 0])
        scaler.set_fit_request(sample_weight=True)
        scaled = both(pipeline, grid, NUMBERS[:, 0], sample_weight=WEIGHTS)
    np.testing.assert_allclose(weighted, ours, atol=1e-9)
    np.testing.assert_allclose(*scaled, atol=1e-9)
    assert np.abs(weighted - plain[0]).min() > 1e-3
    assert np.abs(weighted - scaled[0]).min() > 1e-6


@pytest.mark.parametrize("transform", [False, True])
def test_routed_validation_rows(transform):
    X_val, y_val = 3 * X[:25] + 1, NUMBERS[:25, 0]
    with sklearn.config_context(enable_metadata_routing=True):
        net = MultiTaskNetRegressor(**SMALL | {"max_iter": 30}).set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("net", net)]
        pipeline = Pipeline(steps, transform_input=["X_val"] if transform else None)
        theirs, ours = both(pipeline, {"net__learning_rate_init": [0.1]}, NUMBERS[:, 0], X_val=X_val, y_val=y_val)
    np.testing.assert_allclose(theirs, ours, atol=1e-9)


class Balanced(MultiTaskNetClassifier):
    def score(self, X, y, sample_weight=None):
        return balanced_accuracy_score(y, self.predict(X), sample_weight=sample_weight)


class Shy(MultiTaskNetClassifier):
    def predict(self, X):
        return np.zeros(len(X))


class ByTask(MultiTaskNetClassifier):
    def score_tasks(self, X, y, sample_weight=None):
        return {name: score**2 for name, score in super().score_tasks(X, y, sample_weight).items()}


class HalfPipeline(Pipeline):
    def score(self, X, y=None, sample_weight=None, **params):
        return super().score(X, y, sample_weight=sample_weight, **params) / 2


@pytest.mark.parametrize("cls", [Balanced, Shy, ByTask])
def test_overridden_scores(cls):
    np.testing.assert_allclose(*both(cls(**SMALL), GRID, CLASSES[:, 0]), atol=1e-9)
    pipeline = HalfPipeline([("scale", StandardScaler()), ("net", cls(**SMALL))])
    np.testing.assert_allclose(*both(pipeline, {"net__learning_rate_init": [0.1]}, CLASSES[:, 0]), atol=1e-9)


class LogX(MultiTaskNetClassifier):
    def fit(self, X, y, sample_weight=None):
        return super().fit(np.sign(X) * np.log1p(np.abs(X)), y, sample_weight=sample_weight)


class Resampling(Pipeline):
    def fit(self, X, y=None, **params):
        return super().fit(X[::2], y[::2], **params)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [(LogX(), "LogX"), (Pipeline([("n", LogX())]), "LogX"), (Resampling([("n", CLASSIFIER)]), "Resampling")],
)
def test_an_overridden_fit_is_refused(estimator, name):
    with pytest.raises(TypeError, match=f"without the fit of {name}.*GridSearchCV"):
        MultiTaskSearchCV(estimator, {}).fit(X, CLASSES)


@pytest.mark.parametrize(
    ("estimator", "argument", "message"),
    [
        (CLASSIFIER, "sample_weights", "fit of MultiTaskNetClassifier has no argument 'sample_weights'.*sample_weight"),
        (CLASSIFIER, "classes", "has no argument 'classes'"),
        (Pipeline([("net", CLASSIFIER)]), "net__weight", "has no argument 'weight'"),
        (Pipeline([("net", CLASSIFIER)]), "nets__sample_weight", "no step of the pipeline; its steps: 'net'"),
        (Pipeline([("net", CLASSIFIER)]), "sample_weight", "stepname__parameter"),
    ],
)
def test_unknown_arguments_of_fit(estimator, argument, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MultiTaskSearchCV(estimator, {}, cv=2).fit(X, CLASSES, **{argument: WEIGHTS})


@pytest.mark.parametrize("name", ["param_grid", "param_distributions"])
def test_an_empty_list_of_settings(name):
    with pytest.raises(ValueError, match=f"{name} is empty"):
        MultiTaskSearchCV(CLASSIFIER, **{name: []}).fit(X, CLASSES)
