"""Learned relations of tasks: the penalty's laws, what is learned, and that it goes on from its state."""

import numpy as np
import pytest
import torch
from sklearn.covariance import graphical_lasso as reference_lasso

from skmtl import DivergenceError, MultiTaskNet, MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.encoders import TabularEncoder
from skmtl.sharing import BodySpec, Independent, Relationship, Soft
from skmtl.sharing._relatedness import blended_root, correlations, graphical_lasso
from skmtl.training import SCHEDULES, SGD
from tests import _builders as build

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([X[:, 0] + X[:, 1] ** 2, X[:, 0], np.sin(X[:, 2])])
MEMBERS, SIZES = 2, (7, 5)
LAYOUT = build.make_layout(list(Y.T))
DATA = build.make_data(X, LAYOUT.encode(list(Y.T), np.ones(Y.shape, bool)))
SMALL = {"hidden_layer_sizes": (12,), "n_estimators": 2, "dtype": "float64", "random_state": 0}
ALONE = {"early_stopping": False, "local_correction": False, "input_scaling": False}


def make_training(sharing, n_tasks=3, **changes):
    network = build.make_network(sharing, 4, SIZES, (1,) * n_tasks, seeds=range(MEMBERS))
    return build.make_training(
        network, LAYOUT, DATA, build.make_config(MEMBERS, n_tasks, **changes), build.make_streams([0, 1])
    )


def trained_like(sharing, arrays, **changes):
    """Parameters by name after training from ``arrays``, of which a network takes those that it has."""
    training = make_training(sharing, **changes)
    own = training.network.buffer.arrays()
    training.network.buffer.load({name: arrays.get(name, own[name]) for name in own})
    build.train(training)
    return training.network.buffer.arrays()


def moved(sharing, seed=1, n_tasks=3, scale=0.3):
    """A network whose trunks have moved, its penalty, and the movement ``(member, size, task)``."""
    network = build.make_network(sharing, 4, SIZES, (1,) * n_tasks, seeds=range(MEMBERS))
    rng, arrays, columns = np.random.default_rng(seed), network.buffer.arrays(), []
    for name in [name for name in arrays if name.startswith("trunks")]:
        arrays[name] += scale * rng.normal(size=arrays[name].shape)
        columns.append((arrays[name] - arrays[f"start.{name}"]).reshape(MEMBERS, n_tasks, -1))
    network.buffer.load(arrays)
    return network, network.layers.body.penalty, np.concatenate(columns, 2).swapaxes(1, 2)


def penalty_gradient(network, penalty):
    """What a penalty adds to the gradient of the trunks, ``(member, size, task)``."""
    network.buffer.gradient.zero_()
    penalty.add_gradient()
    gradients = dict(network.buffer.gradient_views)
    trunks = [gradients.pop(name).flatten(2) for name in list(gradients) if name.startswith("trunks")]
    assert all((other == 0).all() for other in gradients.values())
    return torch.cat(trunks, 2).mT.numpy()


def test_tasks_start_alike_and_at_their_start():
    arrays = make_training(Relationship()).network.buffer.arrays()
    for name in ("trunks.0.weight", "trunks.1.bias", "head.weight"):
        np.testing.assert_array_equal(arrays[name], np.repeat(arrays[name][:, :1], 3, 1))
    np.testing.assert_array_equal(arrays["start.trunks.0.weight"], arrays["trunks.0.weight"][:, :1])
    assert np.ptp(arrays["trunks.0.weight"], axis=0).max() > 0.1  # members differ


def test_a_strength_of_zero_is_independent():
    training = make_training(Relationship(strength=0.0))
    start = training.network.buffer.arrays()
    tied, apart = (trained_like(sharing, start) for sharing in (Relationship(strength=0.0), Independent()))
    for name, block in apart.items():
        np.testing.assert_allclose(tied[name], block, rtol=0, atol=1e-10)


@pytest.mark.parametrize("optimizer", [{}, {"optimizer": SGD()}])
def test_the_matrix_of_soft_sharing_is_soft_sharing(optimizer):
    start = make_training(Relationship(0.3, learn=None)).network.buffer.arrays()
    held, soft, apart = (
        trained_like(sharing, start, **optimizer)
        for sharing in (Relationship(0.3, learn=None), Soft(0.3), Independent())
    )
    for name, block in soft.items():
        np.testing.assert_allclose(held[name], block, rtol=0, atol=1e-10)
    assert abs(soft["trunks.0.weight"] - apart["trunks.0.weight"]).max() > 1e-3


