"""Averages of the weights along a run: what they are, and that they are what is judged and kept."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import MultiTaskNetRegressor
from skmtl.training import EMA, SGD, SWA, AdamW, Streams, Validation
from tests import _builders as build

RNG = np.random.default_rng(0)
X = RNG.normal(size=(43, 4))
Y = np.column_stack([X[:, 0] - X[:, 1], X[:, 2] ** 2])
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 6, "random_state": 0}
STEPS = 3 * 6  # epochs of six batches


def make_training(average, held_out=None):
    layout = build.make_layout(list(Y.T))
    kept = None if held_out is None else (~held_out).double()
    data = build.make_data(X, layout.encode(list(Y.T), np.ones(Y.shape, bool)), kept=kept)
    streams = Streams.from_seed(0, 2)
    network = build.make_network("hard", 4, (6,), (1, 1), seeds=streams.initial)
    optimizer = SGD(0.5, weight_average=average)
    config = build.make_config(2, 2, optimizer=optimizer, batch_size=8, max_iter=3, learning_rate=build.tensor([1, 2]))
    every, validation = torch.arange(len(X)).expand(2, -1), None
    if held_out is not None:
        validation = Validation(build.make_objective(layout), data, every, held_out.double())
    return build.make_training(network, layout, data, config, streams, validation)


def plain_weights():
    """Weights after each step of a run without an average."""
    training, seen = make_training(None), []
    (update,), values = training.step.updates, training.network.buffer.values
    step = update.step

    def watched(factor):
        step(factor)
        seen.append(values.clone())

    update.step = watched
    training.advance(3)
    assert len(seen) == STEPS
    return seen


def exponential(seen, decay):
    """Weights of the steps in the average, the newest last."""
    average = torch.zeros_like(seen[0])
    for step, values in enumerate(seen, 1):
        kept = min(decay, 1 - 1 / step)
        average = kept * average + (1 - kept) * values
    return average


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        (EMA(0.8), lambda seen: exponential(seen, 0.8)),
        (EMA(0.999), lambda seen: torch.stack(seen).mean(0)),  # longer than the run
        (SWA(0.5), lambda seen: torch.stack(seen[9:]).mean(0)),
        (SWA(0.0), lambda seen: torch.stack(seen).mean(0)),
        (EMA(0.0), lambda seen: seen[-1]),
        (SWA(1.0), lambda seen: seen[-1]),
        ("swa", lambda seen: torch.stack(seen[14:]).mean(0)),
    ],
)
def test_the_average_is_that_of_the_weights_after_each_step(average, expected):
    seen = plain_weights()
    training = make_training(average)
    training.advance(3)
    assert torch.equal(training.network.buffer.values, seen[-1])  # training does not feel it
    torch.testing.assert_close(training.stopping.kept(), expected(seen), rtol=0, atol=1e-12)
    kept = training.network_of(torch.tensor([1])).buffer.values
    torch.testing.assert_close(kept, training.judged.select([1]).buffer.values, rtol=0, atol=0)


@pytest.mark.parametrize("average", [EMA(0.0), SWA(1.0)])
@pytest.mark.parametrize("params", [{}, {"early_stopping": False}, {"learning_rate": "constant"}])
def test_an_average_of_the_last_weights_alone_is_a_plain_fit(average, params):
    plain = MultiTaskNetRegressor(**SMALL, **params).fit(X, Y)
    averaged = MultiTaskNetRegressor(**SMALL, **params, optimizer=AdamW(weight_average=average)).fit(X, Y)
    assert_array_equal(averaged.predict(X), plain.predict(X))
    assert_array_equal(averaged.history_["validation_loss"], plain.history_["validation_loss"])


def test_held_out_losses_are_those_of_the_average():
    training = make_training(EMA(0.9), torch.from_numpy(RNG.random((2, len(X))) < 0.3))
    plain = make_training(None, torch.from_numpy(RNG.random((2, len(X))) < 0.3))
    for epoch in range(3):
        training.advance(epoch + 1)
        losses = training.validation.losses(training.judged).numpy()
        assert_allclose(training.history.arrays()["validation_loss"][-1], losses, rtol=0, atol=1e-12)
        assert np.abs(losses - training.validation.losses(training.network).numpy()).min() > 1e-4
    plain.advance(1)
    assert plain.judged is plain.network


def test_some_of_the_members_keep_their_average():
    whole, some = make_training(EMA(0.9)), make_training(EMA(0.9))
    whole.advance(3)
    some.advance(1)
    before = some.judged.select([1]).buffer.values
    some = some.select(torch.tensor([1]))
    assert torch.equal(some.stopping.kept(), before)
    some.advance(3)
    expected = whole.judged.select([1]).buffer.values
    torch.testing.assert_close(some.stopping.kept(), expected, rtol=0, atol=1e-12)


def test_the_average_is_there_as_soon_as_a_state_is_loaded():
    training, resumed = make_training("ema"), make_training("ema")
    training.advance(2)
    resumed.load_state(*training.state())
    assert torch.equal(resumed.stopping.kept(), training.stopping.kept())
    assert not torch.equal(resumed.stopping.kept(), training.network.buffer.values)


def test_settings_are_grid_axes_and_training_goes_on_with_the_average():
    net = MultiTaskNetRegressor(**SMALL, optimizer="adamw")
    net.set_params(optimizer__weight_average="ema").set_params(optimizer__weight_average__decay=0.5)
    assert net.optimizer == AdamW(weight_average=EMA(0.5))
    assert net.optimizer != AdamW(weight_average=EMA(0.6))
    net.set_params(optimizer=SGD(0.0, weight_average=EMA(0.9)), learning_rate_init=0.1, batch_size=43)
    net.partial_fit(X, Y)
    first = net.network_.buffer.values.clone()
    net.partial_fit(X, Y)
    assert_allclose(net.network_.buffer.values, (first + net._training.network.buffer.values) / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("average", "error", "message"),
    [
        ("median", ValueError, "weight_average of optimizer=AdamW='median' is not known. Choose one of 'ema', 'swa'"),
        (0.9, TypeError, "weight_average of optimizer=AdamW must be one of 'ema', 'swa' or a WeightAverage object"),
        (EMA(1.0), ValueError, "decay of weight_average=EMA must be a number of at least 0 and below 1; got 1.0"),
        (SWA(1.5), ValueError, "start of weight_average=SWA must be a number of at least 0 and at most 1; got 1.5"),
    ],
)
def test_bad_settings_are_named(average, error, message):
    with pytest.raises(error, match=message):
        MultiTaskNetRegressor(**SMALL, optimizer=AdamW(weight_average=average)).fit(X, Y)
