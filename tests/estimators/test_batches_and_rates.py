"""Batch size and learning rate of every step of a fit, as an optimizer meets them."""

import math

import numpy as np
import pytest

from skmtl import MultiTaskNetRegressor
from skmtl.training.optimizers import SGD

FACTORS = []  # of the last fit, which works on a copy of its optimizer


class Recorder(SGD):
    """Notes the multiple of the learning rate in every step."""

    def start(self, buffer, learning_rate, weight_decay):
        update = super().start(buffer, learning_rate, weight_decay)
        FACTORS.clear()
        step = update.step

        def recorded(factor):
            FACTORS.append(float(factor))
            step(factor)

        update.step = recorded
        return update


def fit(n_rows, **params):
    x = np.random.default_rng(0).normal(size=(n_rows, 2))
    small = {"hidden_layer_sizes": (1,), "n_estimators": 1, "early_stopping": False, "input_scaling": False}
    return MultiTaskNetRegressor(**small, optimizer=Recorder(), random_state=0, **params).fit(x, x)


def factors_of(n_rows, **params):
    """Multiples of the learning rate, step by step."""
    fit(n_rows, **params)
    return list(FACTORS)


def warm_up_and_cosine(n_steps):
    n_rising = max(n_steps // 20, 1)
    rise, fall = np.arange(1, n_rising + 1) / n_rising, np.arange(n_steps - n_rising) / max(n_steps - n_rising, 1)
    return np.concatenate([rise, (1 + np.cos(np.pi * fall)) / 2])


@pytest.mark.parametrize("n_rows", [40, 65, 600])
def test_steps_are_what_the_automatic_parameters_say(n_rows):
    model = fit(n_rows)
    chosen = {name: choice.value for name, choice in model.auto_params_.items()}
    assert chosen["learning_rate"] == "cosine"
    n_steps = chosen["max_iter"] * math.ceil(n_rows / chosen["batch_size"])
    np.testing.assert_allclose(FACTORS, warm_up_and_cosine(n_steps), atol=1e-12)


@pytest.mark.parametrize(
    ("n_rows", "batch_size"),
    [(64, 64), (65, 32), (511, 32), (512, 64), (4095, 64), (4096, 128), (32767, 128), (32768, 256)],
)
def test_larger_tables_are_learned_in_larger_batches(n_rows, batch_size):
    assert len(factors_of(n_rows, max_iter=1)) == math.ceil(n_rows / batch_size)


def test_a_batch_size_is_what_is_asked_for_up_to_the_number_of_rows():
    assert [len(factors_of(100, batch_size=size, max_iter=2)) for size in (1, 30, 99, 100, 1000)] == [200, 8, 4, 2, 2]


@pytest.mark.parametrize("max_iter", [1, 7, 40])
def test_the_rate_warms_up_and_falls_along_a_cosine(max_iter):
    factors = factors_of(100, batch_size=10, max_iter=max_iter)
    np.testing.assert_allclose(factors, warm_up_and_cosine(10 * max_iter), atol=1e-12)


def test_a_constant_rate_is_constant():
    assert factors_of(100, batch_size=10, max_iter=3, learning_rate="constant") == [1.0] * 30
