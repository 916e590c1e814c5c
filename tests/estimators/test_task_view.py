"""One task of a fitted network in scikit-learn's tools for a single target."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import DecisionBoundaryDisplay, PartialDependenceDisplay, permutation_importance
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
    accuracy_score,
    f1_score,
    get_scorer,
    get_scorer_names,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV, cross_val_score
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skmtl import MultiTaskNet, MultiTaskNetClassifier
from skmtl.metrics import make_task_scorer, task_scores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = pd.DataFrame(
    {
        "odd": np.where(X[:, 0] + RNG.normal(scale=0.5, size=60) > 0, "yes", "no"),
        "level": np.digitize(X[:, 1], [-0.5, 0.5]),
        "size": np.exp(X[:, 0]) + 1,
    }
)
HOLES = Y.mask(RNG.random(Y.shape) < 0.2)
MODEL = MultiTaskNet(
    hidden_layer_sizes=(8,),
    n_estimators=1,
    max_iter=40,
    learning_rate_init=0.05,
    tasks={"odd": "binary", "level": "multiclass", "size": "poisson"},
    random_state=0,
).fit(X, HOLES)
ODD, LEVEL, SIZE = (MODEL.task_view(name) for name in Y)


@pytest.fixture
def _figures():
    yield
    plt.close("all")


def test_a_view_says_what_the_estimator_says_of_the_task():
    predicted = MODEL.predict_frame(X)
    for k, view in enumerate((ODD, LEVEL, SIZE)):
        assert_array_equal(view.predict(X), predicted.iloc[:, k])
        assert_array_equal(MODEL.task_view(k).predict(X), MODEL.task_view(k - 3).predict(X))
        assert view.n_features_in_ == 2
        assert not hasattr(view, "feature_names_in_")
        check_is_fitted(view)
    for k, view in enumerate((ODD, LEVEL)):
        assert_array_equal(view.classes_, MODEL.classes_[k])
        assert_array_equal(view.predict_proba(X), MODEL.predict_proba(X)[k])
        assert_array_equal(view.predict_log_proba(X), MODEL.predict_log_proba(X)[k])
        assert is_classifier(view)
    assert is_regressor(SIZE)
    assert SIZE.predict(X).dtype == np.float64
    assert not hasattr(SIZE, "predict_proba")
    assert not hasattr(SIZE, "classes_")
    assert not hasattr(ODD, "history_")
    assert [task.name for task in ODD.tasks_] == ["odd"]
    tags = get_tags(ODD)
    assert tags.input_tags.allow_nan
    assert not tags.target_tags.multi_output


def test_scores_are_those_of_the_task_on_its_observed_cells():
    scores = MODEL.score_tasks(X, HOLES)
    weights = RNG.random(60)
    weighted = MODEL.score_tasks(X, HOLES, weights)
    for name, view in zip(Y, (ODD, LEVEL, SIZE), strict=True):
        assert view.score(X, HOLES[name]) == scores[name]
        assert view.score(X, HOLES[name], weights) == pytest.approx(weighted[name])
        assert task_scores(view, X, HOLES[name])[name] == scores[name]
    assert make_task_scorer("roc_auc")(LEVEL, X, HOLES["level"]) == make_task_scorer("roc_auc", task="level")(
        MODEL, X, HOLES
    )
    with pytest.raises(ValueError, match=r"labels of task 'odd' alone; got 3 columns"):
        ODD.score(X, HOLES)


def test_a_view_is_frozen():
    model = MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=1, max_iter=2, random_state=0)
    model.fit(X, Y[["level", "level"]].set_axis(["a", "b"], axis=1))
    view = model.task_view("b")
    before = view.predict_proba(X)
    assert clone(view) is view
    assert view.fit(X, Y["odd"]) is view
    model.partial_fit(X, Y[["level", "level"]].set_axis(["a", "b"], axis=1))
    assert_array_equal(view.predict_proba(X), before)
    model.fit(X, Y[["level", "level"]].set_axis(["a", "b"], axis=1).iloc[::-1])
    assert_array_equal(view.predict_proba(X), before)
    assert_array_equal(pickle.loads(pickle.dumps(view)).predict_proba(X), before)
    with pytest.raises(ValueError, match=r"frozen; 'task' cannot be set. Call task_view"):
        view.set_params(task=0)
    assert "task=1" in repr(view)
    assert isinstance(view, FrozenEstimator)


def test_columns_are_checked():
    frame = pd.DataFrame(X, columns=["u", "v"])
    view = (
        MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1).fit(frame, Y[["odd"]]).task_view(0)
    )
    assert view.feature_names_in_.tolist() == ["u", "v"]
    assert len(view.predict(frame)) == 60
    with pytest.raises(ValueError, match="same order"):
        view.predict(frame[["v", "u"]])


@pytest.mark.parametrize("task", ["sizes", 3, -4, 0.0, True, None])
def test_unknown_tasks(task):
    with pytest.raises(
        ValueError, match=r"task must be the name of a task, 'odd', 'level', 'size', or a position below"
    ):
        MODEL.task_view(task)


def test_an_estimator_must_be_fitted():
    with pytest.raises(NotFittedError):
        MultiTaskNet().task_view(0)


# scikit-learn's tools ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("view", "name"), [(ODD, "odd"), (LEVEL, "level")])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration(view, name, method):
    calibrated = CalibratedClassifierCV(view, method=method).fit(X, Y[name])
    assert len(calibrated.calibrated_classifiers_) == 1  # all rows calibrate, as no fold was fitted
    assert calibrated.calibrated_classifiers_[0].estimator is view
    probabilities = calibrated.predict_proba(X)
    assert probabilities.shape == (60, len(view.classes_))
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    by_hand = CalibratedClassifierCV(FrozenEstimator(view), method=method).fit(X, Y[name]).predict_proba(X)
    assert_array_equal(probabilities, by_hand)
    weights = RNG.uniform(0.1, 1, 60)
    assert CalibratedClassifierCV(view, method=method).fit(X, Y[name], sample_weight=weights).score(X, Y[name]) > 0.5


def test_thresholds():
    tuned = TunedThresholdClassifierCV(ODD, cv="prefit", refit=False, scoring="balanced_accuracy").fit(X, Y["odd"])
    assert set(tuned.predict(X)) <= {"yes", "no"}
    probabilities = ODD.predict_proba(X)[:, 1]
    assert_array_equal(tuned.predict(X), np.where(probabilities >= tuned.best_threshold_, "yes", "no"))
    assert get_scorer("balanced_accuracy")(tuned, X, Y["odd"]) >= get_scorer("balanced_accuracy")(ODD, X, Y["odd"])
    fixed = FixedThresholdClassifier(ODD, threshold=0.2, pos_label="yes", response_method="predict_proba")
    assert_array_equal(fixed.fit(X, Y["odd"]).predict(X), np.where(probabilities >= 0.2, "yes", "no"))


@pytest.mark.usefixtures("_figures")
def test_displays_of_a_binary_task():
    probabilities = ODD.predict_proba(X)[:, 1]
    roc = RocCurveDisplay.from_estimator(ODD, X, Y["odd"])
    assert roc.roc_auc == pytest.approx(roc_auc_score(Y["odd"], probabilities))
    PrecisionRecallDisplay.from_estimator(ODD, X, Y["odd"])
    DetCurveDisplay.from_estimator(ODD, X, Y["odd"])
    calibration = CalibrationDisplay.from_estimator(ODD, X, Y["odd"], n_bins=4)
    assert_array_equal(calibration.y_prob, probabilities)


@pytest.mark.usefixtures("_figures")
@pytest.mark.parametrize(("view", "name"), [(ODD, "odd"), (LEVEL, "level")])
def test_displays_of_any_classes(view, name):
    confusion = ConfusionMatrixDisplay.from_estimator(view, X, Y[name]).confusion_matrix
    assert np.trace(confusion) == np.sum(view.predict(X) == Y[name])
    target = view.classes_[-1]
    partial = PartialDependenceDisplay.from_estimator(view, X, [0, (0, 1)], target=target, grid_resolution=5)
    assert partial.pd_results[0]["average"].shape == (len(view.classes_) if len(view.classes_) > 2 else 1, 5)
    boundary = DecisionBoundaryDisplay.from_estimator(view, X, grid_resolution=5, response_method="predict_proba")
    assert boundary.response.shape[:2] == (5, 5)
    DecisionBoundaryDisplay.from_estimator(view, X, grid_resolution=5, response_method="predict")


@pytest.mark.usefixtures("_figures")
def test_displays_of_numbers():
    partial = PartialDependenceDisplay.from_estimator(SIZE, X, [0], kind="both", grid_resolution=5)
    assert np.diff(partial.pd_results[0]["average"][0])[-1] > 0
    boundary = DecisionBoundaryDisplay.from_estimator(SIZE, X, grid_resolution=5)
    assert_allclose(
        boundary.response.ravel(), SIZE.predict(np.column_stack([boundary.xx0.ravel(), boundary.xx1.ravel()]))
    )
    errors = PredictionErrorDisplay.from_estimator(SIZE, X, Y["size"])
    assert_array_equal(errors.y_pred, SIZE.predict(X))


def test_built_in_scorers():
    assert get_scorer("accuracy")(LEVEL, X, Y["level"]) == accuracy_score(Y["level"], LEVEL.predict(X))
    assert get_scorer("f1_macro")(LEVEL, X, Y["level"]) == f1_score(Y["level"], LEVEL.predict(X), average="macro")
    assert get_scorer("r2")(SIZE, X, Y["size"]) == r2_score(Y["size"], SIZE.predict(X))
    is_odd = (Y["odd"] == "yes").to_numpy().astype(int)
    binary = MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=1, max_iter=20, random_state=0)
    binary.set_params(learning_rate_init=0.05)
    view = binary.fit(X, np.column_stack([is_odd, Y["level"]])).task_view(0)
    names = (
        "roc_auc average_precision neg_log_loss neg_brier_score balanced_accuracy f1 precision recall jaccard".split()
    )
    assert set(names) <= set(get_scorer_names())
    for name in [*names, "matthews_corrcoef", "d2_brier_score"]:
        assert np.isfinite(get_scorer(name)(view, X, is_odd))
    for name in ("roc_auc_ovr", "roc_auc_ovo", "neg_log_loss", "top_k_accuracy"):
        assert np.isfinite(get_scorer(name)(LEVEL, X, Y["level"]))
    for name in ("neg_root_mean_squared_error", "neg_mean_poisson_deviance", "explained_variance"):
        assert np.isfinite(get_scorer(name)(SIZE, X, Y["size"]))
    assert np.isfinite(cross_val_score(view, X, is_odd, cv=2, scoring="roc_auc")).all()


def test_permutation_importance():
    for view, name, feature in ((ODD, "odd", 0), (LEVEL, "level", 1), (SIZE, "size", 0)):
        importances = permutation_importance(view, X, Y[name], n_repeats=3, random_state=0).importances_mean
        assert importances.argmax() == feature
    scored = permutation_importance(ODD, X, HOLES["odd"], n_repeats=3, random_state=0).importances_mean
    assert scored.argmax() == 0


def test_observed_rows_are_those_with_a_label_of_the_task():
    known = HOLES["level"].notna().to_numpy()
    weights = np.arange(60)
    for y in (HOLES, HOLES["level"]):
        X_seen, labels, of_rows = LEVEL.observed(X, y, weights)
        assert_array_equal(X_seen, X[known])
        assert_array_equal(labels, Y["level"][known])
        assert_array_equal(of_rows, weights[known])
    X_seen, labels = ODD.observed(X, HOLES)
    score = get_scorer("accuracy")(ODD, X_seen, labels)
    assert score == ODD.score(X, HOLES["odd"])
    frame, _ = ODD.observed(pd.DataFrame(X).set_axis(["a", "b"], axis=1), HOLES)
    assert list(frame.index) == HOLES["odd"].dropna().index.tolist()
    with pytest.raises(ValueError, match="order"):
        ODD.observed(X, HOLES[["size", "level", "odd"]])
    with pytest.raises(ValueError, match="have the 60 rows of y; got one of 59"):
        ODD.observed(X, HOLES, weights[1:])
    with pytest.raises(ValueError, match=r"must be the tasks .* 'odd'; got 'size'"):
        ODD.observed(X, HOLES[["size"]])
    with pytest.raises(ValueError, match="Task 'size': y has string labels"):
        SIZE.observed(X, np.full(60, "a"))
