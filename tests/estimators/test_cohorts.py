"""Cohorts of peers in place of single members: who holds out what, and what that changes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold

from skmtl import MultiTaskNetRegressor
from skmtl.model_selection import MultiTaskSearchCV
from tests.estimators.test_held_out import differing, weights_of

FOLDS = 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3))
Y = np.column_stack([X[:, 0], X[:, 1] * X[:, 2]])
COUNTS = 10 * (1 + RNG.permutation(100))
SMALL = {"hidden_layer_sizes": (8,), "cv": FOLDS, "local_correction": False, "random_state": 0}


def fit(y=Y, **params):
    return MultiTaskNetRegressor(**{**SMALL, "max_iter": 3, **params}).fit(X, y)


def held_out(model):
    return np.isfinite(model.oof_prediction_).reshape(len(X), -1).all(axis=1)


def test_peers_are_members_from_other_weights_that_see_the_same_batches():
    cohorts = fit(n_estimators=2, n_peers=3, early_stopping=False, cv=None)
    members = fit(n_estimators=6, early_stopping=False, cv=None)
    assert (cohorts.n_peers_, members.n_peers_) == (3, 1)
    assert cohorts.history_["loss"].shape == (3, 6, 2)
    assert_array_equal(cohorts.predict(X), members.predict(X))


def test_peers_of_a_cohort_hold_out_the_same_rows():
    model = fit(n_estimators=2, n_peers=2)
    alone = fit(n_estimators=2)
    assert_array_equal(held_out(model), held_out(alone))
    assert held_out(model).sum() == 50
    assert_array_equal(model.history_["loss"][:, 0], alone.history_["loss"][:, 0])


@pytest.mark.parametrize("peer_sharing", [None, "averaging", "elastic", "additive", "batch_ensemble"])
def test_no_peer_learns_from_what_its_cohort_holds_out(peer_sharing):
    """Changed labels of the first fold, of equal ranks and mean, leave the first cohort as it was to the last bit."""
    fold = np.flatnonzero(held_out(fit(COUNTS, n_estimators=1, n_peers=2)))
    changed = COUNTS.copy()
    changed[fold[:12]] += 4
    changed[fold[12:24]] -= 4
    params = {"loss": "poisson", "n_estimators": FOLDS, "n_peers": 2, "input_scaling": False, "max_iter": 1}
    params |= {"peer_sharing": peer_sharing, "batch_size": 20}
    one, other = (fit(y, **params) for y in (COUNTS, changed))
    weights = ([weights_of(model, k) for k in range(2 * FOLDS)] for model in (one, other))
    assert differing(*weights) == [False, False] + [True] * 6


def test_out_of_fold_predictions_are_means_over_the_peers_of_a_cohort():
    model = fit(n_estimators=1, n_peers=2)
    assert_allclose(model.oof_prediction_[held_out(model)], model.predict(X)[held_out(model)], rtol=1e-6)


def test_corrections_need_a_cohort_for_each_fold():
    params = {"cv": FOLDS, "local_correction": "auto", "max_iter": 1}
    assert not fit(n_estimators=2, n_peers=2, **params).auto_params_["local_correction"].value
    assert fit(n_estimators=4, n_peers=2, **params).auto_params_["local_correction"].value


@pytest.mark.parametrize("grid", [{"n_peers": [1, 2]}, {"learning_rate_init": [0.001, 0.01], "n_peers": [2]}])
def test_a_search_keeps_cohorts_whole(grid):
    net = MultiTaskNetRegressor(**SMALL, n_estimators=2, max_iter=3, dtype="float64")
    ours, theirs = (search(net, grid, cv=KFold(3)).fit(X, Y) for search in (MultiTaskSearchCV, GridSearchCV))
    name = "mean_test_score"
    assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], rtol=0, atol=1e-9)
    assert ours.best_params_ == theirs.best_params_


def test_training_goes_on_with_the_same_cohorts():
    model = fit(n_estimators=2, n_peers=2)
    model.set_params(warm_start=True).fit(X, Y)
    assert model.n_peers_ == 2
    model.set_params(n_peers="auto").fit(X, Y)
    assert model.n_peers_ == 2
    assert model.network_.architecture.members == 4
    with pytest.raises(ValueError, match="n_peers was 2 when training began and is now 4"):
        model.set_params(n_peers=4).fit(X, Y)
    with pytest.raises(ValueError, match="n_estimators was 2 when training began and is now 4"):
        model.set_params(n_peers=2, n_estimators=4).fit(X, Y)


@pytest.mark.parametrize("n_peers", [0, 1.5, "many"])
def test_a_number_of_peers_must_be_positive(n_peers):
    with pytest.raises(ValueError, match="n_peers"):
        fit(n_peers=n_peers)
