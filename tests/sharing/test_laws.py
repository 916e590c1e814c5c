"""Each architecture in the limit that makes it another one, in float64."""

import numpy as np
import pytest
import torch

from skmtl.layers import Workspace
from skmtl.sharing import (
    CGC,
    PLE,
    SHARINGS,
    Additive,
    Attention,
    BodySpec,
    Bypass,
    CrossStitch,
    Hard,
    Independent,
    LowRank,
    MMoE,
    Soft,
)
from tests import _builders as build

MEMBERS, TASKS, N_INPUTS, ROWS = 2, 3, 4, 9
OUTPUTS = (1, 3, 1)
X = torch.randn(1, ROWS, N_INPUTS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def make(sharing, sizes=(7, 5), members=MEMBERS, dropout=0.0, **fields):
    fields |= {"dropout": dropout, "initial_bias": np.arange(5.0)}
    return build.make_network(sharing, N_INPUTS, sizes, OUTPUTS, seeds=range(members), **fields)


def passes_of(network, **options):
    generators = [torch.Generator().manual_seed(k) for k in range(network.architecture.members)]
    return network.training_passes(generators, **options)


def trunk_like(shared):
    """Arrays of a trunk with ``(member, 1, ...)`` blocks by name, from those of a hard network."""
    return {name: block for name, block in shared.items() if name.startswith("trunk")}


def per_task_head(network, hard):
    """Give a network with a vector a task the output layer of ``hard``, which all tasks read; further inputs get 0."""
    arrays = network.buffer.arrays()
    weight, bias = hard.buffer.arrays()["head.weight"], hard.buffer.arrays()["head.bias"]  # (member, 1, output, width)
    arrays["head.weight"][:], arrays["head.bias"][:] = 0.0, 0.0
    for task, (start, n) in enumerate(zip(np.cumsum((0, *OUTPUTS)), OUTPUTS, strict=False)):
        arrays["head.weight"][:, task, :n, : weight.shape[3]] = weight[:, 0, start : start + n]
        arrays["head.bias"][:, task, :n] = bias[:, 0, start : start + n]
    return arrays


def assert_equal_outputs(network, other):
    torch.testing.assert_close(network(X), other(X), rtol=0, atol=1e-10)
    assert other(X).std() > 0.01


def to_hard(sharing, convert, sizes=(7, 5)):
    """Assert that ``sharing`` computes what a hard network does once ``convert`` has put the latter's trunk into it."""
    hard, network = make(Hard(), sizes), make(sharing, sizes)
    arrays = per_task_head(network, hard)
    convert(arrays, trunk_like(hard.buffer.arrays()))
    network.buffer.load(arrays)
    assert_equal_outputs(network, hard)


def renamed(prefix, arrays, trunk):
    for name, block in trunk.items():
        arrays[name.replace("trunk", prefix, 1)][:] = block


def test_rank_zero_is_hard_sharing():
    def convert(arrays, trunk):
        arrays.update({name: block[:, 0] for name, block in trunk.items()})

    to_hard(LowRank(rank=3), convert)  # the corrections start at 0


def test_low_rank_corrections_are_products():
    network = make(LowRank(rank=2), sizes=(5,))
    arrays = network.buffer.arrays()
    arrays["trunk.0.up"] = np.random.default_rng(0).normal(size=arrays["trunk.0.up"].shape)
    network.buffer.load(arrays)
    features = network.layers.body.forward(X, Workspace()).view(MEMBERS, TASKS, ROWS, 5)
    for task in range(TASKS):
        correction = arrays["trunk.0.down"][0, task].T @ arrays["trunk.0.up"][0, task]
        z = X[0].numpy() @ (arrays["trunk.0.weight"][0] + correction) + arrays["trunk.0.bias"][0]
        np.testing.assert_allclose(features[0, task], np.tanh(z), rtol=0, atol=1e-12)


def test_one_expert_is_hard_sharing():
    to_hard(MMoE(n_experts=1), lambda arrays, trunk: renamed("experts", arrays, trunk))


def test_one_shared_expert_in_every_level_is_hard_sharing():
    def convert(arrays, trunk):
        for name, block in trunk.items():
            arrays[name.replace("trunk.0", "level0.shared.0").replace("trunk.1", "level1.shared.0")][:] = block

    to_hard(PLE(n_shared=1, n_private=0, n_levels=2), convert)


@pytest.mark.parametrize("sharing", [PLE(n_shared=4, n_private=0, n_levels=1), CGC(n_shared=4, n_private=0)])
def test_one_level_without_private_experts_is_mmoe(sharing):
    mmoe, network = make(MMoE(n_experts=4)), make(sharing)
    arrays = network.buffer.arrays()
    for name, block in mmoe.buffer.arrays().items():
        arrays[name.replace("experts", "level0.shared").replace("mixture", "level0.tasks")][:] = block
    network.buffer.load(arrays)
    assert_equal_outputs(network, mmoe)


def test_private_experts_serve_their_own_task_only():
    network = make(CGC(n_shared=1, n_private=2))
    before = network(X)
    arrays = network.buffer.arrays()
    arrays["level0.private.0.weight"][:, 2:4] += 0.3  # the two of the second task
    network.buffer.load(arrays)
    changed = (network(X) - before).abs().amax((0, 1)) > 0
    assert changed.tolist() == [False, True, True, True, False]


def test_more_levels_than_layers_are_one_level_a_layer():
    assert make(PLE(n_levels=5)).n_parameters == make(PLE(n_levels=2)).n_parameters


def test_three_levels_have_the_gradient_of_autograd():
    network = make(PLE(n_shared=2, n_private=2, n_levels=3), sizes=(6, 5, 4), dropout=0.2)
    upstream = torch.randn(MEMBERS, ROWS, 5, dtype=torch.float64)
    gradients = []
    for autograd in (False, True):
        passes = passes_of(network, autograd=autograd)
        passes.forward(X)
        passes.backward(upstream.clone())
        gradients.append(network.buffer.gradient.clone())
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


def test_identity_mixing_is_independent():
    independent, network = make(Independent()), make(CrossStitch(own=1.0))
    arrays = network.buffer.arrays()
    for name, block in independent.buffer.arrays().items():
        arrays[name.replace("s.0.", "s.0.0.").replace("s.1.", "s.1.0.")][:] = block
    network.buffer.load(arrays)
    assert_equal_outputs(network, independent)


def test_mixing_starts_with_rows_that_sum_to_one():
    network = make(CrossStitch(own=0.7))
    np.testing.assert_allclose(network.buffer.arrays()["stitch.0"].sum(2), 1.0, rtol=0, atol=1e-12)
    one_task = build.make_network(CrossStitch(), N_INPUTS, (3,), (1,), seeds=[0])
    assert one_task(X).shape == (1, ROWS, 1)


def test_additive_without_own_parameters_is_hard_sharing():
    to_hard(Additive(), lambda arrays, trunk: renamed("shared.sum", arrays, trunk))


def test_additive_parameters_are_sums():
    network, independent = make(Additive()), make(Independent())
    arrays = network.buffer.arrays()
    rng = np.random.default_rng(0)
    summed = {n: block for n, block in independent.buffer.arrays().items() if n.startswith("head")}
    for name in [n for n in arrays if n.startswith("own")]:
        arrays[name] = rng.normal(size=arrays[name].shape)
        shared = arrays[name.replace("own", "shared")]
        summed[name.replace("own.sum", "trunks")] = shared + arrays[name]
    arrays |= {n: summed[n] for n in summed if n.startswith("head")}
    network.buffer.load(arrays)
    independent.buffer.load(summed)
    assert_equal_outputs(network, independent)


def test_gates_of_one_are_hard_sharing():
    def convert(arrays, trunk):
        for name, block in trunk.items():
            arrays[name.replace("trunk.0", "trunk.0.0").replace("trunk.1", "trunk.1.0")][:] = block
        for name in [n for n in arrays if n.startswith("gates")]:
            arrays[name][:] = 50.0 if name.endswith("bias") else 0.0

    to_hard(Attention(), convert)


def test_a_bypass_of_width_zero_is_hard_sharing():
    to_hard(Bypass(width=0), lambda arrays, trunk: renamed("trunk", arrays, trunk))
    to_hard(Bypass(width=3), lambda arrays, trunk: renamed("trunk", arrays, trunk))  # its outputs have weight 0


def test_soft_sharing_is_independent_nets_that_start_alike():
    soft, independent = make(Soft(strength=0.0)), make(Independent())
    arrays = soft.buffer.arrays()
    np.testing.assert_array_equal(arrays["trunks.0.weight"], np.repeat(arrays["trunks.0.weight"][:, :1], TASKS, 1))
    independent.buffer.load(arrays)
    assert_equal_outputs(independent, soft)


def penalty_value(network, members_strength, centred, prefix):
    total = 0.0
    for name, block in network.buffer.arrays().items():
        if name.startswith(prefix):
            from_centre = block - block.mean(axis=1, keepdims=True) if centred else block
            total += (members_strength.reshape(-1, *[1] * (block.ndim - 1)) * from_centre**2).sum()
    return total


@pytest.mark.parametrize(
    ("sharing", "index", "centred", "prefix"),
    [(Soft(0.3), 0, True, "trunks"), (Additive(0.3, 0.2), 0, False, "own"), (Additive(0.3, 0.2), 1, False, "shared")],
)
def test_penalties_add_their_derivative_with_a_strength_for_each_member(sharing, index, centred, prefix):
    network = make(sharing, sizes=(3,))
    network.buffer.values.add_(torch.randn(network.buffer.values.shape, dtype=torch.float64))
    penalty = passes_of(network).layers.body.penalties[index]
    default = getattr(sharing, penalty.parameter)
    torch.testing.assert_close(penalty.strength, torch.full((MEMBERS,), default, dtype=torch.float64), rtol=0, atol=0)
    penalty.strength = torch.tensor([0.7, 0.1], dtype=torch.float64)
    network.buffer.gradient.fill_(1.0)
    penalty.add_gradient()
    strengths, step = penalty.strength.numpy(), 1e-6
    for place in range(0, len(network.buffer.values), 5):
        differences = []
        for sign in (1, -1):
            network.buffer.values[place] += sign * step
            differences.append(sign * penalty_value(network, strengths, centred, prefix))
            network.buffer.values[place] -= sign * step
        assert abs(sum(differences) / (2 * step) + 1 - network.buffer.gradient[place]) < 1e-6


def test_gate_dropout_shuts_experts_in_training_only_and_never_all():
    body = make(MMoE(n_experts=3, gate_dropout=0.6)).layers.body
    rows = torch.randn(1, 1000, N_INPUTS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    open_ = body.mixture.weights(rows, Workspace())
    assert (open_ > 0).all()
    generators = [torch.Generator().manual_seed(k) for k in range(MEMBERS)]
    gates = body.mixture.weights(rows, Workspace(generators=generators))
    shut = gates == 0
    assert abs(shut.double().mean() - (0.6 - 0.6**3)) < 0.02  # where all three were to be shut, none is
    torch.testing.assert_close(gates.sum(-1), torch.ones_like(gates[..., 0]), rtol=0, atol=1e-12)
    ratio = gates / open_  # those that are open keep their proportions
    spread = torch.where(shut, ratio.amax(-1, keepdim=True), ratio) - ratio.amax(-1, keepdim=True)
    torch.testing.assert_close(spread, torch.zeros_like(spread), rtol=0, atol=1e-9)


@pytest.mark.parametrize("task_layer_sizes", [(), (4, 3)])
@pytest.mark.parametrize("name", SHARINGS)
def test_owners_are_honest(name, task_layer_sizes):
    """A parameter that belongs to a task has one entry a task and serves that task's outputs alone."""
    network = make(SHARINGS[name](), sizes=(6, 5), task_layer_sizes=task_layer_sizes)
    network.buffer.values.add_(0.1 * torch.randn(network.buffer.values.shape, dtype=torch.float64))
    passes = passes_of(network)
    passes.forward(X)
    learned = [spec for spec in network.buffer.specs if spec.owner is not None]
    reached = {spec.name: [] for spec in learned}
    for start, n in zip(np.cumsum((0, *OUTPUTS)), OUTPUTS, strict=False):
        upstream = torch.zeros(MEMBERS, ROWS, 5, dtype=torch.float64)
        upstream[:, :, start : start + n] = 1.0
        passes.backward(upstream)
        for spec in learned:
            reached[spec.name].append(network.buffer.gradient_views[spec.name][0].abs() > 1e-14)
    for spec in learned:
        tasks_per_value = torch.stack(reached[spec.name]).sum(0)
        if spec.owner == "task":
            assert tasks_per_value.max() <= 1, spec.name
        else:
            assert tasks_per_value.max() > 1, spec.name


@pytest.mark.parametrize("name", ["mmoe", "ple", "cgc", "attention", "bypass"])
def test_what_is_made_of_hidden_layers_asks_for_one(name):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(\).*sharing='hard'"):
        make(SHARINGS[name](), sizes=())


@pytest.mark.parametrize(
    ("sharing", "message"),
    [
        (MMoE(n_experts=0), "n_experts of sharing=MMoE must be an integer of at least 1; got 0"),
        (MMoE(gate_dropout=1.0), "gate_dropout of sharing=MMoE must be a number of at least 0 and below 1"),
        (PLE(n_shared=0), "n_shared of sharing=PLE"),
        (PLE(n_private=1.5), "n_private of sharing=PLE must be an integer"),
        (PLE(n_levels=0), "n_levels of sharing=PLE"),
        (CGC(n_private=-1), "n_private of sharing=CGC"),
        (LowRank(rank=0), "rank of sharing=LowRank must be an integer of at least 1 .sharing='hard'"),
        (Bypass(width=True), "width of sharing=Bypass"),
        (CrossStitch(own=1.5), "own of sharing=CrossStitch must be a number of at least 0 and at most 1"),
        (Soft(strength=float("nan")), "strength of sharing=Soft must be a number of at least 0 and finite; got nan"),
        (Additive(task_strength="a"), "task_strength of sharing=Additive"),
        (Additive(shared_strength=float("inf")), "shared_strength of sharing=Additive"),
    ],
)
def test_bad_parameters_are_named(sharing, message):
    dropout = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(ValueError, match=message):
        sharing.build(BodySpec(1, 3, (4,), 2, "relu", dropout))


DRAWING = {f"{cls.__name__} {rate}": cls(gate_dropout=rate) for cls in (MMoE, PLE, CGC) for rate in (0.0, 0.5)}


@pytest.mark.parametrize("sharing", [*SHARINGS, *DRAWING.values()], ids=[*SHARINGS, *DRAWING])
def test_a_network_says_whether_it_draws(sharing):
    """A training pass depends on the generators if it does; those of a run are set at each epoch if it does."""
    network = make(sharing)
    passes = passes_of(network)
    with passes.mode():
        first, second = (passes.forward(X).clone() for _ in range(2))
    assert torch.equal(first, second) != network.draws
