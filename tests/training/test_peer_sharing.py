"""Peers that share parameters, in the limits that make them one network or many, in float64."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid

from skmtl import MultiTaskNetRegressor
from skmtl.collaboration import COLLABORATIONS, CoTraining, MutualLearning
from skmtl.layers import ParameterBuffer, ParameterSpec
from skmtl.model_selection import MultiTaskSearchCV
from skmtl.model_selection.search._candidates import grouped, net_key, read_candidates
from skmtl.sharing import LatentTasks
from skmtl.training import (
    PEER_SHARINGS,
    SGD,
    AdamW,
    AdditivePeers,
    Averaging,
    BatchEnsemble,
    Elastic,
    PeerRows,
    PeerSharing,
    _joined,
    by_cohort,
)
from skmtl.training._step import Step
from tests import _builders as build
from tests._fits import fitted, read_inputs, stacks_of

RNG = np.random.default_rng(0)
N, N_PEERS = 96, 4
X = RNG.normal(size=(N, 3))
Y = np.column_stack([X[:, 0] * X[:, 1], X[:, 2]])
Y[RNG.random(Y.shape) < 0.3] = np.nan
Y[np.isnan(Y).all(axis=1), 0] = 1.0
SMALL = {"hidden_layer_sizes": (6,), "dtype": "float64", "random_state": 0, "max_iter": 4, "batch_size": 16}
ALONE = {**SMALL, "early_stopping": False, "input_scaling": False}
MOMENTUM = {"optimizer": SGD(0.9), "learning_rate_init": 0.05, "weight_decay": 0.1}


def fit(**params):
    return MultiTaskNetRegressor(**{**SMALL, **params}).fit(X, Y)


def weights(model):
    """Weights of each peer, ``(member, values)``."""
    return np.hstack([array.reshape(len(array), -1) for array in model.network_.buffer.arrays().values()])


@pytest.mark.parametrize("batch_size", [16, 200], ids=["batches", "all rows at once"])
def test_a_mean_in_each_step_is_one_network_on_whole_batches(batch_size):
    params = {**ALONE, **MOMENTUM, "batch_size": batch_size}
    one = fit(n_estimators=1, **params)
    cohort = fit(n_estimators=1, n_peers=N_PEERS, peer_sharing=Averaging(period=1), **params)
    assert_allclose(weights(cohort), np.repeat(weights(one), N_PEERS, 0), rtol=0, atol=1e-10)
    assert_allclose(cohort.predict(X), one.predict(X), rtol=0, atol=1e-10)
    assert np.abs(weights(one) - weights(fit(n_estimators=1, **{**params, "max_iter": 1}))).max() > 0.01


@pytest.mark.parametrize("optimizer", [AdamW(), SGD(0.9)])
def test_deltas_that_stay_at_0_are_one_network_on_whole_batches(optimizer, monkeypatch):
    updates = AdditivePeers.updates

    def frozen(self, *args):
        (update,) = updates(self, *args)
        update._updates.pop("own")
        return [update]

    monkeypatch.setattr(AdditivePeers, "updates", frozen)
    params = {**ALONE, **MOMENTUM, "optimizer": optimizer}
    one = fit(n_estimators=1, **params)
    cohort = fit(n_estimators=1, n_peers=N_PEERS, peer_sharing=AdditivePeers(), **params)
    assert_allclose(weights(cohort), np.repeat(weights(one), N_PEERS, 0), rtol=0, atol=1e-10)


def freeze_scalings(monkeypatch):
    """Batch ensembles whose scalings stay as they begin, at 1."""
    updates = BatchEnsemble.updates

    def frozen(self, *args):
        (update,) = updates(self, *args)
        for scaling in ("inputs", "outputs"):
            update._updates.pop(scaling)
        return [update]

    monkeypatch.setattr(BatchEnsemble, "updates", frozen)
    monkeypatch.setattr(BatchEnsemble, "initialise", PeerSharing.initialise)


@pytest.mark.parametrize("optimizer", [AdamW(), SGD(0.9)])
@pytest.mark.parametrize("sharing", ["hard", "additive", "low_rank", "ple", "latent"])
def test_scalings_that_stay_at_1_are_one_network(optimizer, sharing, monkeypatch):
    freeze_scalings(monkeypatch)
    sharing = LatentTasks(2, sparsity=0) if sharing == "latent" else sharing
    params = {**ALONE, **MOMENTUM, "optimizer": optimizer, "sharing": sharing, "n_estimators": 1}
    one = fit(**params)
    sees_all_rows = MutualLearning(strength=0.0)
    cohort = fit(n_peers=N_PEERS, peer_sharing="batch_ensemble", collaboration=sees_all_rows, **params)
    assert_allclose(weights(cohort), np.repeat(weights(one), N_PEERS, 0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", [Averaging(strength=0.0), Elastic(0.0)])
@pytest.mark.parametrize("params", [{}, {"cv": 3, "dropout": 0.2, "dtype": "float32"}])
def test_strength_0_trains_independent_members(method, params):
    shared = fit(n_estimators=2, n_peers=2, peer_sharing=method, **params)
    plain = fit(n_estimators=2, n_peers=2, **params)
    assert_array_equal(weights(shared), weights(plain))


def make_buffer(members):
    def draw(generator, shape):
        return generator.normal(size=shape)

    specs = [ParameterSpec("a", (3, 2), draw, hidden=True), ParameterSpec("b", (4,), draw, "task")]
    buffer = ParameterBuffer(specs, members, torch.float64, build.CPU)
    buffer.initialise([np.random.default_rng(k) for k in range(members)])
    buffer.gradient.copy_(torch.from_numpy(np.random.default_rng(9).normal(size=len(buffer.gradient))))
    return buffer


def chain(method, buffer):
    """Updates under plain gradient descent with rate 0.1 and no decay, peers in threes."""
    rate = torch.full((buffer.members,), 0.1, dtype=torch.float64)
    settings = {name: torch.full_like(rate, getattr(method, name)) for name in method.strengths}
    return method.updates(SGD(0.0, nesterov=False), buffer, 3, rate, torch.zeros_like(rate), settings)


def peers_of(flat, buffer):
    """``(cohort, peer, values)`` of a tensor in the layout of the buffer."""
    blocks = [block.flatten(1) for block, _ in buffer.blocks_of(flat)]
    return by_cohort(torch.cat(blocks, 1), 3)


def test_peers_go_towards_the_mean_of_their_cohort_every_period():
    buffer = make_buffer(6)
    expected, gradient = peers_of(buffer.values, buffer), peers_of(buffer.gradient, buffer)
    updates = chain(Averaging(period=2, strength=0.3), buffer)
    for step in (1, 2, 3):
        for update in updates:
            update.step(1.0)
        expected = expected - 0.1 * gradient
        if step == 2:
            expected = 0.7 * expected + 0.3 * expected.mean(1, keepdim=True)
        torch.testing.assert_close(peers_of(buffer.values, buffer), expected, rtol=0, atol=1e-12)


def test_the_elastic_penalty_adds_its_derivative():
    buffer = make_buffer(6)

    def penalty():
        peers = peers_of(buffer.values, buffer)
        return 0.4 * float((peers - peers.mean(1, keepdim=True)).square().sum())

    before, step = buffer.gradient.clone(), 1e-6
    chain(Elastic(0.4), buffer)[0].step(1.0)
    for place in range(len(buffer.values)):
        difference = 0.0
        for sign in (1, -1):
            buffer.values[place] += sign * step
            difference += sign * penalty()
            buffer.values[place] -= sign * step
        assert abs(difference / (2 * step) - (buffer.gradient - before)[place]) < 1e-7


def test_terms_of_a_sum_follow_their_own_losses_and_penalty():
    buffer = make_buffer(6)
    gradient, peers = peers_of(buffer.gradient, buffer), peers_of(buffer.values, buffer)
    common = peers.mean(1, keepdim=True)
    own = peers - common
    (update,) = chain(AdditivePeers(own_strength=0.7), buffer)
    for _ in range(2):
        update.step(1.0)
        common = common - 0.1 * gradient.mean(1, keepdim=True)
        own = own - 0.1 * (gradient + 2 * 0.7 * own)
        torch.testing.assert_close(peers_of(buffer.values, buffer), common + own, rtol=0, atol=1e-12)


def test_one_peer_with_fixed_scalings_is_a_plain_network(monkeypatch):
    freeze_scalings(monkeypatch)
    plain, alone = make_buffer(2), make_buffer(2)
    rates = torch.tensor([0.1, 0.2]).double(), torch.tensor([0.3, 0.4]).double()
    (update,) = BatchEnsemble().updates(AdamW(), alone, 1, *rates, {})
    expected = AdamW().start(plain, *rates)
    for _ in range(3):
        update.step(1.0)
        expected.step(1.0)
    torch.testing.assert_close(alone.values, plain.values, rtol=0, atol=1e-10)


def test_matrices_and_scalings_follow_their_derivatives():
    buffer = make_buffer(6)
    BatchEnsemble().initialise(buffer, 3, [np.random.default_rng(k) for k in range(6)])
    target = torch.from_numpy(np.random.default_rng(3).normal(size=(2, 3, 3, 2)))
    (update,) = chain(BatchEnsemble(), buffer)
    w, r, s = (part.clone().requires_grad_() for part in update._by_name()["a"])
    torch.testing.assert_close(r * w * s, by_cohort(buffer.views["a"], 3), rtol=0, atol=1e-12)
    assert set(r.detach().abs().flatten().tolist()) == {1.0}
    assert r.detach().std() > 0
    others = buffer.views["b"] - 2 * 0.1 * buffer.gradient_views["b"]
    for _ in range(2):
        difference = by_cohort(buffer.views["a"], 3) - target
        by_cohort(buffer.gradient_views["a"], 3).copy_(2 * difference)
        update.step(1.0)
        losses = (r * w * s - target).square().sum((-1, -2))
        at_w = torch.autograd.grad(losses.mean(1).sum(), w, retain_graph=True)[0]
        at_r, at_s = torch.autograd.grad(losses.sum(), (r, s))
        with torch.no_grad():
            for part, gradient in ((w, at_w), (r, at_r), (s, at_s)):
                part.sub_(0.1 * gradient)
        torch.testing.assert_close(by_cohort(buffer.views["a"], 3), (r * w * s).detach(), rtol=0, atol=1e-10)
    torch.testing.assert_close(buffer.views["b"], others, rtol=0, atol=1e-12)


def test_a_batch_ensemble_goes_on_from_its_weights():
    buffer = make_buffer(6)
    BatchEnsemble().initialise(buffer, 3, [np.random.default_rng(k) for k in range(6)])
    (update,) = chain(BatchEnsemble(), buffer)
    for _ in range(3):
        update.step(1.0)
    (again,) = chain(BatchEnsemble(), buffer)
    for w, r, s in again._by_name().values():
        torch.testing.assert_close(r * w * s, by_cohort(buffer.views["a"], 3), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "params",
    [
        {
            "hidden_layer_sizes": (6, 5),
            "dropout": 0.2,
            "n_estimators": 2,
            "cv": 2,
            "n_iter_no_change": 1,
            "max_iter": 9,
        },
        {"collaboration": MutualLearning(), "input_scaling": False, "learning_rate": "constant"},
        {"optimizer": AdamW(weight_average="ema")},
    ],
)
def test_common_products_give_what_a_product_of_each_peer_gives(params, monkeypatch):
    shared = fit(n_peers=N_PEERS, peer_sharing="batch_ensemble", **params)
    monkeypatch.setattr(Step, "_share_products", lambda self: None)
    alone = fit(n_peers=N_PEERS, peer_sharing="batch_ensemble", **params)
    assert_allclose(weights(shared), weights(alone), rtol=0, atol=1e-10)
    assert_allclose(shared.history_["loss"], alone.history_["loss"], rtol=0, atol=1e-10)


def test_common_products_outlive_an_interrupt_within_an_epoch(monkeypatch):
    call, found, steps = Step.__call__, [], []

    def interrupted(self, *args):
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(args)
        return call(self, *args)

    monkeypatch.setattr(Step, "__call__", interrupted)
    for share in (Step._share_products, lambda self: None):
        monkeypatch.setattr(Step, "_share_products", share)
        steps.clear()
        with pytest.warns(UserWarning, match="interrupted by user"):
            found.append(weights(fit(peer_sharing="batch_ensemble", n_estimators=1, **ALONE)))
    assert_allclose(*found, rtol=0, atol=1e-10)


def test_common_products_go_on_where_another_fit_has_ended():
    nets = [MultiTaskNetRegressor(**SMALL, n_estimators=1, learning_rate_init=rate) for rate in (0.01, 0.03)]
    nets = [net.set_params(peer_sharing="batch_ensemble") for net in nets]
    rows = read_inputs(nets[0], X, Y)
    (stack,) = stacks_of([(net, rows) for net in nets])
    stack.advance(0.5)
    stack.keep([1])
    stack.advance(1.0)
    assert_allclose(weights(fitted(stack, 1)), weights(nets[1].fit(X, Y)), rtol=0, atol=1e-10)


def test_common_products_take_the_rows_of_each_fold(monkeypatch):
    monkeypatch.setattr(_joined, "MAX_REPEATED", 0)
    params = {"n_peers": 2, "collaboration": "mutual", "peer_sharing": "batch_ensemble", **ALONE}
    net = MultiTaskNetRegressor(**params, n_estimators=1, input_dropout=0.0)
    grid, labels = {"learning_rate_init": [0.01, 0.03]}, np.nan_to_num(Y)
    ours, theirs = (search(net, grid, cv=KFold(3)).fit(X, labels) for search in (MultiTaskSearchCV, GridSearchCV))
    assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        (Averaging(period=1, strength=0.01), Averaging(period=1, strength=0.3)),
        (Elastic(0.01), Elastic(1.0)),
        (AdditivePeers(0.0), AdditivePeers(0.3)),
    ],
)
def test_peers_come_closer_as_the_strength_grows(weak, strong):
    def spread(method):
        model = fit(n_estimators=1, n_peers=N_PEERS, peer_sharing=method, **ALONE, learning_rate="constant")
        return weights(model).std(axis=0).mean()

    assert spread(weak) > 1.5 * spread(strong) > 0


@pytest.mark.parametrize("n_rows", [16, 18, 3])
def test_each_row_of_a_batch_goes_to_one_peer_of_a_cohort(n_rows):
    values = np.arange(n_rows, dtype=float)[:, None]
    kept = torch.ones(8, n_rows, dtype=torch.float64)
    kept[:4, 1] = 0.0
    data = PeerRows(build.make_data(values, values, kept=kept), N_PEERS, 8)
    seen = []
    for epoch in range(2):
        (batch,) = data.batches(n_rows, [np.random.default_rng(epoch)])
        assert batch.x.shape == (8, -(-n_rows // N_PEERS), 1)
        assert_array_equal(batch.x, batch.targets)
        by_peer = by_cohort(batch.x[..., 0], N_PEERS), by_cohort(batch.weights[..., 0], N_PEERS)
        for cohort, (rows, counted) in enumerate(zip(*by_peer, strict=True)):
            expected = np.delete(np.arange(n_rows), [1] if cohort == 0 else [])
            assert_array_equal(np.sort(rows[counted > 0]), expected)
        seen.append(batch.x.clone())
        if n_rows % N_PEERS:
            assert_array_equal(batch.counts[:4, 0], [max(len(p), 1) for p in np.array_split(values, N_PEERS)])
    assert not torch.equal(*seen)


def test_losses_of_an_epoch_are_means_although_a_peer_sees_a_part():
    params = {**ALONE, "batch_size": N, "n_estimators": 1, "max_iter": 1}
    cohort = fit(n_peers=N_PEERS, peer_sharing="averaging", **params)
    assert_allclose(cohort.history_["loss"].mean(1), fit(**params).history_["loss"][:, 0], rtol=1e-10)


@pytest.mark.parametrize("name", PEER_SHARINGS)
def test_a_search_trains_cohorts_as_they_train_alone(name):
    net = MultiTaskNetRegressor(**SMALL, n_estimators=2, cv=3)
    grid = {"peer_sharing": [None, name], "learning_rate_init": [0.01, 0.03], "n_peers": [2]}
    ours, theirs = (
        search(net, grid, cv=KFold(2)).fit(X, np.nan_to_num(Y)) for search in (MultiTaskSearchCV, GridSearchCV)
    )
    assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"peer_sharing": ["averaging"], "peer_sharing__period": [1, 3], "peer_sharing__strength": [0.2, 1.0]},
        {"peer_sharing": ["elastic"], "peer_sharing__strength": [0.01, 0.5]},
        {"peer_sharing": ["additive"], "peer_sharing__own_strength": [0.01, 0.5]},
    ],
)
def test_members_carry_strengths_of_their_own(settings):
    net = MultiTaskNetRegressor(**SMALL, n_estimators=1, n_peers=2)
    candidates = read_candidates(net, ParameterGrid(settings))
    rows = read_inputs(net, X, Y)
    (stack,) = stacks_of([(candidate.net, rows) for candidate in candidates])
    assert [len(group) for group in grouped(candidates, net_key)] == [len(candidates)]
    stack.advance(1.0)
    found = [fitted(stack, place) for place in range(len(candidates))]
    for candidate, model in zip(candidates, found, strict=True):
        assert_allclose(weights(model), weights(candidate.net.fit(X, Y)), rtol=0, atol=1e-10)
    assert min(np.abs(weights(found[0]) - weights(other)).max() for other in found[1:]) > 1e-4


def test_peers_without_coupling_are_no_members_beside_coupled_ones():
    grid = {"peer_sharing": [Averaging(strength=0.0), Averaging(strength=0.5), Elastic(0.1)], "n_peers": [2]}
    candidates = read_candidates(MultiTaskNetRegressor(), ParameterGrid(grid))
    assert [[candidate.index for candidate in group] for group in grouped(candidates, net_key)] == [[0], [1], [2]]


@pytest.mark.parametrize("name", PEER_SHARINGS)
@pytest.mark.parametrize("collaboration", [None, *COLLABORATIONS])
def test_both_ways_of_learning_from_one_another_combine(name, collaboration):
    method = CoTraining(views=[[0, 1], [2]]) if collaboration == "co_training" else collaboration
    params = {
        "peer_sharing": name,
        "collaboration": method,
        "n_estimators": 1,
        "cv": 3,
        "max_iter": 2,
        "input_scaling": False,
    }
    model = fit(**params, dropout=0.2)
    assert np.isfinite(model.predict(X)).all()
    assert model.n_peers_ == (4 if collaboration in (None, "pseudo_labels") else 2)
    assert_array_equal(fit(**params, dropout=0.2).predict(X), model.predict(X))
    assert weights(model).std(axis=0).max() > 0


@pytest.mark.parametrize("method", [Averaging(3, 0.5), Elastic(0.1), AdditivePeers(0.1), BatchEnsemble()])
def test_cohorts_clone_pickle_and_go_on(method):
    model = MultiTaskNetRegressor(**SMALL, n_estimators=1, n_peers=2, peer_sharing=method, input_scaling=True)
    model.set_params(peer_sharing__strength=0.2) if hasattr(method, "strength") else None
    model = clone(model).fit(X, Y)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert_array_equal(model.network_.architecture.input_scale[0], model.network_.architecture.input_scale[1])
    loss = model.partial_fit(X, Y).history_["loss"].mean()
    for _ in range(10):
        model.partial_fit(X, Y)
    assert model.history_["loss"].mean() < loss


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"peer_sharing": "averaging", "n_peers": 1}, "peer_sharing=Averaging needs two peers or more; got n_peers=1"),
        ({"peer_sharing": "gossip"}, "peer_sharing='gossip' is not known. Choose one of"),
        ({"peer_sharing": Averaging(period=0)}, "period of peer_sharing=Averaging must be an integer of at least 1"),
        (
            {"peer_sharing": Averaging(strength=1.5)},
            "strength of peer_sharing=Averaging must be a number of at least 0",
        ),
        ({"peer_sharing": Elastic(-1)}, "strength of peer_sharing=Elastic must be a number of at least 0"),
        ({"peer_sharing": AdditivePeers("a")}, "own_strength of peer_sharing=AdditivePeers must be a number"),
        (
            {"peer_sharing": "additive", "sharing": LatentTasks(sparsity=0.1)},
            "sparsity of sharing=LatentTasks must be 0 with peer_sharing=AdditivePeers.* got 0.1. Set it to 0",
        ),
        (
            {"peer_sharing": "batch_ensemble", "sharing": LatentTasks(sparsity=[0, 0.1])},
            "sparsity of sharing=LatentTasks must be 0 with peer_sharing=BatchEnsemble",
        ),
    ],
)
def test_bad_settings_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        fit(**params)
