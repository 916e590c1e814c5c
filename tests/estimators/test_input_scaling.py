"""Inputs scaled by what they matter to a member, in whole fits."""

import pickle

import numpy as np
import pytest
import torch

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.defaults import estimators as rules
from skmtl.encoders import ModuleEncoder, TabularEncoder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 40))
Y = np.column_stack([X[:, 0] + np.sin(2 * X[:, 1]), X[:, 1] - X[:, 2]])  # 37 columns say nothing
TRAIN, TEST = slice(0, 120), slice(120, None)
SMALL = {"hidden_layer_sizes": (16,), "n_estimators": 2, "max_iter": 60, "random_state": 0}


def fit(**params):
    return MultiTaskNetRegressor(**{**SMALL, "input_scaling": True, "effort": "fixed", **params}).fit(
        X[TRAIN], Y[TRAIN]
    )


def error(model):
    return float(((model.predict(X[TEST]) - Y[TEST]) ** 2).mean())


def test_few_columns_among_many_are_found():
    scaled, plain = fit(max_iter=150), fit(max_iter=150, input_scaling=False)
    assert plain.network_.architecture.input_scale is None
    scale = scaled.network_.architecture.input_scale
    assert scale[:, :3].mean() > 1.5 * scale[:, 3:].mean()
    assert error(scaled) < 0.6 * error(plain)
    assert scaled.n_iter_ <= 150


def test_the_scale_lives_as_long_as_the_network():
    model = fit(max_iter=10, warm_start=True)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    scale = model.network_.architecture.input_scale
    model.fit(X[TRAIN], Y[TRAIN]).partial_fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(model.network_.architecture.input_scale, scale)
    assert MultiTaskNetRegressor(**SMALL).partial_fit(X, Y).network_.architecture.input_scale is None


def test_a_network_that_has_learned_keeps_its_scale_in_any_precision():
    model = fit(max_iter=10, warm_start=True, dtype="bfloat16")
    scale = model.network_.architecture.input_scale
    np.testing.assert_array_equal(model.fit(X[TRAIN], Y[TRAIN]).network_.architecture.input_scale, scale)


def test_factors_have_a_root_mean_square_of_a_half():
    scale = fit(max_iter=2).network_.architecture.input_scale
    np.testing.assert_allclose(np.square(scale).mean(axis=1), 0.25)


def test_what_an_encoder_learns_from_is_neither_scaled_nor_dropped():
    module = ModuleEncoder(torch.nn.Linear(40, 6))
    architecture = fit(encoder=module, max_iter=2, input_scaling=True, input_dropout=0.5).network_.architecture
    assert architecture.input_scale is None
    assert architecture.input_dropout == 0.0


@pytest.mark.parametrize("loss_weights", [(1, 1), (4, 1), (1, 4)])
def test_an_input_counts_by_the_loss_weight_of_its_task(loss_weights, monkeypatch):
    """Of a linear net of tasks that are an input each: squared factors are as the weights of the tasks."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.permutation(np.repeat([-1.0, 1.0], 75)) for _ in range(2)])
    params = {**SMALL, "hidden_layer_sizes": (), "encoder": TabularEncoder(numeric="scaled"), "early_stopping": False}
    monkeypatch.setattr(rules, "RELEVANCE_STEPS", 2000)  # to the last digit
    learned = {"learning_rate_init": 0.05, "batch_size": 8, "max_iter": 100}
    model = MultiTaskNetRegressor(**{**params, **learned}, input_scaling=True, loss_weights=loss_weights).fit(x, x)
    squares = np.square(model.network_.architecture.input_scale)
    np.testing.assert_allclose(squares[:, 0] / squares[:, 1], loss_weights[0] / loss_weights[1], rtol=1e-3)


@pytest.mark.parametrize("kind", ["numbers", "classes"])
@pytest.mark.parametrize("n_tasks", [1, 2, 5])
def test_a_row_of_weight_two_counts_as_two_rows(kind, n_tasks):
    rng = np.random.default_rng(0)
    rows, weights = rng.uniform(size=(40, 6)), rng.integers(0, 3, 40)
    y = rows[:, :n_tasks] + rows[:, [5]]
    y = np.digitize(y, [0.8, 1.2]) if kind == "classes" else y
    estimator = MultiTaskNetClassifier if kind == "classes" else MultiTaskNetRegressor
    settings = {"max_iter": 30, "learning_rate_init": 0.05, "batch_size": 1000, "early_stopping": False}
    model = estimator(**{**SMALL, **settings}, dtype="float64", input_scaling=True)
    weighted = model.fit(rows, y, sample_weight=weights).network_.architecture.input_scale
    repeated = model.fit(rows.repeat(weights, axis=0), y.repeat(weights, axis=0)).network_.architecture.input_scale
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)