@pytest.mark.parametrize("learn", ["covariance", "precision"])
def test_one_task_has_the_penalty_of_weight_decay(learn):
    network, penalty, movement = moved(Relationship(0.4, learn=learn, ridge=True), n_tasks=1)
    penalty.end_epoch()
    np.testing.assert_allclose(penalty_gradient(network, penalty), 2 * 0.4 * movement, rtol=0, atol=1e-12)
    assert penalty.relatedness().tolist() == [[[1.0]]] * MEMBERS


def test_the_learned_covariance_gives_the_squared_nuclear_norm():
    network, penalty, movement = moved(Relationship(1.0, ridge=True))
    penalty.shrinkage = torch.zeros(MEMBERS, dtype=torch.float64)
    penalty.end_epoch()
    left, norms, right = np.linalg.svd(movement, full_matrices=False)
    nuclear = norms.sum(1)
    value = np.einsum("mpt,mts,mps->m", movement, penalty.matrix().numpy(), movement)
    np.testing.assert_allclose(value, nuclear**2 / 3, rtol=1e-10)
    expected = 2 / 3 * nuclear[:, None, None] * (left @ right)
    np.testing.assert_allclose(penalty_gradient(network, penalty), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("ridge", [True, False])
def test_a_sparsity_of_one_leaves_tasks_to_themselves(ridge):
    network, penalty, movement = moved(Relationship(0.4, learn="precision", sparsity=1.0, ridge=ridge))
    penalty.end_epoch()
    np.testing.assert_allclose(penalty_gradient(network, penalty), 0.8 * ridge * movement, rtol=0, atol=1e-5)
    matrix = penalty.matrix().numpy()
    assert (matrix[:, ~np.eye(3, dtype=bool)] == 0).all()
    assert (penalty.partial_correlations().numpy() == np.eye(3)).all()
    assert abs(penalty.relatedness().numpy() - np.eye(3)).max() > 0.01  # what was found stays visible


@pytest.mark.parametrize("learn", ["covariance", "precision"])
def test_what_tasks_have_most_in_common_costs_nothing_without_ridge(learn):
    found = []
    for ridge in (True, False):
        _, penalty, _ = moved(Relationship(learn=learn, sparsity=0.0, ridge=ridge))
        penalty.end_epoch()
        found.append(penalty.matrix().numpy())
    least = np.linalg.eigvalsh(found[0])[:, :1, None]
    np.testing.assert_allclose(found[1], found[0] - least * np.eye(3), rtol=0, atol=1e-10)
    assert (least > 0.1).all()
    network, penalty, _ = moved(Relationship(), n_tasks=1)
    assert (penalty_gradient(network, penalty) == 0).all()


def test_partial_correlations_have_the_sign_of_the_relation():
    network, penalty, _ = moved(Relationship(learn="precision", sparsity=0.02), scale=0.0)
    arrays = network.buffer.arrays()
    shift = RNG.normal(size=arrays["trunks.0.weight"].shape[2:])
    arrays["trunks.0.weight"][:, 0] += shift
    arrays["trunks.0.weight"][:, 1] -= 0.5 * shift + 0.01
    arrays["trunks.0.weight"][:, 2] += RNG.normal(size=shift.shape)
    network.buffer.load(arrays)
    penalty.end_epoch()
    found = penalty.partial_correlations().numpy()
    assert (found[:, 0, 1] < -0.5).all()
    assert (abs(found[:, 0, 2]) < 0.3).all()
    np.testing.assert_array_equal(np.diagonal(found, axis1=1, axis2=2), 1.0)


def test_the_graphical_lasso_is_that_of_scikit_learn():
    covariance = 0.5 * np.corrcoef(RNG.normal(size=(8, 30))) + 0.5 * np.eye(8)
    ours, theirs = graphical_lasso(covariance, 0.06), reference_lasso(covariance, 0.06, mode="lars")[1]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)
    assert ((ours == 0) == (theirs == 0)).all()
    assert 0.2 < (ours == 0).mean() < 0.8
    np.testing.assert_allclose(graphical_lasso(covariance, 0.0), np.linalg.inv(covariance), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sparsity", [0.0, 0.01, 0.1])
def test_the_graphical_lasso_bears_tasks_that_are_the_same(sparsity):
    alike = 0.95 * np.ones((30, 30)) + 0.05 * np.eye(30)
    assert np.linalg.eigvalsh(graphical_lasso(alike, sparsity))[0] > 0


def test_forgetting_blends_the_squares():
    before, movement = RNG.normal(size=(2, 9, 4)), RNG.normal(size=(2, 20, 4))
    gram = torch.from_numpy(movement.swapaxes(1, 2) @ movement)
    root = blended_root(torch.zeros(2, 4, 4).double(), torch.from_numpy(before.swapaxes(1, 2) @ before), torch.ones(2))
    for factors in ([0.0, 1.0], [0.3, 0.8]):
        blend = blended_root(root, gram, torch.tensor(factors, dtype=torch.float64)).numpy()
        assert (abs(np.trace(blend, axis1=1, axis2=2) - 4) < 1e-10).all()
        for member, factor in enumerate(factors):
            past, present = (matrix[member] / matrix[member].trace() for matrix in (root @ root, gram))
            square = (factor * past + (1 - factor) * present).numpy()
            found = blend[member] @ blend[member]
            np.testing.assert_allclose(found / found.trace(), square, rtol=0, atol=1e-10)


def test_tasks_that_have_not_moved_are_unrelated():
    nothing = torch.zeros(1, 3, 3, dtype=torch.float64)
    assert (blended_root(nothing, nothing, torch.ones(1)) == 0).all()
    gram = torch.tensor([[[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 2.0]]], dtype=torch.float64)
    found = correlations(blended_root(nothing, gram, torch.ones(1)))[0]
    assert found[1].tolist() == [0.0, 1.0, 0.0]
    assert found[0, 2] > 0.2


def test_mixing_the_gradients_with_equal_weights_is_hard_sharing():
    """Trunk t follows sum_s A_ts g_s with A = 11'/T: from equal starts all trunks stay the hard one's, at rate 1/T."""
    tasks, hard = make_training(Relationship(0.0)), make_training("hard")
    arrays, shared = tasks.network.buffer.arrays(), hard.network.buffer.arrays()
    for name, block in shared.items():
        if name.startswith("trunk"):
            arrays[name.replace("trunk", "trunks", 1)][:] = block
    arrays["head.weight"][:] = shared["head.weight"].reshape(arrays["head.weight"].shape)
    arrays["head.bias"][:] = shared["head.bias"].reshape(arrays["head.bias"].shape)
    tasks.network.buffer.load(arrays)
    x, target = torch.from_numpy(X)[None], torch.from_numpy(Y)[None]
    for _ in range(4):
        for training in (tasks, hard):
            passes, buffer = training.step.passes, training.network.buffer
            passes.backward((passes.forward(x) - target) / len(X))
            for name, gradient in buffer.gradient_views.items():
                if name.startswith("trunks"):
                    gradient.copy_(gradient.mean(1, keepdim=True).expand_as(gradient))
                rate = 0.3 if name.startswith(("trunks", "head")) else 0.1
                buffer.views[name].sub_(rate * gradient)
    torch.testing.assert_close(tasks.network(x), hard.network(x), rtol=0, atol=1e-10)
    assert (hard.network(x) - torch.from_numpy(Y.mean(0))).abs().max() > 0.1


def fitted(y, sharing=None, **changes):
    settings = {**SMALL, **ALONE, "max_iter": 30, **changes}
    return MultiTaskNetRegressor(sharing=sharing or Relationship(), **settings).fit(X, y)


@pytest.mark.parametrize("learn", ["covariance", "precision", None])
def test_permuted_tasks_permute_the_relatedness(learn):
    order = [2, 0, 1]
    plain, permuted = (fitted(y, Relationship(0.01, learn=learn)) for y in (Y, Y[:, order]))
    np.testing.assert_allclose(permuted.predict(X), plain.predict(X)[:, order], rtol=0, atol=1e-7)
    expected = plain.task_relatedness_[np.ix_(order, order)]
    np.testing.assert_allclose(permuted.task_relatedness_, expected, rtol=0, atol=1e-7)
    assert abs(plain.task_relatedness_[0, 1]) > 0.1


@pytest.mark.parametrize("learn", ["covariance", "precision", None])
def test_a_duplicated_task_has_correlation_one(learn):
    found = fitted(Y[:, [0, 2, 0]], Relationship(learn=learn)).task_relatedness_
    assert abs(found[0, 2] - 1) < 1e-10
    assert abs(found[0, 1]) < 0.9
    np.testing.assert_array_equal(np.diag(found), 1.0)


def test_the_relatedness_that_is_found_rises_with_that_of_the_data():
    found = []
    settings = {"encoder": TabularEncoder(numeric="scaled"), "max_iter": 60, "n_jobs": 1}
    for relatedness in (0.0, 0.5, 1.0):
        of_draws = []
        for seed in range(2):
            data = make_related_tasks(400, 12, 4, relatedness=relatedness, random_state=seed)
            net = MultiTaskNetRegressor(sharing="relationship", **settings, **SMALL, **ALONE).fit(*data)
            of_draws.append(net.task_relatedness_[np.triu_indices(4, 1)].mean())
        found.append(np.mean(of_draws))
    assert abs(found[0]) < 0.05 < found[1] < 0.5 < found[2]


def test_weight_decay_moves_no_task():
    """A task of loss weight 0 stays at the start, which shrinks with it: it is unrelated to the others."""
    net = fitted(Y, weight_decay=0.5, loss_weights=[1, 0, 1])
    assert net.task_relatedness_[1].tolist() == [0.0, 1.0, 0.0]
    assert net.task_relatedness_[0, 2] != 0


def test_groups_are_blocks():
    data = make_related_tasks(400, 12, 4, relatedness=0.9, groups=2, random_state=0)
    found = MultiTaskNetRegressor(sharing="relationship", max_iter=60, **SMALL, **ALONE).fit(*data).task_relatedness_
    same = np.add.outer(range(4), range(4)) % 2 == 0
    assert found[same].min() > found[~same].max() + 0.3


def test_mixed_tasks_with_holes_are_in_the_order_of_the_labels():
    labels = np.column_stack([Y[:, 0], Y[:, 1] > 0, Y[:, 0]])
    labels[:10, 1] = np.nan
    kinds = ["regression", "binary", "regression"]  # the network sees them in another order
    net = MultiTaskNet(tasks=kinds, sharing="relationship", max_iter=20, **SMALL, **ALONE).fit(X, labels)
    found = net.task_relatedness_
    assert abs(found[0, 2] - 1) < 1e-10
    assert found[0, 1] < 0.95
    statistics = net.inspect_sharing(X)
    assert set(statistics) == {"relatedness"}
    np.testing.assert_allclose(statistics["relatedness"].mean(0), found, rtol=0, atol=1e-12)


@pytest.mark.parametrize("forgetting", [0.0, 0.5, 1.0])
def test_calls_that_keep_nothing_of_the_last_are_epochs_of_one(forgetting):
    ends = []
    for calls in ([4], [1, 1, 2]):
        training = make_training(Relationship(0.3, forgetting=forgetting), schedule=SCHEDULES["constant"], max_iter=4)
        for number, epochs in enumerate(calls):
            if number:
                training.go_on(DATA, training.config, None)
            training.advance(epochs)
        ends.append(
            {name: view for name, view in training.network.buffer.views.items() if name != "relatedness.before"}
        )
    once, apart = ends
    assert all(torch.equal(once[name], view) for name, view in apart.items()) == (forgetting == 0)


@pytest.mark.parametrize(
    ("sharing", "message"),
    [
        (
            Relationship(strength=-1),
            "strength of sharing=Relationship must be a number of at least 0 and finite; got -1",
        ),
        (
            Relationship(learn="graph"),
            "learn of sharing=Relationship must be one of 'covariance', 'precision' or None; got 'graph'",
        ),
        (Relationship(sparsity=0.1), "sparsity of sharing=Relationship is for learn='precision'; got sparsity=0.1"),
        (Relationship(learn="precision", sparsity="a"), "sparsity of sharing=Relationship must be a number"),
        (
            Relationship(shrinkage=0),
            "shrinkage of sharing=Relationship must be a number of at least 0.0001 and at most 1",
        ),
        (
            Relationship(forgetting=1.5),
            "forgetting of sharing=Relationship must be a number of at least 0 and at most 1",
        ),
        (Relationship(forgetting=(0.5, -1)), "forgetting of sharing=Relationship.*got -1"),
        (Relationship(ridge="a"), "ridge of sharing=Relationship must be True or False; got 'a'"),
        (Relationship(forgetting=()), r"forgetting of sharing=Relationship.*got \(\)"),
    ],
)
def test_bad_parameters_are_named(sharing, message):
    with pytest.raises(ValueError, match=message):
        sharing.build(BodySpec(1, 3, (4,), 2, "relu", torch.zeros(1, dtype=torch.float64)))


@pytest.mark.parametrize("learn", ["covariance", "precision", None])
def test_a_member_that_diverges_is_told_by_its_losses(learn):
    with pytest.raises(DivergenceError, match="task 'task"):
        fitted(Y, Relationship(learn=learn), learning_rate_init=1e200)


def test_no_hidden_layer_has_nothing_to_relate():
    net = MultiTaskNetRegressor(sharing="relationship", **{**SMALL, "hidden_layer_sizes": ()}).fit(X, Y)
    assert not hasattr(net, "task_relatedness_")
    assert net.inspect_sharing(X) == {}
