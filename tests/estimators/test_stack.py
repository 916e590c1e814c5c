"""Estimators fitted side by side as one network: each is what it is alone."""

import numpy as np
import pytest

from skmtl import MultiTaskNetClassifier
from skmtl.estimators._stack import CommonRows, cut_into_stacks
from skmtl.training import DivergenceError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = np.column_stack([X[:, 0] > 0, np.abs(X[:, 1]) > 0.5]).astype(float)
Y[RNG.random(Y.shape) < 0.3] = np.nan

VARIANTS = [
    {},
    {"loss_weights": [1, 5]},
    {"learning_rate_init": 0.02},
    {"learning_rate_init": 1e200},
    {"dropout": 0.3},
    {"weight_decay": 1.0},
    {"class_weight": "balanced"},
    {"class_weight": {"task0": {0.0: 5}}, "n_estimators": 3},
    {"loss_weights": [1, 2, 3]},
]
DIVERGES, UNUSABLE = 3, 8
COMMON = {
    "auto": {},
    "held out, patience": {"n_iter_no_change": 1, "tol": 0.02, "max_iter": 12, "learning_rate": "constant"},
    "nothing held out": {"early_stopping": False},
    "training loss, patience": {"early_stopping": False, "n_iter_no_change": 1, "tol": 0.05, "max_iter": 12},
    "inputs scaled and dropped": {"input_scaling": True, "input_dropout": 0.2},
    "sgd, independent": {"optimizer": "sgd", "sharing": "independent"},
}


def make(**params):
    defaults = {"hidden_layer_sizes": (5,), "n_estimators": 2, "max_iter": 4, "batch_size": 32}
    return MultiTaskNetClassifier(**{**defaults, "dtype": "float64", "random_state": 0, **params})


def assert_same_fit(fitted, alone):
    assert fitted.n_iter_ == alone.n_iter_
    for name, values in alone.history_.items():
        np.testing.assert_allclose(fitted.history_[name], values, rtol=0, atol=1e-9)
    for name, values in alone.network_.buffer.arrays().items():
        np.testing.assert_allclose(fitted.network_.buffer.arrays()[name], values, rtol=0, atol=1e-9)
    assert fitted.network_.architecture.rates == alone.network_.architecture.rates
    np.testing.assert_array_equal(fitted.loss_weights_, alone.loss_weights_)
    assert fitted.n_features_in_ == alone.n_features_in_


@pytest.mark.parametrize("common", COMMON.values(), ids=COMMON)
@pytest.mark.parametrize("fit_params", [{}, {"X_val": X[:20], "y_val": Y[:20]}], ids=["own rows", "X_val"])
def test_each_estimator_becomes_what_it_becomes_alone(common, fit_params):
    estimators = [make(**{**common, **variant}) for variant in VARIANTS]
    (stack,) = cut_into_stacks(estimators, CommonRows(estimators[0], X, Y, **fit_params), 1e9)
    assert list(stack.errors) == [UNUSABLE]
    stack.advance(0.5)
    stack.keep([place for place in range(len(VARIANTS)) if place != 1])
    stack.advance(1.0)
    for place, variant in enumerate(VARIANTS):
        if place == 1:
            continue
        alone = make(**{**common, **variant})
        if place in (DIVERGES, UNUSABLE):
            error = DivergenceError if place == DIVERGES else ValueError
            with pytest.raises(error) as expected:
                alone.fit(X, Y, **fit_params)
            with pytest.raises(error) as found:
                stack.fitted(place)
            assert str(found.value) == str(expected.value)
        else:
            assert_same_fit(stack.fitted(place), alone.fit(X, Y, **fit_params))


def test_fits_that_have_stopped_leave_the_network():
    patient = {"max_iter": 30, "learning_rate": "constant", "early_stopping": False}
    estimators = [make(**patient, n_iter_no_change=2, tol=tol, learning_rate_init=rate)
                  for tol, rate in [(0.01, 1e-6), (0.01, 2e-6), (0.01, 0.02)]]  # fmt: skip
    (stack,) = cut_into_stacks(estimators, CommonRows(estimators[0], X, Y), 1e9)
    stack.advance(1.0)
    assert stack._training.run.network.buffer.members == 2
    for place, estimator in enumerate(estimators):
        assert_same_fit(stack.fitted(place), make(**estimator.get_params()).fit(X, Y))


def test_the_memory_allowed_bounds_a_stack_and_one_fit_is_always_trained():
    estimators = [make(loss_weights=[1, k + 1]) for k in range(6)]
    rows = CommonRows(estimators[0], X, Y)
    (whole,) = cut_into_stacks(estimators, rows, 1e9)
    each = whole.memory / 6
    for allowed, sizes in [(2.5 * each, [2, 2, 2]), (4 * each, [4, 2]), (each / 10, [1] * 6)]:
        stacks = list(cut_into_stacks(estimators, rows, allowed))
        assert [len(stack.places) for stack in stacks] == sizes
        assert all(stack.memory <= allowed for stack in stacks) or allowed < each
