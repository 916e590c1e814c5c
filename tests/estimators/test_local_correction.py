"""Estimators whose predictions are corrected by held-out errors about rows alike."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.fitting import predict_responses
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV
from skmtl.postprocess import relevance

RNG = np.random.default_rng(0)
X = np.repeat(RNG.normal(size=(50, 3)), 3, axis=0)  # every row comes three times
CODES = np.repeat(RNG.integers(0, 2, (50, 2)), 3, axis=0)  # classes that only memory can know
X += 1e-3 * RNG.normal(size=X.shape)
Y = CODES.astype(float)
Y[RNG.random(Y.shape) < 0.2] = np.nan
Y[np.isnan(Y).all(axis=1), 0] = 0.0
FRESH = X + 1e-3 * RNG.normal(size=X.shape)
WITHOUT_BLENDS = {"kernel_blend": False, "tree_blend": False}
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "n_estimators": 8, "random_state": 0, **WITHOUT_BLENDS}


def classifier(**params):
    return MultiTaskNetClassifier(**{**SMALL, **params})


def accuracy(model):
    return float((model.predict(FRESH) == CODES).mean())


def test_rows_are_remembered_that_a_network_cannot_tell_apart():
    assert accuracy(classifier(local_correction=False).fit(X, Y)) < 0.75
    assert accuracy(classifier().fit(X, Y)) > 0.95


def test_numbers_and_classes_are_corrected_each_in_its_own_way():
    number = 10.0 + 3.0 * CODES[:, 1] + 0.1 * RNG.normal(size=len(X))
    model = MultiTaskNet(tasks=["binary", "regression"], **SMALL).fit(X, np.column_stack([CODES[:, 0], number]))
    predicted = model.predict(FRESH)
    assert (predicted[:, 0] == CODES[:, 0]).mean() > 0.95
    assert np.abs(predicted[:, 1] - (10.0 + 3.0 * CODES[:, 1])).mean() < 0.5


def test_inputs_count_by_the_outputs_of_tasks_with_a_loss_weight():
    number = 10.0 + 3.0 * CODES[:, 1] + 0.1 * RNG.normal(size=len(X))
    labels = np.column_stack([CODES[:, 0], number, CODES[:, 1]])  # in the network the two of classes are neighbours
    tasks = ["binary", "regression", "binary"]
    model = MultiTaskNet(tasks=tasks, loss_weights=[0, 1, 2], **SMALL).fit(X, labels)
    rows = model.encoder_.transform(X).astype(np.float32)
    learned = model._layout.arrange(np.tile([False, True, True], (SMALL["n_estimators"], 1)))
    by_learned, by_all = (relevance(model.network_, rows, which) for which in (learned, np.ones_like(learned)))
    (correction,) = model._postprocessors
    assert_allclose(correction.scale_, by_learned, rtol=1e-5)
    assert np.abs(by_learned - by_all).max() > 1e-3


def test_held_out_scores_are_those_of_corrected_predictions():
    plain, corrected = classifier(local_correction=False).fit(X, Y), classifier().fit(X, Y)
    assert min(corrected.oof_score_.values()) > 0.9 > max(plain.oof_score_.values())
    held_out = corrected.oof_proba_[0]
    assert_allclose(held_out.sum(axis=1), 1.0, rtol=1e-12)
    seen = ~np.isnan(Y[:, 0])
    assert corrected.oof_score_["task0"] == np.mean(corrected.oof_prediction_[seen, 0] == Y[seen, 0])


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_of_a_row_do_not_vouch_for_it(copies):
    rows, coin = RNG.normal(size=(100, 3)), RNG.integers(0, 2, 100)
    model = classifier().fit(np.tile(rows, (copies, 1)), np.tile(coin, copies))
    assert not model._postprocessors or model.oof_score_["task0"] < 0.7


def test_where_nothing_is_gained_the_network_has_the_word():
    rows, noise = RNG.normal(size=(300, 30)), RNG.normal(size=300)
    assert not MultiTaskNetRegressor(**SMALL).fit(rows, noise)._postprocessors


@pytest.mark.filterwarnings("ignore:Task 'task0'. predict says 1.0 for every")  # of the few rows that are held out
@pytest.mark.parametrize(
    "params",
    [{"early_stopping": False}, {"n_estimators": 7}, {"cv": 20}],
    ids=["nothing held out", "fewer members than folds", "more folds than members"],
)
def test_auto_wants_all_rows_held_out(params):
    assert not classifier(**params).fit(X, Y)._postprocessors


def test_few_members_correct_by_the_rows_that_they_held_out_on_request():
    model = classifier(n_estimators=2, local_correction=np.True_).fit(X, Y)
    assert model._postprocessors
    assert len(model._postprocessors[0].tasks_[0].moments) == np.sum(~np.isnan(model.oof_proba_[0][:, 0])) < len(X) / 2


def test_on_request_without_held_out_rows_is_an_error():
    with pytest.raises(ValueError, match=r"local_correction=True needs members that hold out .*early_stopping"):
        classifier(local_correction=True, early_stopping=False).fit(X, Y)
    with pytest.raises(ValueError, match=r"local_correction=True .*X_val"):
        classifier(local_correction=True).fit(X, Y, X_val=X[:9], y_val=CODES[:9])


def test_training_that_goes_on_drops_the_correction():
    model = classifier(warm_start=True, local_correction=True).fit(X, Y)
    assert model._postprocessors
    model.fit(X, Y)
    assert not model._postprocessors
    model = classifier(local_correction=True).fit(X, Y).partial_fit(X, Y)
    assert not model._postprocessors


def test_a_pickle_predicts_the_same():
    model = classifier().fit(X, Y)
    copy = pickle.loads(pickle.dumps(model))
    for got, expected in zip(copy.predict_proba(FRESH), model.predict_proba(FRESH), strict=True):
        assert_array_equal(got, expected)


def test_rows_are_corrected_alike_in_pieces_and_at_once():
    model = classifier(dtype="float64").fit(X, Y)
    at_once = model.predict_proba(FRESH)[0]
    one_by_one = np.vstack([model.predict_proba(row[None])[0] for row in FRESH[:20]])
    assert_allclose(one_by_one, at_once[:20], rtol=1e-9)


def test_sparse_rows_are_corrected_as_dense_ones():
    dense = np.where(np.abs(X) > 0.5, X, 0.0)
    model = classifier(dtype="float64").fit(sparse.csr_array(dense), Y)
    assert model._postprocessors
    assert_allclose(model.predict_proba(sparse.csr_array(dense))[0], model.predict_proba(dense)[0], rtol=1e-6)


def test_a_task_view_is_corrected_too():
    model = classifier().fit(X, Y)
    assert_array_equal(model.task_view(1).predict_proba(FRESH), model.predict_proba(FRESH)[1])
    uncorrected = predict_responses(model.network_, model._layout, model.encoder_, FRESH)
    assert np.abs(uncorrected[1] - model.predict_proba(FRESH)[1]).max() > 0.1


def test_weight_zero_is_no_label():
    weights = np.where(np.arange(len(X))[:, None] % 4 == 0, 0.0, np.ones_like(Y))
    masked = np.where(weights > 0, Y, np.nan)
    a, b = classifier().fit(X, Y, sample_weight=weights), classifier().fit(X, masked)
    assert a._postprocessors
    assert_allclose(a.predict_proba(FRESH)[0], b.predict_proba(FRESH)[0], rtol=1e-6)


def test_a_search_scores_corrected_predictions_as_grid_search_does():
    grid = {"loss_weights": [[1, 1], [1, 3]], "local_correction": [True, False]}
    model = classifier(dtype="float64", max_iter=3)
    searches = [kind(clone(model), grid, cv=MultiTaskKFold(2)).fit(X, Y) for kind in (GridSearchCV, MultiTaskSearchCV)]
    one, ours = (search.cv_results_["mean_test_score"] for search in searches)
    assert_allclose(ours, one, rtol=0, atol=1e-9)
    assert one[0] > one[2]
    assert_array_equal(searches[0].predict(FRESH), searches[1].predict(FRESH))
