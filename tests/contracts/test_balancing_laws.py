"""Laws that every balancing method keeps in the training loop, in float64."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skmtl.balancing import BALANCERS, GradientBalancer
from skmtl.tasks import Binary, Multiclass, SquaredError
from tests import _builders as build
from tests._builders import train

N, D = 40, 5
RNG = np.random.default_rng(4)
X = RNG.normal(size=(N, D))
COLUMNS = [X[:, 0] + X[:, 1] ** 2, (X[:, 2] > 0).astype(int), RNG.integers(0, 3, N), X[:, 1] - X[:, 3]]
KINDS = [SquaredError(), Binary(), Multiclass(), SquaredError()]
LAYOUT = build.make_layout(COLUMNS, KINDS)
OBSERVED = RNG.random((N, 4)) < 0.6
OBSERVED[:12, 3] = False  # absent from some batches
IMPORTANCE = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.2, 0.0], [0.25] * 4], dtype=torch.float64)
FORMS = [
    pytest.param(cls(), id=name)
    if not issubclass(cls, GradientBalancer)
    else pytest.param(cls(), id=f"{name}-parameters")
    for name, cls in BALANCERS.items()
] + [
    pytest.param(cls(gradient="representation"), id=f"{name}-representation")
    for name, cls in BALANCERS.items()
    if issubclass(cls, GradientBalancer)
]


def make_data(observed=OBSERVED, members=None):
    return build.make_data(X, LAYOUT.encode(COLUMNS, observed), observed[:, LAYOUT.order], members)


def make_training(
    balancer,
    members,
    data,
    validation=None,
    *,
    record=(),
    sharing="hard",
    loss_weights=IMPORTANCE,
    dropout=0.2,
    teams=None,
    **changes,
):
    streams = build.make_streams(members)
    defaults = {"learning_rate": build.tensor([0.02] * len(members)), "batch_size": 8, "max_iter": 3}
    changes = defaults | changes | {"loss_weights": loss_weights[members], "balancer": balancer, "record": record}
    settings = build.make_config(len(members), 4, **changes)
    network = build.make_network(sharing, D, (7, 6), LAYOUT.n_outputs, seeds=streams.initial, dropout=dropout)
    return build.make_training(network, LAYOUT, data, settings, streams, validation, teams=teams)


def fit(balancer, members=(0, 1, 2), data=None, **changes):
    training = make_training(balancer, list(members), data or make_data(), **changes)
    history, _ = train(training)
    return training.network.buffer.arrays(), history.arrays()


@pytest.mark.parametrize("balancer", FORMS)
def test_stacked_members_equal_separate_fits(balancer):
    """With loss weights, row weights, random streams and dropout of their own."""
    kept = torch.from_numpy((np.random.default_rng(8).random((3, N)) < 0.8).astype(float))
    record = ("gradient_norms", "gradient_cosines")
    stacked, history = fit(balancer, data=make_data(members=kept), record=record)
    for member in range(3):
        alone, own_history = fit(balancer, [member], make_data(members=kept[[member]]), record=record)
        for name, block in alone.items():
            np.testing.assert_allclose(block[0], stacked[name][member], rtol=0, atol=1e-8)
        for name, values in own_history.items():
            np.testing.assert_allclose(values[:, 0], history[name][:, member], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("sharing", ["mmoe", "ple", "bypass"])
@pytest.mark.parametrize("name", ["cagrad", "gradnorm"])
def test_stacked_members_equal_separate_fits_by_features_in_common(sharing, name):
    balancer = BALANCERS[name](gradient="representation")
    stacked, _ = fit(balancer, sharing=sharing)
    for member in range(3):
        for block_name, block in fit(balancer, [member], sharing=sharing)[0].items():
            np.testing.assert_allclose(block[0], stacked[block_name][member], rtol=0, atol=1e-8)


@pytest.mark.parametrize("balancer", FORMS)
def test_deterministic_finite_and_without_trace(balancer):
    """Twice the same fit; the object is as it was; a task of loss weight 0 keeps it."""
    before = copy.deepcopy(balancer)
    first, history = fit(balancer)
    second, _ = fit(balancer)
    for name, block in first.items():
        assert np.array_equal(block, second[name])
        assert np.isfinite(block).all()
    assert np.isfinite(history["weight"]).all()
    assert vars(balancer) == vars(before)
    assert (history["weight"][:, 1, 3] == 0).all()


@pytest.mark.parametrize("balancer", FORMS)
def test_clones_and_pickles(balancer):
    assert clone(balancer) == balancer
    assert pickle.loads(pickle.dumps(balancer)) == balancer
    assert balancer.set_params(**balancer.get_params()) == balancer


@pytest.mark.parametrize("balancer", FORMS)
def test_a_missing_cell_equals_an_absent_one(balancer):
    data, other = make_data(), make_data()
    other.targets[other.cell_weights == 0] = 1.0
    reference, _ = fit(balancer, [0], data)
    for name, block in fit(balancer, [0], other)[0].items():
        assert np.array_equal(block, reference[name])


def test_output_layers_follow_their_own_loss_under_gradient_methods():
    """One full-batch step of SGD moves each output layer by the gradient of its unweighted loss."""
    from skmtl.training import SGD

    moved = {}
    for name in ("mgda", "imtl_g", "pcgrad"):
        training = make_training(BALANCERS[name](), [2], make_data(), dropout=0.0)
        rates = training.config.learning_rate, 0 * training.config.weight_decay
        training.step.updates = [SGD(momentum=0.0, nesterov=False).start(training.network.buffer, *rates)]
        before = training.network.buffer.arrays()
        with training.step.passes.mode():
            training.step(make_data().take(slice(None)), 1.0)
        after = training.network.buffer.arrays()
        moved[name] = {key: after[key] - before[key] for key in after}
    for key in ("head.weight", "head.bias"):
        np.testing.assert_allclose(moved["mgda"][key], moved["imtl_g"][key], rtol=0, atol=1e-12)
        np.testing.assert_allclose(moved["mgda"][key], moved["pcgrad"][key], rtol=0, atol=1e-12)
        assert np.abs(moved["mgda"][key]).max() > 0
    trunk = [name for name in moved["mgda"] if name.startswith("trunk")]
    assert max(np.abs(moved["mgda"][k] - moved["imtl_g"][k]).max() for k in trunk) > 1e-6


def test_static_weights_through_the_balanced_step_equal_the_default_step():
    """Recording makes the other step run; nothing else changes."""
    plain, _ = fit(BALANCERS["static"]())
    recorded, history = fit(BALANCERS["static"](), record=("gradient_norms",))
    for name, block in plain.items():
        np.testing.assert_allclose(recorded[name], block, rtol=0, atol=1e-12)
    assert (history["gradient_norms"][:, [0, 2]] > 0).all()


@pytest.mark.parametrize("name", [n for n, cls in BALANCERS.items() if issubclass(cls, GradientBalancer)])
def test_nothing_shared_is_an_error_before_training(name):
    with pytest.raises(ValueError, match=r"sharing=Independent\(\).*has none"):
        make_training(BALANCERS[name](), [0], make_data(), sharing="independent")


def test_loss_methods_train_independent_tasks():
    for name, cls in BALANCERS.items():
        if not issubclass(cls, GradientBalancer):
            arrays, _ = fit(cls(), [0], sharing="independent")
            assert all(np.isfinite(block).all() for block in arrays.values()), name


def test_balancers_see_epochs_and_what_they_declared_only():
    epochs = []

    class Spy(BALANCERS["dwa"]):
        needs = frozenset({"epoch", "losses"})

        def weights(self, loss_weights, inputs, state):
            assert inputs.gramian is None
            assert inputs.generators is None
            epochs.append(inputs.epoch)
            return super().weights(loss_weights, inputs, state)

    fit(Spy(), [0])
    assert epochs == [epoch for epoch in range(3) for _ in range(5)]


def test_weights_in_the_history_are_means_over_steps_with_a_label():
    training = make_training(BALANCERS["random"](), [0], make_data())
    seen = []
    inner = training.step.weighting.balancer.weights

    def spy(loss_weights, inputs, state):
        weights, state = inner(loss_weights, inputs, state)
        seen.append(torch.where(loss_weights > 0, weights, torch.nan))
        return weights, state

    object.__setattr__(training.step.weighting.balancer, "weights", spy)
    history, _ = train(training)
    expected = torch.stack(seen).view(3, 5, 1, 4).nanmean(1)
    np.testing.assert_allclose(history.arrays()["weight"], expected, rtol=0, atol=1e-12)


def test_unknown_records_are_named():
    with pytest.raises(ValueError, match=r"quantities of balancing=Recorded name 'norms'.*gradient_norms"):
        make_training(BALANCERS["static"](), [0], make_data(), record=("norms",))
