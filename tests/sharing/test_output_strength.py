"""Output layers that start alike and are drawn to their mean: limits, the proximal step, and members of their own."""

import pickle

import numpy as np
import pytest
import torch

import skmtl
from skmtl import MultiTaskNetRegressor
from skmtl.checkpoints import NO_CHECKPOINTS
from skmtl.fitting._columns import require_columns
from skmtl.network import MixedPrecisionPasses
from skmtl.sharing import Body, BodySpec, Hard, Sharing
from skmtl.sharing._sharing import MLPBody
from skmtl.training.optimizers import ProximalSteps
from tests import _builders as build
from tests._fits import fitted, read_inputs, stacks_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.column_stack([X[:, 0], X[:, 0] + X[:, 1] ** 2, X[:, 2], 5 - X[:, 0]])


class PlainTrunk(Sharing):
    """Hard sharing that knows of no strength."""

    def build(self, spec: BodySpec) -> Body:
        body = MLPBody("trunk", spec)
        body.stack = body.mlp
        return body


def trained(sharing, labels=Y, *, epochs=6, members=2, strengths=None, **changes):
    """Training to the end from parameters that are drawn with the number of a member."""
    layout = build.make_layout(list(labels.T))
    data = build.make_data(X, layout.encode(list(labels.T), np.ones(labels.shape, bool)))
    fields = {} if strengths is None else {"strengths": {"output_strength": strengths}}
    network = build.make_network(sharing, 3, (6,), (1,) * labels.shape[1], seeds=range(members), **fields)
    config = build.make_config(members, labels.shape[1], max_iter=epochs, **changes)
    training = build.make_training(network, layout, data, config, build.make_streams(range(members)))
    build.train(training)
    return training


def head_of(training):
    return training.network.buffer.views["head.weight"][:, 0]  # (member, output, width), as there are few outputs


def test_without_strength_it_is_plain_hard_sharing_bit_for_bit():
    found, expected = (trained(sharing) for sharing in (Hard(), PlainTrunk()))
    assert torch.equal(found.network.buffer.values, expected.network.buffer.values)
    assert len(found.step.updates) == len(expected.step.updates) == 1
    assert head_of(found).std(1).min() > 1e-3


@pytest.mark.parametrize("optimizer", [skmtl.training.AdamW(), skmtl.training.SGD()])
def test_great_strength_makes_tasks_differ_by_their_biases_only(optimizer):
    training = trained(Hard(output_strength=1e30), optimizer=optimizer)
    weight = head_of(training)
    torch.testing.assert_close(weight, weight[:, :1].expand_as(weight), rtol=0, atol=1e-14)
    outputs = training.network(build.tensor(X)[None])
    apart = outputs - outputs[..., :1]
    torch.testing.assert_close(apart, apart[:, :1].expand_as(apart), rtol=0, atol=1e-12)
    assert apart.abs().max() > 1e-3
    assert outputs.std(1).min() > 1e-3


