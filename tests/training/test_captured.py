"""A step recorded once and replayed; on a CPU replaying is doing the same again."""

import copy

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from skmtl import MultiTaskNetRegressor
from skmtl.sharing import SHARINGS, Relationship, Soft
from skmtl.training import OPTIMIZERS, Device, Streams
from skmtl.training._captured import CapturedStep, captured
from tests import _builders as build

X = np.random.default_rng(0).normal(size=(43, 4))
Y = np.column_stack([X[:, 0] - X[:, 1], X[:, 2] ** 2])


class Recorder:
    """Keeps what it is given, and counts."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def __call__(self, work):
        self.recorded += 1

        def replay():
            self.replayed += 1
            work()

        return replay


def record(step, recorder):
    step = captured(step, draws=False)
    step.capture = recorder
    return step


def make_training(sharing="hard", optimizer="adamw", dropout=0.0, weights=None, rates=(0.01, 0.01), own=()):
    layout = build.make_layout(list(Y.T))
    data = build.make_data(X, layout.encode(list(Y.T), np.ones(Y.shape, bool)), weights)
    streams = Streams.from_seed(0, 2)
    network = build.make_network(
        sharing,
        4,
        (8, 6),
        (1, 1),
        seeds=streams.initial,
        activation="silu",
        dropout=(dropout,) * 2,
        task_layer_sizes=own,
    )
    settings = build.make_config(
        2,
        2,
        optimizer=OPTIMIZERS[optimizer](),
        learning_rate=build.tensor(rates),
        weight_decay=build.tensor([0.1, 0.1]),
        batch_size=8,
        max_iter=4,
        tol=0.0,
    )
    return build.make_training(network, layout, data, settings, streams)


@pytest.mark.parametrize(
    ("sharing", "own"), [("hard", ()), ("hard", (5, 3)), ("ple", ()), (Soft(0.1), (5,)), (Relationship(0.1), ())]
)
@pytest.mark.parametrize("observed", [1.0, 0.6])
def test_replayed_steps_are_the_steps(sharing, own, observed):
    weights = torch.from_numpy(np.random.default_rng(1).random(Y.shape) < observed).double()
    plain, replayed = (make_training(sharing, weights=weights, own=own) for _ in range(2))
    recorder = Recorder()
    replayed.step = record(replayed.step, recorder)
    for _ in range(3):  # of five whole batches and a smaller one
        torch.testing.assert_close(replayed.epoch(), plain.epoch(), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(replayed.network.buffer.values, plain.network.buffer.values, rtol=1e-6, atol=1e-7)
    assert (recorder.recorded, recorder.replayed) == (1, 3 * 5 - 3)


def test_a_step_that_travels_is_recorded_anew():
    training = make_training()
    recorder = Recorder()
    training.step = record(training.step, recorder)
    training.epoch()
    training.step = copy.copy(training.step)
    training.epoch()
    assert recorder.recorded == 2


def test_other_data_and_other_members_are_recorded_anew():
    training = make_training()
    recorder = Recorder()
    training.step = record(training.step, recorder)
    training.epoch()
    training.go_on(training.data, training.config, None)
    training.epoch()
    last = torch.tensor([1])
    training = training.select(last)
    training.epoch()
    assert recorder.recorded == 3


class NoNumberLeaves(TorchDispatchMode):
    """Fails where a tensor's value goes to the host, for which a GPU would have to be waited for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function is not torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("sharing", SHARINGS)
def test_nothing_of_an_epoch_is_known_to_the_host(sharing):
    training = make_training(sharing, weights=torch.ones(Y.shape, dtype=torch.float64) * 2, own=(5, 3))
    with pytest.raises(AssertionError), NoNumberLeaves():
        bool(torch.ones(1) > 0)
    with NoNumberLeaves():
        training.epoch()


@pytest.mark.parametrize(
    ("changes", "fixed"),
    [({}, True), ({"optimizer": "sgd"}, False), ({"dropout": 0.2}, False), ({"rates": (0.1, 0.2)}, False)],
)
def test_only_steps_that_are_the_same_every_time_are_recorded(changes, fixed):
    training = make_training(**changes)
    assert isinstance(captured(training.step, draws=training.network.draws), CapturedStep) == fixed


def test_the_parameter_changes_nothing_on_a_cpu():
    params = {"hidden_layer_sizes": (8,), "n_estimators": 1, "max_iter": 3, "random_state": 0}
    nets = [
        MultiTaskNetRegressor(**params, device="cpu").set_params(device__cuda_graphs=graphs).fit(X, Y)
        for graphs in (False, True)
    ]
    assert nets[1].device == Device("cpu", cuda_graphs=True)
    np.testing.assert_array_equal(nets[0].predict(X), nets[1].predict(X))
