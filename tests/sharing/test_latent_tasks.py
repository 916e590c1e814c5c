"""Sparse mixes of latent tasks: the limits that make them another architecture, and the proximal step."""

import numpy as np
import pytest
import torch

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.layers import Workspace
from skmtl.sharing import BodySpec, Hard, Independent, LatentTasks
from tests import _builders as build
from tests.sharing.test_laws import TASKS, X, assert_equal_outputs, make, renamed, to_hard


def test_one_latent_task_taken_once_is_hard_sharing():
    to_hard(LatentTasks(n_latent=1), lambda arrays, trunk: renamed("latent", arrays, trunk))  # the mix starts at 1
    assert (make(LatentTasks(n_latent=1)).buffer.arrays()["mixture"] == 1).all()


def test_a_latent_task_for_each_is_independent():
    independent, network = make(Independent()), make(LatentTasks(n_latent=TASKS))
    arrays = network.buffer.arrays()
    for name, block in independent.buffer.arrays().items():
        arrays[name.replace("trunks", "latent", 1)][:] = block
    arrays["mixture"][:] = np.eye(TASKS)
    network.buffer.load(arrays)
    assert_equal_outputs(network, independent)


def test_parameters_are_mixes():
    network, independent = make(LatentTasks(n_latent=2)), make(Independent())
    arrays = network.buffer.arrays()
    arrays["mixture"][:] = np.random.default_rng(0).normal(size=arrays["mixture"].shape)
    network.buffer.load(arrays)
    mixed = {n: block for n, block in arrays.items() if n.startswith("head")}
    for name in [n for n in arrays if n.startswith("latent")]:
        mixed[name.replace("latent", "trunks", 1)] = np.einsum("mtk,mk...->mt...", arrays["mixture"], arrays[name])
    independent.buffer.load(mixed)
    assert_equal_outputs(network, independent)


def test_all_tasks_start_with_one_mix_of_the_size_of_a_draw():
    network, hard = make(LatentTasks(n_latent=50), sizes=(200,)), make(Hard(), sizes=(200,))
    network.layers.body.forward(X, Workspace())
    weight = network.layers.body.mlp.layers[0].weight.unflatten(0, (-1, TASKS))
    assert torch.equal(weight[:, 0], weight[:, 1])
    assert abs(weight.std() / hard.layers.body.mlp.layers[0].weight.std() - 1) < 0.05


def test_the_proximal_step_moves_towards_zero_and_stops_there():
    network = make(LatentTasks(n_latent=3, sparsity=0.5))
    (penalty,) = network.layers.body.penalties
    values = torch.linspace(-1, 1, 18, dtype=torch.float64).view(2, 3, 3)
    network.buffer.views["mixture"].copy_(values)
    penalty.strength = torch.tensor([0.5, 2.0], dtype=torch.float64)
    penalty.shrink(torch.tensor([0.4, 0.3], dtype=torch.float64))
    found = network.buffer.views["mixture"]
    for member, threshold in enumerate([0.2, 0.6]):
        before = values[member]
        expected = torch.sign(before) * (before.abs() - threshold).clamp_min(0)
        torch.testing.assert_close(found[member], expected, rtol=0, atol=1e-12)
    assert (found == 0).any()


def training_of(sparsities, rates):
    """Training of a member for each sparsity, on tasks of which the third is unlike the others."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3))
    labels = np.column_stack([rows[:, 0], rows[:, 0], rows[:, 2] ** 2])
    layout = build.make_layout(list(labels.T))
    data = build.make_data(rows, layout.encode(list(labels.T), np.ones(labels.shape, bool)))
    strengths = {"sparsity": tuple(sparsities)}
    members = range(len(sparsities))
    network = build.make_network(
        LatentTasks(n_latent=2), 3, (4,), (1, 1, 1), seeds=[0] * len(members), strengths=strengths
    )
    config = build.make_config(len(members), 3, learning_rate=build.tensor(rates), max_iter=20)
    return build.make_training(network, layout, data, config, build.make_streams([0] * len(members)))


def test_each_member_has_its_own_sparsity_and_keeps_it():
    rates = [0.02, 0.03, 0.04]
    training = training_of([0.0, 0.5, 5.0], rates)
    build.train(training)
    zeros = (training.network.buffer.views["mixture"] == 0).sum((1, 2)).tolist()
    assert zeros[0] == 0
    assert zeros[2] == 6
    alone = training_of([0.5], rates[1:2])
    build.train(alone)
    mixture = training.network.buffer.views["mixture"][1]
    torch.testing.assert_close(alone.network.buffer.views["mixture"][0], mixture, rtol=0, atol=1e-10)
    chosen = training.select(torch.tensor([0, 1])).step
    updates = [update for update in chosen.updates if hasattr(update, "penalties")]
    assert [update.penalties[0].strength.tolist() for update in updates] == [[0.0, 0.5]] * 2
    before = chosen.updates[-1].penalties[0]._values.clone()
    chosen.updates[-1].step(2.0)
    assert torch.equal(chosen.updates[-1].penalties[0]._values, soft_threshold(before, [0.0, 2 * 0.03 * 0.5]))


def soft_threshold(values, thresholds):
    limit = torch.tensor(thresholds, dtype=torch.float64)[:, None]
    return values - torch.clamp(values, -limit, limit)


def test_a_larger_sparsity_leaves_fewer_latent_tasks_to_a_task():
    rows, labels = make_related_tasks(200, 10, 4, relatedness=0.9, groups=2, random_state=0)
    settings = {"n_estimators": 2, "max_iter": 60, "early_stopping": False, "random_state": 0}
    settings |= {"hidden_layer_sizes": (8,), "learning_rate_init": 0.02}
    counts = []
    for sparsity in (0.0, 0.7, 3.0):
        net = MultiTaskNetRegressor(sharing=LatentTasks(3, sparsity), **settings)
        mixture = net.fit(rows, labels).inspect_sharing(rows)["mixture"]
        assert mixture.shape == (2, 4, 3)
        counts.append((mixture != 0).sum())
    assert counts[0] == 24
    assert counts[0] > counts[1] > counts[2]


@pytest.mark.parametrize(
    ("sharing", "message"),
    [
        (LatentTasks(n_latent=0), "n_latent of sharing=LatentTasks must be an integer of at least 1; got 0"),
        (LatentTasks(sparsity=-0.1), "sparsity of sharing=LatentTasks must be a number of at least 0"),
    ],
)
def test_bad_parameters_are_named(sharing, message):
    with pytest.raises(ValueError, match=message):
        sharing.build(BodySpec(1, 3, (4,), 2, "relu", torch.zeros(1, dtype=torch.float64)))