def test_more_strength_draws_the_output_weights_closer():
    apart = [float(head_of(trained(Hard(strength))).std(1).mean()) for strength in (0.1, 1.0, 10.0, 100.0)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < apart[0] / 2


@pytest.mark.parametrize("n_outputs", [(1, 3, 1, 3, 2), (2,) * 10, (1, 2, 1) * 6, (2,) * 520])
def test_a_step_leads_to_where_the_derivative_of_the_penalty_says(n_outputs):
    """The proximal step from w to w' has w - w' = rate times the derivative at w', here by finite differences."""
    strengths, rates = (0.7, 20.0), build.tensor([0.3, 0.1])
    network = build.make_network(Hard(1.0), 3, (4,), n_outputs, seeds=[0, 1], strengths={"output_strength": strengths})
    network.buffer.values.add_(torch.randn(network.buffer.values.shape, generator=torch.Generator().manual_seed(0)))
    (penalty,) = network.layers.penalties
    before = network.buffer.arrays()
    penalty.add_gradient()
    penalty.shrink(rates)
    after = network.buffer.arrays()
    of_head = network.buffer.views["head.weight"].numpy()
    for member, place in ((m, p) for m in range(2) for p in range(0, of_head[0].size, 1 + of_head[0].size // 40)):
        index = np.unravel_index(place, of_head[0].shape)
        differences = []
        for sign in (1, -1):
            of_head[member][index] = after["head.weight"][member][index] + sign * 1e-6
            differences.append(sign * spread(network, n_outputs)[member])
        of_head[member][index] = after["head.weight"][member][index]
        derivative = strengths[member] * sum(differences) / 2e-6
        moved = (before["head.weight"] - after["head.weight"])[member][index]
        assert moved == pytest.approx(float(rates[member]) * derivative, abs=2e-6)
    assert not torch.any(network.buffer.gradient)
    for name in set(before) - {"head.weight"}:
        np.testing.assert_array_equal(before[name], after[name])


def spread(network, n_outputs):
    """Sum over the tasks with as many outputs of |w_t - mean w|^2, of each member."""
    weights = network.layers.head.weight.reshape(2, *network.layers.head.weight.shape[-2:]).numpy()
    by_output = weights if weights.shape[1] == sum(n_outputs) else weights.swapaxes(1, 2)
    by_task = np.split(by_output, np.cumsum(n_outputs)[:-1], axis=1)
    like = [np.stack([w for w, n in zip(by_task, n_outputs, strict=True) if n == size]) for size in set(n_outputs)]
    return sum(((w - w.mean(0)) ** 2).sum((0, 2, 3)) for w in like)


@pytest.mark.parametrize("n_outputs", [(1, 3, 1, 3, 2), (1, 2, 1) * 6, (2,) * 520])
def test_like_tasks_start_alike_and_others_as_ever(n_outputs):
    drawn, plain = (build.make_network(sharing, 3, (5,), n_outputs, seeds=[3]) for sharing in (Hard(0.1), PlainTrunk()))
    assert spread(drawn_twice(drawn), n_outputs).max() < 1e-20
    for name, values in plain.buffer.arrays().items():
        if name != "head.weight":
            np.testing.assert_array_equal(drawn.buffer.arrays()[name], values)
    first, of_plain = (network.layers.head.weight_transposed[0] for network in (drawn, plain))
    for size in set(n_outputs):
        start = sum(n_outputs[: n_outputs.index(size)])
        assert torch.equal(first[start : start + size], of_plain[start : start + size])


def drawn_twice(network):
    """The network's only member twice, as :func:`spread` takes it."""
    return type(network).stack([network, network.copy()])


@pytest.mark.parametrize("n_outputs", [(1,), (1, 2, 3)])
def test_tasks_without_their_like_are_left_alone(n_outputs):
    found, expected = (
        build.make_network(sharing, 3, (5,), n_outputs, seeds=[3]) for sharing in (Hard(5.0), PlainTrunk())
    )
    assert torch.equal(found.buffer.values, expected.buffer.values)
    assert found.layers.penalties == ()


def test_permuted_tasks_permute():
    order = [2, 0, 3, 1]
    expected, found = (trained(Hard(3.0), labels) for labels in (Y, Y[:, order]))
    torch.testing.assert_close(head_of(found), head_of(expected)[:, order], rtol=0, atol=1e-10)
    outputs = [training.network(build.tensor(X)[None]) for training in (found, expected)]
    torch.testing.assert_close(outputs[0], outputs[1][..., order], rtol=0, atol=1e-10)
    assert (outputs[1] - outputs[1][..., order]).abs().max() > 0.01


def test_each_member_has_its_own_strength():
    rates = build.tensor([0.01, 0.02, 0.03])
    together = trained(Hard(1.0), members=3, strengths=(0.5, 5.0, 50.0), learning_rate=rates)
    for strength in (0.5, 5.0, 50.0):
        alone = trained(Hard(strength), members=3, learning_rate=rates)
        member = (0.5, 5.0, 50.0).index(strength)
        torch.testing.assert_close(head_of(together)[member], head_of(alone)[member], rtol=0, atol=1e-12)


def test_members_without_strength_that_are_left_alone_take_no_step():
    training = trained(Hard(), members=2, strengths=(0.0, 5.0), epochs=1)
    assert any(isinstance(update, ProximalSteps) for update in training.step.updates)
    left = training.select(torch.tensor([0]))
    assert len(left.step.updates) == 1
    with_strength = trained(Hard(), members=2, strengths=(0.0, 5.0), epochs=1).select(torch.tensor([1]))
    assert any(isinstance(update, ProximalSteps) for update in with_strength.step.updates)


def make(strength, **params):
    defaults = {"hidden_layer_sizes": (5,), "n_estimators": 2, "max_iter": 4, "batch_size": 16, "random_state": 0}
    return MultiTaskNetRegressor(sharing=Hard(strength), dtype="float64", **{**defaults, **params})


def test_a_stack_that_goes_on_in_another_process_ends_as_fits_alone():
    strengths = [0.0, 4.0]
    optimizer = skmtl.training.AdamW(weight_average="ema")
    rows = read_inputs(make(0.0), X, Y)
    for kept in (0, 1):
        (stack,) = stacks_of([(make(s, optimizer=optimizer), rows) for s in strengths], 1e9)
        stack.advance(0.5)
        stack.keep([kept])
        stack = pickle.loads(pickle.dumps(stack))
        stack.advance(1.0)
        alone = make(strengths[kept], optimizer=optimizer).fit(X, Y)
        np.testing.assert_allclose(fitted(stack, kept).predict(X), alone.predict(X), rtol=0, atol=1e-9)


@pytest.mark.parametrize("save", [False, True])
def test_a_kept_estimator_predicts_and_goes_on_alike(save, tmp_path):
    net = make(2.0).fit(X, Y)
    if save:
        skmtl.save(net, tmp_path / "net.skmtl")
    copy = skmtl.load(tmp_path / "net.skmtl") if save else pickle.loads(pickle.dumps(net))
    assert copy.sharing == copy.network_.architecture.sharing == Hard(2.0)
    np.testing.assert_array_equal(copy.predict(X), net.predict(X))
    for each in (net, copy):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(copy.predict(X), net.predict(X))


def test_half_precision_keeps_full_weights_together():
    network = build.make_network(Hard(1e30), 3, (6,), (1, 1), seeds=[0], dtype="float32")
    passes = network.training_passes([torch.Generator()], matmul_dtype="bfloat16")
    assert isinstance(passes, MixedPrecisionPasses)
    network.buffer.values.add_(torch.randn(network.buffer.values.shape))
    (penalty,) = passes.layers.penalties
    penalty.shrink(torch.ones(1))
    weight = network.buffer.views["head.weight"][0, 0]
    torch.testing.assert_close(weight[0], weight[1], rtol=0, atol=1e-6)


def test_what_the_strength_is_not_for_is_told():
    with pytest.raises(ValueError, match=r"output_strength draws output layers together.*got task_layer_sizes"):
        make(1.0, task_layer_sizes=(3,)).fit(X, Y)
    with pytest.raises(ValueError, match="output_strength of sharing=Hard must be a number of at least 0"):
        make(-1.0).fit(X, Y)
    with pytest.raises(ValueError, match=r"output_strength of sharing=Hard must be 0 with peer_sharing="):
        make(1.0, peer_sharing="additive", n_peers=2).fit(X, Y)


def test_tasks_that_are_drawn_together_are_not_divided_among_processes():
    rows = read_inputs(make(0.0), X, Y)
    for strength in (0.0, 1.0):
        (stack,) = stacks_of([(make(strength), rows)], 1e9)
        if strength == 0:
            require_columns(stack.jobs[0], 2, NO_CHECKPOINTS)
            continue
        with pytest.raises(ValueError, match=r"sharing=Hard\(output_strength=1.0\), which looks at all output layers"):
            require_columns(stack.jobs[0], 2, NO_CHECKPOINTS)


def test_tasks_that_learn_nothing_would_hold_back_the_others():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    net = MultiTaskNetRegressor(hidden_layer_sizes=(4,), max_iter=2, effort="fixed", sharing=Hard(1.0))
    told = r"draws the output layers of all tasks .* task 'task1', whose loss weight is 0.*output_strength=0"
    with pytest.raises(ValueError, match=told):
        net.set_params(loss_weights=[1, 0]).fit(X, y)
    with pytest.raises(ValueError, match="subsets of the tasks in this way"):
        skmtl.inspection.transfer_report(net.set_params(loss_weights=None), X, y)
    net.set_params(loss_weights=[1, 0], sharing=Hard(0.0)).fit(X, y)
