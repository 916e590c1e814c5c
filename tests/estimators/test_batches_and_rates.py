"""Batch size and learning rate of every step of a fit, as an optimizer meets them."""

import math

import numpy as np
import pytest

from skmtl import MultiTaskNetRegressor
from skmtl.training.optimizers import SGD


class Recorder(SGD):
    """Notes the multiple of the learning rate in every step."""

    def start(self, buffer, learning_rate, weight_decay):
        update = super().start(buffer, learning_rate, weight_decay)
        self.factors, step = [], update.step

        def recorded(factor):
            self.factors.append(float(factor))
            step(factor)

        update.step = recorded
        return update


def factors_of(n_rows, **params):
    """Multiples of the learning rate, step by step."""
    x, recorder = np.random.default_rng(0).normal(size=(n_rows, 2)), Recorder()
    small = {"hidden_layer_sizes": (1,), "n_estimators": 1, "early_stopping": False, "input_scaling": False}
    MultiTaskNetRegressor(**small, optimizer=recorder, random_state=0, **params).fit(x, x)
    return recorder.factors


@pytest.mark.parametrize(
    ("n_rows", "batch_size"),
    [(64, 64), (65, 32), (511, 32), (512, 64), (4095, 64), (4096, 128), (32767, 128), (32768, 256)],
)
def test_larger_tables_are_learned_in_larger_batches(n_rows, batch_size):
    assert len(factors_of(n_rows, max_iter=1)) == math.ceil(n_rows / batch_size)


def test_a_batch_size_is_what_is_asked_for_up_to_the_number_of_rows():
    assert [len(factors_of(100, batch_size=size, max_iter=2)) for size in (1, 30, 99, 100, 1000)] == [200, 8, 4, 2, 2]


@pytest.mark.parametrize(("max_iter", "n_rising"), [(40, 20), (7, 3), (1, 1)])
def test_the_rate_warms_up_and_falls_along_a_cosine(max_iter, n_rising):
    factors = np.array(factors_of(100, batch_size=10, max_iter=max_iter))
    rise, fall = factors[:n_rising], factors[n_rising:]
    np.testing.assert_allclose(rise, np.arange(1, n_rising + 1) / n_rising)
    np.testing.assert_allclose(fall, (1 + np.cos(np.pi * np.arange(len(fall)) / len(fall))) / 2)
    assert len(factors) == 10 * max_iter


def test_a_constant_rate_is_constant():
    assert factors_of(100, batch_size=10, max_iter=3, learning_rate="constant") == [1.0] * 30
