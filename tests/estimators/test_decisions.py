"""Estimators that calibrate probabilities and choose thresholds on the rows that members hold out."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import f1_score, log_loss, make_scorer
from sklearn.model_selection import KFold

from skmtl import MultiTaskNet, MultiTaskNetClassifier
from skmtl.datasets import make_related_tasks
from skmtl.encoders import TabularEncoder
from skmtl.model_selection import MultiTaskSearchCV, TaskGroupingCV
from skmtl.postprocess import thresholded

X, NUMBERS = make_related_tasks(700, n_features=8, n_tasks=3, relatedness=0.6, noise=0.5, random_state=0)
Y = pd.DataFrame(
    {
        "rare": np.where(NUMBERS[:, 0] > np.quantile(NUMBERS[:, 0], 0.92), "yes", "no"),
        "slice": np.array(["a", "b", "c"])[np.digitize(NUMBERS[:, 1], [0.5, 2.0])],
        "number": NUMBERS[:, 2],
    }
)
Y = Y.mask(np.random.default_rng(0).random(Y.shape) < 0.2)
NEW, TRAIN = slice(500, 700), slice(0, 500)
BINS = TabularEncoder(numeric="piecewise", n_bins=16)
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 12, "local_correction": False, "random_state": 0}


def net(**params):
    return MultiTaskNet(**SMALL | {"encoder": BINS, "threshold_metric": "f1"} | params)


@pytest.fixture(scope="module")
def both():
    return net(calibration="sigmoid").fit(X[TRAIN], Y[TRAIN])


@pytest.fixture(scope="module")
def plain():
    return net().fit(X[TRAIN], Y[TRAIN])


def test_probabilities_are_calibrated_and_labels_follow_the_thresholds(both, plain):
    uncalibrated, probabilities = plain.predict_proba(X[NEW]), both.predict_proba(X[NEW])
    assert "slice" in both.calibration_
    for name, found, before in zip(["rare", "slice"], probabilities[:2], uncalibrated[:2], strict=True):
        expected = both.calibration_[name](before.astype(float)) if name in both.calibration_ else before
        assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(probabilities[1] - uncalibrated[1]).max() > 0.01
    assert_array_equal(both.predict(X[NEW])[:, 0] == "yes", probabilities[0][:, 1] > both.thresholds_["rare"])
    offset = np.log(probabilities[1]) + both.thresholds_["slice"]
    expected = both.classes_[1][offset.argmax(axis=1)]
    assert_array_equal(both.predict_frame(X[NEW])["slice"], expected)
    assert_array_equal(both.task_view("slice").predict(X[NEW]), expected)
    seen = Y["slice"][NEW].notna()
    assert both.score_tasks(X[NEW], Y[NEW])["slice"] == np.mean(expected[seen] == Y["slice"][NEW][seen])
    assert "number" not in both.thresholds_


def test_each_postprocessor_learns_from_what_the_one_before_leaves():
    params = {"kernel_blend": True, "tree_blend": True, "local_correction": True}
    corrected = net(**params).fit(X[TRAIN], Y[TRAIN])
    model = net(**params, calibration="temperature").fit(X[TRAIN], Y[TRAIN])
    assert [type(one).__name__ for one in model._postprocessors] == [
        "KernelBlend",
        "TreeBlend",
        "LocalCorrection",
        "Calibration",
    ]
    k = model.task_names_.tolist().index("slice")
    before = corrected.predict_proba(X[NEW])[k].astype(float)
    assert_allclose(model.predict_proba(X[NEW])[k], model.calibration_["slice"](before), rtol=1e-5)
    seen = Y["slice"][TRAIN].notna().to_numpy()
    losses = [log_loss(Y["slice"][TRAIN][seen], one.oof_proba_[k][seen]) for one in (model, corrected)]
    assert losses[0] < losses[1]


def test_calibration_leads_back_from_class_weights_to_frequencies():
    y = (Y["rare"][TRAIN].dropna() == "yes").astype(int)
    models = (net(class_weight="balanced", calibration=c).fit(X[y.index], y) for c in (None, "sigmoid"))
    weighted, calibrated = (model.oof_proba_[:, 1].mean() for model in models)
    assert calibrated == pytest.approx(y.mean(), abs=0.02)
    assert weighted > 3 * y.mean()


def test_out_of_fold_labels_follow_thresholds_of_other_folds(both):
    held_out = both._out_of_fold
    of_rows = held_out.thresholds["rare"]
    assert 2 < len(np.unique(of_rows)) <= 5
    expected = np.where(thresholded(both.oof_proba_[0], of_rows).argmax(axis=1), "yes", "no")
    seen = Y["rare"][TRAIN].notna().to_numpy()
    assert_array_equal(both.oof_prediction_[seen, 0], expected[seen])
    assert both.oof_score_["rare"] == pytest.approx(np.mean(expected[seen] == Y["rare"][TRAIN][seen]))


def test_thresholds_of_a_row_are_chosen_without_its_group():
    groups = np.arange(500) % 50  # of one size, so that each fold has every fifth
    model = net(cv=5, n_estimators=1, max_iter=4).fit(X[TRAIN], Y[TRAIN], groups=groups)
    of_rows = pd.Series(model._out_of_fold.thresholds["rare"]).groupby(groups)
    assert (of_rows.nunique() <= 1).all()
    assert of_rows.first().nunique() > 2


def test_compact_calibrates_held_out_rows_by_what_others_have_taught():
    model = net(cv=KFold(4), n_estimators=4, calibration="sigmoid", max_iter=4).fit(X[TRAIN], Y[TRAIN])
    small = model.compact()  # its member holds out rows of one unit only
    known = ~np.isnan(small.oof_proba_[1][:, 0])
    assert known.sum() in (124, 125)  # of 499 rows with a label
    assert_allclose(small.oof_proba_[1][known], model.oof_proba_[1][known], rtol=1e-5)


def test_thresholds_find_the_rare_class(plain):
    truth, seen = Y["rare"][NEW] == "yes", Y["rare"][NEW].notna()
    probabilities = plain.predict_proba(X[NEW])[0][:, 1]
    assert (probabilities[seen] < 0.5).all()  # nothing would be found
    assert f1_score(truth[seen], plain.predict(X[NEW])[seen, 0] == "yes") > 0.3


def test_thresholds_may_be_changed(both):
    changed = pickle.loads(pickle.dumps(both))
    assert_array_equal(changed.predict(X[NEW]), both.predict(X[NEW]))
    changed.thresholds_["rare"] = 0.0
    assert (changed.predict(X[NEW])[:, 0] == "yes").all()


def test_compact_estimators_keep_calibration_and_thresholds(both):
    small = both.compact(X[NEW], Y[NEW])
    assert small.thresholds_ == both.thresholds_
    probability = small.predict_proba(X[NEW])[0][:, 1]
    assert_array_equal(small.predict(X[NEW])[:, 0] == "yes", probability > both.thresholds_["rare"])
    known = ~np.isnan(small.oof_proba_[0][:, 0])
    assert 0 < known.sum() < 500
    kept = net(calibration="sigmoid", n_estimators=8).fit(X[TRAIN], Y[TRAIN]).compact()
    known = ~np.isnan(kept.oof_proba_[0][:, 0])
    assert_allclose(kept.oof_proba_[0][known], both.oof_proba_[0][known], rtol=1e-5)  # one cohort held a row out


def worth(gain):
    def profit(y_true, y_pred, sample_weight=None):
        return np.average(np.where(y_true == "yes", gain, -1.0) * (y_pred == "yes"), weights=sample_weight)

    return make_scorer(profit)  # which looks alike for every gain


def test_candidates_of_a_search_decide_as_alone():
    by_profit = {"threshold_metric": [{"rare": worth(2.0)}, {"rare": worth(50.0)}]}
    grid = [by_profit, {"threshold_metric": ["f1", {"slice": "balanced_accuracy"}], "calibration": [None, "isotonic"]}]
    train, test = np.arange(300), np.arange(300, 500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the rare class is never predicted
        search = MultiTaskSearchCV(net(), grid, cv=[(train, test)], refit=False).fit(X[TRAIN], Y[TRAIN])
        for candidate in (0, 1, 5):
            alone = net(**search.cv_results_["params"][candidate]).fit(X[train], Y.iloc[train])
            expected = alone.score(X[test], Y.iloc[test])
            assert search.cv_results_["split0_test_score"][candidate] == pytest.approx(expected, rel=1e-6)
    assert len(set(search.cv_results_["split0_test_score"].round(8))) > 3


def test_grouping_predicts_by_thresholds():
    grouping = TaskGroupingCV(net(), cv=2, random_state=0).fit(X[TRAIN], Y[TRAIN])
    assert grouping.thresholds_ == grouping.best_estimator_.thresholds_
    assert_array_equal(grouping.predict(X[NEW]), grouping.best_estimator_.predict(X[NEW]))
    assert (grouping.predict(X[NEW])[:, 0] == "yes").any()


def test_training_that_goes_on_ends_without(both):
    model = pickle.loads(pickle.dumps(both)).set_params(warm_start=True)
    for continued in (clone(model).fit(X[TRAIN], Y[TRAIN]).fit(X[TRAIN], Y[TRAIN]), model.partial_fit(X[:50], Y[:50])):
        assert not hasattr(continued, "thresholds_")
        assert not hasattr(continued, "calibration_")
        assert_array_equal(continued.predict(X[NEW])[:, 0] == "yes", continued.predict_proba(X[NEW])[0][:, 1] > 0.5)


@pytest.mark.parametrize("asked", [{"threshold_metric": "f1"}, {"calibration": "sigmoid"}])
def test_without_held_out_rows_is_an_error(asked):
    (name,) = asked
    model = MultiTaskNetClassifier(**SMALL | asked)
    for params, data in (({"early_stopping": False}, {}), ({}, {"X_val": X[:9], "y_val": Y["rare"][:9]})):
        with pytest.raises(ValueError, match=rf"{name}='.*' needs members that hold out .*early_stopping=True"):
            clone(model).set_params(**params).fit(X[:100], Y["rare"][:100], **data)


def hits(y_true, y_pred):
    return np.mean(y_true == y_pred)


@pytest.mark.parametrize(
    ("threshold_metric", "match"),
    [
        ("roc_auc", "task 'rare' must be a metric of predicted labels, such as 'f1'.* roc_auc is one of probabilities"),
        ("r2", "threshold_metric='r2' of task 'rare' cannot be used. The metric r2 is for numbers"),
        ("f2", "threshold_metric='f2' of task 'rare' cannot be used. metric must be one of"),
        (
            make_scorer(hits),
            "'rare' must be a metric with an argument sample_weight, .* make_scorer.* has none. Add it",
        ),
        ({"rare": hits}, "'rare' must be a metric with an argument sample_weight, .*; hits has none. Add it"),
        ({"number": "f1"}, "threshold_metric names task 'number', which is a regression task"),
        (["f1"], r"threshold_metric must have one entry for each of the \d tasks; got 1"),
        ({"rarely": "f1"}, "threshold_metric names the unknown task 'rarely'; the tasks are 'rare'"),
    ],
)
def test_bad_threshold_metric(threshold_metric, match):
    with pytest.raises(ValueError, match=match):
        net(threshold_metric=threshold_metric).fit(X[:100], Y[:100])


def test_a_class_that_is_never_predicted_gives_a_warning():
    with pytest.warns(UserWarning, match=r"'rare': predict says 'no' .* 8\.\d% of them are 'yes'.*threshold_metric"):
        net(threshold_metric={"slice": "f1"}).fit(X[TRAIN], Y[TRAIN])
    with pytest.warns(UserWarning, match="'1': predict says 0"):
        MultiTaskNetClassifier(**SMALL | {"max_iter": 6}).fit(
            X[TRAIN], pd.DataFrame({"1": 1 * (Y["rare"][TRAIN] == "yes")})
        )


# class weights --------------------------------------------------------------------------------------------------------


def test_class_weights_by_task_in_all_forms():
    by_task = {"rare": "balanced", "slice": {"a": 2.0, "c": 0.5}}
    forms = [
        by_task,
        ["balanced", by_task["slice"], None],
        pd.Series(by_task),
        pd.Series({"rare": "balanced", "slice": by_task["slice"], "number": None}).where(lambda one: one.notna()),
        {"rare": "balanced", "slice": pd.Series(by_task["slice"])},
    ]
    losses = [net(class_weight=form, max_iter=2).fit(X[:200], Y[:200]).history_["loss"] for form in forms]
    for loss in losses[1:]:
        assert_array_equal(loss, losses[0])
    one = net(class_weight=pd.Series({"no": 1.0, "yes": 3.0}), max_iter=2).fit(X[:200], Y["rare"][:200])
    other = net(class_weight={"yes": 3.0}, max_iter=2).fit(X[:200], Y["rare"][:200])
    assert_array_equal(one.history_["loss"], other.history_["loss"])


def test_numbers_have_no_class_weight():
    with pytest.raises(ValueError, match="class_weight has an entry for task 'number', which is a regression task"):
        net(class_weight={"number": "balanced"}).fit(X[:100], Y[:100])
