"""What a member holds out judges it and teaches it nothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score

from skmtl import MultiTaskNetRegressor

FOLDS = 4
HOLDING = {"cv": FOLDS, "local_correction": False, "random_state": 0}
SMALL = {"hidden_layer_sizes": (8,), **HOLDING}


def held_out_by_first(X, y):
    """Whether the first member holds out each row: what one member alone can predict out of fold."""
    model = MultiTaskNetRegressor(**SMALL, n_estimators=1, max_iter=1).fit(X, y)
    return np.isfinite(model.oof_prediction_)


def weights_of(model, member):
    buffer = model.network_.buffer
    return np.concatenate([buffer.views[spec.name][member].flatten().numpy() for spec in buffer.specs])


def differing(values, others):
    """Which members differ in a single bit, of arrays by member."""
    return [not np.array_equal(value, other) for value, other in zip(values, others, strict=True)]


def test_no_member_learns_from_what_it_holds_out():
    """Change the labels of a member's fold: the member stays what it was to the last bit, and the others do not.

    The new labels keep their ranks, by which rows are dealt to folds, and their mean, by which targets are scaled. A
    member may well keep the weights of another epoch, so they are compared after one; losses are, in all epochs.
    """
    rng = np.random.default_rng(0)
    X, counts = rng.normal(size=(100, 3)), 10 * (1 + rng.permutation(100))
    fold = np.flatnonzero(held_out_by_first(X, counts))
    changed = counts.copy()
    changed[fold[:12]] += 4
    changed[fold[12:24]] -= 4
    assert len(fold) == 25
    assert_array_equal(np.flatnonzero(held_out_by_first(X, changed)), fold)
    for max_iter in (1, 5):
        params = {**SMALL, "loss": "poisson", "max_iter": max_iter, "n_iter_no_change": 5, "input_scaling": False}
        one, other = (MultiTaskNetRegressor(**params, n_estimators=FOLDS).fit(X, y) for y in (counts, changed))
        losses = (model.history_["loss"].swapaxes(0, 1) for model in (one, other))
        assert differing(*losses) == [False, True, True, True]
        if max_iter == 1:
            weights = ([weights_of(model, k) for k in range(FOLDS)] for model in (one, other))
            assert differing(*weights) == [False, True, True, True]


@pytest.mark.parametrize("local_correction", [True, False])
def test_noise_is_learned_by_heart_and_not_predicted_out_of_fold(local_correction):
    """Copies of a row stay in one fold, so that one epoch learns the others by heart, and none of these."""
    rng = np.random.default_rng(0)
    X, noise = np.repeat(rng.normal(size=(40, 20)), 50, axis=0), np.repeat(rng.normal(size=40), 50)
    params = {**HOLDING, "hidden_layer_sizes": (64,), "max_iter": 1, "local_correction": local_correction}
    model = MultiTaskNetRegressor(**params, n_estimators=FOLDS, learning_rate_init=0.02).fit(X, noise)
    assert r2_score(noise, model.predict(X)) > 0.6
    assert r2_score(noise, model.oof_prediction_) < 0.05
    assert model.oof_score_["task0"] < 0.05


@pytest.mark.parametrize("loss_weights", [(0.02, 0.98), (0.98, 0.02)])
def test_early_stopping_weighs_tasks_by_loss_weights(loss_weights):
    """The weighted held-out loss says when a member stops and which weights it keeps.

    The first task is noise, the second is learned slowly: which of them counts more decides.
    """
    rng, patience = np.random.default_rng(0), 4
    X = rng.normal(size=(80, 6))
    Y = np.column_stack([rng.normal(size=80), X[:, 0]])
    params = {**SMALL, "batch_size": 16, "learning_rate_init": 0.01, "max_iter": 60, "n_iter_no_change": patience}
    model = MultiTaskNetRegressor(**params, n_estimators=1, tol=0.0, loss_weights=loss_weights).fit(X, Y)
    by_task = model.history_["validation_loss"][:, 0]
    best = int(np.argmin(by_task @ loss_weights))
    assert model.n_iter_ == best + patience + 1
    held_out = np.isfinite(model.oof_prediction_[:, 0])
    kept = np.mean((model.oof_prediction_ - Y)[held_out] ** 2, axis=0) / Y.var(axis=0)
    assert_allclose(kept, by_task[best], rtol=1e-5)
