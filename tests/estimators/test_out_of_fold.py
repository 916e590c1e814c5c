"""Predictions of the training rows by the members that held them out."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.inputs import held_out_rows, label_codes, read_labels, row_hashes

HOLDING = {"cv": 4, "kernel_blend": False}


def held_out_by(model, X, y, n_folds):
    """Which member holds out which row, ``(member, n)``, dealt anew."""
    encoded = model.encoder_.transform(X)
    codes = label_codes(read_labels(y, None))
    hashes = row_hashes(encoded, model.random_state) + row_hashes(codes, model.random_state + 1)
    return held_out_rows(hashes, model.n_estimators, n_folds)


def test_a_row_is_predicted_by_the_members_that_held_it_out(regressor):
    model = regressor.fit(**HOLDING, n_estimators=6)
    held_out = held_out_by(model, regressor.X, regressor.y, 4)
    assert set(held_out.sum(axis=0)) == {1, 2}
    of_members = np.stack([member(regressor, k).predict(regressor.X) for k in range(6)])
    expected = np.average(of_members, axis=0, weights=np.broadcast_to(held_out[:, :, None], of_members.shape))
    assert_allclose(model.oof_prediction_, expected, rtol=1e-12)


def member(case, k):
    """The whole estimator with member k's weights in every member."""
    model = case.fit(**HOLDING, n_estimators=6)
    for spec in model.network_.buffer.specs:
        values = model.network_.buffer.views[spec.name]
        values.copy_(values[k].expand_as(values).clone())
    return model


def test_rows_that_nobody_held_out_are_nan(case):
    model = case.fit(**HOLDING, n_estimators=2)
    seen = held_out_by(model, case.X, case.y, 4).any(axis=0)
    assert 0 < seen.sum() < len(seen)
    assert_array_equal(np.isnan(model.oof_prediction_), np.broadcast_to(~seen[:, None], case.y.shape))


def test_arrays_align_with_the_rows_passed(case):
    y = case.holes
    y[[0, 17]] = np.nan
    carries = np.isfinite(y).any(axis=1)
    whole = case.make(**HOLDING, n_estimators=4).fit(case.X, y)
    without = case.make(**HOLDING, n_estimators=4).fit(case.X[carries], y[carries])
    assert_array_equal(whole.oof_prediction_[carries], without.oof_prediction_)
    assert np.isnan(whole.oof_prediction_[~carries].astype(float)).all()
    assert whole.oof_score_ == without.oof_score_


def test_score_is_that_of_the_observed_cells(regressor):
    y, weights = regressor.holes, np.random.default_rng(2).integers(1, 3, regressor.y.shape)
    model = regressor.make(**HOLDING, n_estimators=4).fit(regressor.X, y, sample_weight=weights)
    assert list(model.oof_score_) == model.task_names_.tolist()
    for k, score in enumerate(model.oof_score_.values()):
        seen = np.isfinite(y[:, k])
        truth, predicted, w = y[seen, k], model.oof_prediction_[seen, k], weights[seen, k]
        spread = np.sum(w * (truth - np.average(truth, weights=w)) ** 2)
        assert_allclose(score, 1 - np.sum(w * (truth - predicted) ** 2) / spread)


def test_probabilities_follow_predict_proba(classifier, mixed):
    model = classifier.fit(**HOLDING, n_estimators=4)
    assert [p.shape for p in model.oof_proba_] == [p.shape for p in model.predict_proba(classifier.X)]
    for k, probabilities in enumerate(model.oof_proba_):
        assert_allclose(probabilities.sum(axis=1), 1)
        assert_array_equal(model.classes_[k][probabilities.argmax(axis=1)], model.oof_prediction_[:, k])
        assert model.oof_score_[f"task{k}"] == np.mean(model.oof_prediction_[:, k] == classifier.y[:, k])
    assert mixed.fit(**HOLDING).oof_proba_[1] is None


def test_single_task_arrays_are_one_dimensional(classifier):
    X, labels = classifier.X, np.array(["no", "yes"])[classifier.y[:, 0].astype(int)]
    model = classifier.make(**HOLDING, n_estimators=4).fit(X, labels)
    assert model.oof_prediction_.dtype == labels.dtype
    assert model.oof_proba_.shape == (len(X), 2)
    partly = classifier.make(**HOLDING, n_estimators=2).fit(X, labels).oof_prediction_
    assert set(map(type, partly)) == {str, float}
    whole = classifier.make(**HOLDING, n_estimators=4).fit(X, classifier.y[:, 0].astype(int))
    assert whole.oof_prediction_.dtype == np.int64


def test_pickles_keep_scores_and_leave_out_what_grows_with_the_rows(mixed):
    model = mixed.fit(**HOLDING, n_estimators=2)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.oof_score_ == model.oof_score_
    with pytest.raises(AttributeError, match="no oof_prediction_ after unpickling"):
        _ = loaded.oof_prediction_


@pytest.mark.parametrize("name", ["oof_prediction_", "oof_proba_", "oof_score_"])
def test_absent_where_no_member_held_rows_out(classifier, name):
    X, y = classifier.X, classifier.y
    alike = [
        classifier.fit(early_stopping=False),
        classifier.make().fit(X[:7], y[:7]),  # too few rows to hold some out
        classifier.make().fit(np.tile(X[:10], (4, 1)), np.tile(y[:10], (4, 1))),  # too many copies
        classifier.make(early_stopping=True).fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:]),
        classifier.make(**HOLDING, warm_start=True).fit(X, y).fit(X, y),
        classifier.fit(**HOLDING).partial_fit(X, y),
    ]
    for model in alike:
        with pytest.raises(AttributeError, match=f"no {name}: no member held out training rows"):
            getattr(model, name)


def test_absent_before_a_fit_and_without_classes(regressor):
    for cls in (MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor):
        with pytest.raises(AttributeError, match="no oof_score_ before it is fitted"):
            _ = cls().oof_score_
    with pytest.raises(AttributeError, match="no task is one of classes"):
        _ = regressor.fit(**HOLDING).oof_proba_
