"""Training that goes on: partial_fit and warm starts."""

import numpy as np
import pytest

from skmtl import MultiTaskNetRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = np.column_stack([X @ [1.0, 2.0, 3.0], X[:, 0] - X[:, 1]])
SMALL = {"hidden_layer_sizes": (16,), "n_estimators": 2, "random_state": 0}


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_constant_first_batch_does_not_freeze_a_task(loss):
    counts = np.round(np.exp(X[:, 0])) + 1
    model = MultiTaskNetRegressor(loss=loss, learning_rate_init=0.01, **SMALL)
    first = np.flatnonzero(counts == 2)[:3]
    assert len(first) == 3
    model.partial_fit(X[first], counts[first])
    for _ in range(150):
        model.partial_fit(X, counts)
    assert model.score(X, counts) > 0.8


def test_partial_fit_heeds_changed_settings():
    model = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y)
    before = model.predict(X)
    model.set_params(learning_rate_init=1e-12).partial_fit(X, Y)
    np.testing.assert_allclose(model.predict(X), before, atol=1e-8)
    model.set_params(learning_rate_init=0.01, loss_weights=[1, 0]).partial_fit(X, Y)
    np.testing.assert_array_equal(model.history_["weight"][-1, 0], [1, 0])


def test_partial_fit_keeps_the_moments_while_settings_stay():
    """Two passes with one optimizer differ from two with fresh moments."""
    kept = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y).partial_fit(X, Y)
    fresh = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y)
    del fresh._run
    fresh.partial_fit(X, Y)
    assert np.abs(kept.predict(X) - fresh.predict(X)).max() > 1e-6


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_layer_sizes": (5,)},
        {"activation": "tanh"},
        {"sharing": "independent"},
        {"dropout": 0.5},
        {"input_dropout": 0.5},
    ],
)
def test_a_network_does_not_change_while_training_goes_on(change):
    model = MultiTaskNetRegressor(warm_start=True, max_iter=2, **SMALL).fit(X, Y)
    with pytest.raises(ValueError, match=f"{next(iter(change))} was .* warm_start=False"):
        model.set_params(**change).fit(X, Y)


def test_a_task_without_labels_in_a_pass_has_no_loss():
    model = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y)
    model.partial_fit(X, np.where([True, False], Y, np.nan))
    assert np.isnan(model.history_["loss"][0, :, 1]).all()
    assert np.isfinite(model.history_["loss"][0, :, 0]).all()
