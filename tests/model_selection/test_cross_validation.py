import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import model_selection
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.metrics import make_task_scorer
from skmtl.model_selection import MultiTaskKFold, cross_val_predict, cross_validate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2))
FULL = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(float)
HOLES = np.where(RNG.random((30, 2)) < 0.3, np.nan, FULL)
CELLS = RNG.uniform(0.1, 1, (30, 2))
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 3, "random_state": 0}
NET = MultiTaskNetClassifier(**SMALL)
FOLDS = MultiTaskKFold(2)


def by_hand(estimator, y, method, fold=0, **params):
    train, test = list(FOLDS.split(X, y))[fold]
    cut = {name: value[train] for name, value in params.items()}
    return getattr(clone(estimator).fit(X[train], y[train], **cut), method)(X[test]), test


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
def test_probabilities_are_those_of_the_folds_without_a_class_of_nan(method):
    found = cross_val_predict(NET, X, HOLES, cv=2, method=method)
    assert [p.shape for p in found] == [(30, 2), (30, 3)]
    for fold in range(2):
        expected, test = by_hand(NET, HOLES, method, fold)
        for task in range(2):
            assert_array_equal(found[task][test], expected[task])


def test_full_labels_give_what_scikit_learn_gives():
    theirs = model_selection.cross_val_predict(NET, X, FULL, cv=FOLDS, method="predict_proba")
    for ours, other in zip(cross_val_predict(NET, X, FULL, cv=FOLDS, method="predict_proba"), theirs, strict=True):
        assert_array_equal(ours, other)
    forest = MultiOutputClassifier(LogisticRegression())
    theirs = model_selection.cross_val_predict(forest, X, FULL, cv=FOLDS, method="predict_proba")
    for ours, other in zip(cross_val_predict(forest, X, FULL, cv=FOLDS, method="predict_proba"), theirs, strict=True):
        assert_array_equal(ours, other)


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
def test_a_class_absent_from_a_training_part_is_aligned(method):
    y = FULL.copy()
    y[:15, 1] = np.where(y[:15, 1] == 1, np.nan, y[:15, 1])  # class 1 only in the second half
    halves = [(np.arange(15), np.arange(15, 30)), (np.arange(15, 30), np.arange(15))]
    found = cross_val_predict(NET, X, y, cv=halves, method=method)[1]
    alone = getattr(clone(NET).fit(X[:15], y[:15]), method)(X[15:])[1]
    assert_array_equal(found[15:][:, [0, 2]], alone)
    assert (found[15:, 1] == (0 if method == "predict_proba" else np.finfo(np.float32).min)).all()
    assert (np.exp(found[:15, 1].astype(float)) > 0).all()
    assert np.isfinite(found).all()


def test_one_dimension_and_strings():
    y = np.where(np.isnan(HOLES[:, 0]), None, np.where(HOLES[:, 0] == 1, "yes", "no"))
    found = cross_val_predict(NET, X, y, cv=2, method="predict_proba")
    expected, test = by_hand(NET, y, "predict_proba")
    assert_array_equal(found[test], expected)
    assert set(cross_val_predict(NET, X, y, cv=2)) <= {"yes", "no"}


def test_mixed_tasks_frames_and_pipelines():
    y = pd.DataFrame({"count": HOLES[:, 1] + X[:, 0], "class": HOLES[:, 0]})
    pipeline = make_pipeline(StandardScaler(), MultiTaskNet(**SMALL))
    numbers, classes = cross_val_predict(pipeline, pd.DataFrame(X), y, cv=2, method="predict_proba")
    assert numbers is None
    assert_allclose(classes.sum(axis=1), 1, rtol=1e-6)
    predicted = cross_val_predict(pipeline, pd.DataFrame(X), y, cv=2)
    assert predicted.shape == (30, 2)
    assert_array_equal(predicted[:, 1].astype(float), classes.argmax(axis=1))


def test_marked_labels():
    marked = np.where(np.isnan(HOLES), -1, HOLES).astype(int)
    splits = list(FOLDS.split(X, HOLES))
    net = MultiTaskNetClassifier(missing_label=-1, **SMALL)
    found = cross_val_predict(net, X, marked, cv=splits, method="predict_proba")
    for ours, other in zip(found, cross_val_predict(NET, X, HOLES, cv=splits, method="predict_proba"), strict=True):
        assert_allclose(ours, other, rtol=1e-6)


@pytest.mark.parametrize("routed", [False, True])
def test_weights_reach_the_fits(routed):
    expected, test = by_hand(NET, HOLES, "predict_proba", sample_weight=CELLS)
    with sklearn.config_context(enable_metadata_routing=routed):
        net = clone(NET).set_fit_request(sample_weight=True) if routed else NET
        found = cross_val_predict(net, X, HOLES, cv=2, params={"sample_weight": CELLS}, method="predict_proba")
    assert_array_equal(found[1][test], expected[1])


def test_numbers():
    net = MultiTaskNetRegressor(**SMALL)
    assert_array_equal(
        cross_val_predict(net, X, HOLES, cv=FOLDS), model_selection.cross_val_predict(net, X, HOLES, cv=FOLDS)
    )


def test_other_methods():
    with pytest.raises(ValueError, match=r"method must be one of 'predict', .*got 'decision_function'"):
        cross_val_predict(NET, X, HOLES, method="decision_function")


def test_probabilities_need_folds_that_partition_the_rows():
    with pytest.raises(ValueError, match="test parts partition the rows"):
        cross_val_predict(NET, X, FULL, cv=[(np.arange(20), np.arange(20, 30))], method="predict_proba")


def test_cross_validate_knows_missing_labels_and_our_metrics():
    scores = cross_validate(NET, X, HOLES, cv=2, error_score="raise", return_estimator=True, return_indices=True)
    for model, test, score in zip(scores["estimator"], scores["indices"]["test"], scores["test_score"], strict=True):
        assert model.score(X[test], HOLES[test]) == score
    named = cross_validate(NET, X, HOLES, cv=2, scoring=["roc_auc", "log_loss"], error_score="raise")
    one = cross_validate(NET, X, HOLES, cv=2, scoring="log_loss", error_score="raise", return_train_score=True)
    mixed = {"a": "roc_auc", "b": make_task_scorer("accuracy", average="worst")}
    both = cross_validate(NET, X, HOLES, cv=2, scoring=mixed, error_score="raise")
    for model, test, auc, loss in zip(
        scores["estimator"], scores["indices"]["test"], named["test_roc_auc"], named["test_log_loss"], strict=True
    ):
        assert make_task_scorer("roc_auc")(model, X[test], HOLES[test]) == auc
        assert make_task_scorer("log_loss")(model, X[test], HOLES[test]) == loss
    assert_array_equal(one["test_score"], named["test_log_loss"])
    assert_array_equal(both["test_a"], named["test_roc_auc"])
    assert len(cross_validate(NET, X, HOLES, error_score="raise")["test_score"]) == 5
    assert len(cross_validate(NET, X, FULL[:, 0], scoring="neg_brier_score")["test_score"]) == 5
