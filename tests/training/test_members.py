"""Members put side by side, taken out and trained on: each stays what it is alone."""

import numpy as np
import pytest
import torch

from skmtl.layers import ParameterBuffer, ParameterSpec
from skmtl.network import Network
from skmtl.sharing import SHARINGS
from skmtl.training import OPTIMIZERS, DivergenceError, Streams, Validation
from tests import _builders as build

N, D, MEMBERS = 40, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
Y = np.column_stack([X[:, 0], X[:, 1] * X[:, 2]])
LAYOUT = build.make_layout(list(Y.T))


def make_network(members, sharing="hard", dropout=0.0):
    return build.make_network(sharing, D, (5,), (1, 1), seeds=range(members), dropout=dropout)


def make_training(
    *, rates=(0.01,) * MEMBERS, optimizer="adamw", patience=float("inf"), own_cells=False, validated=True
):
    """Four members of two teams, each with weights, dropout and held-out rows of its own."""
    rng = np.random.default_rng(1)
    held_out = torch.from_numpy(rng.random((MEMBERS, N)) < 0.2)
    cells = rng.random((MEMBERS, N, 2) if own_cells else (N, 2))
    data = build.make_data(X, Y, cells, (~held_out).double())
    every = torch.arange(N).expand(MEMBERS, N)
    validation = Validation(build.make_objective(LAYOUT), data, every, held_out.double()) if validated else None
    settings = build.make_config(
        MEMBERS,
        2,
        optimizer=OPTIMIZERS[optimizer](),
        learning_rate=build.tensor(rates),
        loss_weights=build.tensor(rng.dirichlet([1, 1], MEMBERS)),
        max_iter=8,
        patience=patience,
        tol=0.02,
    )
    network = make_network(MEMBERS, dropout=(0.0, 0.2, 0.4, 0.0))
    streams, teams = Streams.from_seed(3, MEMBERS), np.array([0, 0, 1, 1])
    return build.make_training(network, LAYOUT, data, settings, streams, validation, teams=teams, task_names=["a", "b"])


def parameters(network):
    return network.buffer.arrays()


@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_stack_of_networks_holds_each_of_them(sharing):
    parts = [make_network(2, sharing, (0.1, 0.2)), make_network(1, sharing), make_network(3, sharing)]
    stack = Network.stack(parts)
    assert stack.architecture.dropout == (0.1, 0.2, 0.0, 0.0, 0.0, 0.0)
    x = torch.from_numpy(X)[None]
    torch.testing.assert_close(stack(x), torch.cat([part(x) for part in parts]), rtol=0, atol=1e-12)
    for members, part in zip(([0, 1], [2], [3, 4, 5]), parts, strict=True):
        chosen = stack.select(members)
        assert chosen.architecture.dropout == part.architecture.dropout
        for name, values in parameters(part).items():
            np.testing.assert_array_equal(parameters(chosen)[name], values)
    assert Network.stack(parts[:1]) is parts[0]
    back = stack.select([5, 2])
    np.testing.assert_array_equal(back(x).numpy(), stack(x)[[5, 2]].numpy())


def test_pick_keeps_the_layout_of_the_buffer():
    specs = [ParameterSpec(n, shape, lambda g, s: g.normal(size=s)) for n, shape in (("w", (2, 3)), ("b", (3,)))]
    buffer = ParameterBuffer(specs, 3, torch.float64, build.CPU)
    buffer.initialise([np.random.default_rng(k) for k in range(3)])
    fewer = ParameterBuffer(specs, 2, torch.float64, build.CPU)
    fewer.values.copy_(buffer.pick(buffer.values, torch.tensor([2, 0])))
    for name in ("w", "b"):
        assert torch.equal(fewer.views[name], buffer.views[name][[2, 0]])


def test_early_stopping_does_not_look_at_tasks_of_loss_weight_0():
    def trained(of_second):
        data = build.make_data(X, Y)
        judges = build.make_data(X, np.column_stack([Y[:, 0], np.full(N, of_second)]))
        validation = Validation(build.make_objective(LAYOUT), judges, torch.arange(N)[None], torch.ones(1, N).double())
        config = build.make_config(2, 2, loss_weights=build.tensor([[1, 0], [0.5, 0.5]]))
        given = make_network(2), LAYOUT, data, config, Streams.from_seed(3, 2), validation
        training = build.make_training(*given, teams=np.arange(2), task_names=["a", "b"])
        training.advance(4)
        return training

    near, far = trained(0.0), trained(1e308)  # whose loss is infinite
    assert np.isinf(far.history.arrays()["validation_loss"][:, 0, 1]).all()
    assert list(far.failures) == [1]
    assert "task 'b'" in str(far.failures[1])
    np.testing.assert_array_equal(far.stopping.kept()[0], near.stopping.kept()[0])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rates", [(0.01,) * 4, (0.01, 0.02, 0.005, 0.03)])
@pytest.mark.parametrize("own_cells", [False, True])
@pytest.mark.parametrize("patience", [float("inf"), 1])
@pytest.mark.parametrize("validated", [True, False])
def test_members_that_go_on_alone_train_as_before(optimizer, rates, own_cells, patience, validated):
    settings = {"rates": rates, "own_cells": own_cells, "patience": patience, "validated": validated}
    together = make_training(optimizer=optimizer, **settings)
    together.advance(8)
    shrunk = make_training(optimizer=optimizer, **settings)
    shrunk.advance(3)
    members = torch.tensor([1, 3])
    shrunk = shrunk.select(members)
    shrunk.advance(8)
    assert len(shrunk.history) > 3
    kept, expected = shrunk.network_of(torch.tensor([0, 1])), together.network_of(members)
    for name, values in parameters(expected).items():
        np.testing.assert_allclose(parameters(kept)[name], values, rtol=0, atol=1e-10)
    history, whole = shrunk.history.arrays(), together.history.select(members).arrays()
    for name, values in whole.items():
        np.testing.assert_allclose(history[name], values, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(shrunk.stopping.best_epoch, together.stopping.best_epoch[[1, 3]])


def test_a_team_that_diverges_stops_and_leaves_the_others_alone():
    calm = make_training()
    calm.advance(8)
    wild = make_training(rates=(0.01, 0.01, 0.01, 1e200))
    wild.advance(8)
    assert list(wild.failures) == [1]
    assert isinstance(wild.failures[1], DivergenceError)
    assert "learning_rate_init=1e+200" in str(wild.failures[1])
    assert wild.stopping.active.tolist() == [True, True, False, False]
    first = torch.tensor([0, 1])
    for name, values in parameters(calm.network_of(first)).items():
        np.testing.assert_allclose(parameters(wild.network_of(first))[name], values, rtol=0, atol=1e-10)


def test_weights_that_are_not_finite_at_the_end_are_told_by_team():
    training = make_training()
    training.advance(2)
    training.network.buffer.views["head.bias"][2] = np.nan
    training.stopping.keep_best = False
    training.check_weights()
    assert list(training.failures) == [1]
    assert "a weight is not finite" in str(training.failures[1])
