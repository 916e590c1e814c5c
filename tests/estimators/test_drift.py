"""Relations of tasks that change from call to call of ``partial_fit``, and members that forget them differently."""

import copy
import pickle

import numpy as np
import pytest

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.fitting import fixed_share
from skmtl.network import Architecture
from skmtl.sharing import Relationship

SETTINGS = {
    "hidden_layer_sizes": (12,),
    "n_estimators": 2,
    "max_iter": 3,
    "learning_rate_init": 0.02,
    "dtype": "float64",
}
COMMON = {"n_samples": 120, "n_features": 12, "n_tasks": 4, "relatedness": 0.95, "random_state": 0}
X, PAIRS = make_related_tasks(groups=[0, 0, 1, 1], **COMMON)
OTHERS = make_related_tasks(groups=[0, 1, 0, 1], **COMMON)[1]


def make(forgetting=0.0, **changes):
    sharing = Relationship(forgetting=forgetting)
    return MultiTaskNetRegressor(sharing=sharing, random_state=0, **{**SETTINGS, **changes})


def stream(forgetting, labels, **changes):
    net = make(forgetting, **changes)
    for y in labels:
        net.partial_fit(X, y)
    return net


def test_the_history_has_an_entry_a_call():
    net = make(batch_size=len(X)).fit(X, PAIRS)
    assert net.relatedness_history_.shape == (1, 4, 4)
    assert np.isnan(net.prequential_loss_).all()
    for calls in (2, 3):
        before = net.relatedness_history_
        net.partial_fit(X, OTHERS)
        assert net.relatedness_history_.shape == (calls, 4, 4)
        np.testing.assert_array_equal(net.relatedness_history_[:-1], before)
        np.testing.assert_array_equal(net.relatedness_history_[-1], net.task_relatedness_)
        # all rows are one batch, whose losses are those before its step
        np.testing.assert_allclose(net.prequential_loss_[-1], net.history_["loss"][0].mean(0), rtol=1e-10)
    assert net.fit(X, PAIRS).relatedness_history_.shape == (1, 4, 4)


def test_the_relations_go_with_the_architecture():
    net = make().fit(X, PAIRS).set_params(sharing="hard").fit(X, PAIRS)
    for name in ("task_relatedness_", "relatedness_history_", "prequential_loss_"):
        assert not hasattr(net, name)


def test_the_more_is_kept_the_less_relations_move():
    ways = []
    for forgetting in (0.0, 0.5, 0.9, 1.0):
        history = stream(forgetting, [PAIRS] * 5 + [OTHERS] * 8).relatedness_history_
        old_pairs = (history[:, 0, 1] + history[:, 2, 3]) / 2
        ways.append(np.abs(np.diff(old_pairs)).sum())
        if forgetting < 0.9:  # they rise while tasks are pairs, and fall when they no longer are
            assert old_pairs[0] + 0.1 < old_pairs.max() > old_pairs[-1] + 0.1
    assert ways[0] > 1.2 * ways[1] > 1.44 * ways[2]
    assert ways[3] < 1e-6


def test_predictions_weigh_the_members_by_their_losses():
    net = stream((0.0, 1.0), [PAIRS] * 3 + [OTHERS] * 5)
    weights = net._member_weights
    np.testing.assert_allclose(weights.sum(0), 1.0, rtol=0, atol=1e-12)
    assert abs(weights - 0.5).max() > 0.05
    alone = []
    for member in range(2):
        one = copy.copy(net)
        one._member_weights = np.zeros((2, 4))
        one._member_weights[member] = 1
        alone.append(one.predict(X))
    np.testing.assert_allclose(net.predict(X), (weights[:, None] * alone).sum(0), rtol=0, atol=1e-10)
    assert stream(0.5, [PAIRS] * 3)._member_weights is None


def test_a_pickled_stream_goes_on():
    net = stream((0.0, 0.9), [PAIRS] * 3)
    reloaded = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(reloaded.predict(X), net.predict(X))
    net.__dict__.pop("_training")  # moments of the optimizer are not pickled
    for each in (net, reloaded):
        each.partial_fit(X, OTHERS)
    np.testing.assert_array_equal(reloaded.relatedness_history_, net.relatedness_history_)
    np.testing.assert_array_equal(reloaded.predict(X), net.predict(X))


def test_a_task_without_labels_keeps_its_weights():
    kinds = ["regression", "binary", "regression"]
    labels = np.column_stack([PAIRS[:, 0], PAIRS[:, 1] > 0, PAIRS[:, 2]])
    net = MultiTaskNet(tasks=kinds, sharing=Relationship(forgetting=(0.0, 1.0)), random_state=0, **SETTINGS)
    for _ in range(3):
        net.partial_fit(X, labels)
    before = net._member_weights
    labels[:, 1] = np.nan
    net.partial_fit(X, labels)
    np.testing.assert_array_equal(net._member_weights[:, 1], before[:, 1])
    assert (net._member_weights[:, [0, 2]] != before[:, [0, 2]]).all()
    assert np.isnan(net.prequential_loss_[-1]).tolist() == [False, True, False]


def test_factors_are_dealt_to_members_and_stay_theirs():
    sharing = Relationship(forgetting=[0.0, 0.5])
    architecture = Architecture(sharing, 3, (4,), "tanh", (1, 1), 5, "float64", np.zeros(2))
    assert architecture.strengths == {"forgetting": (0.0, 0.5, 0.0, 0.5, 0.0)}
    assert architecture.of([3, 1, 4]).strengths == {"forgetting": (0.5, 0.5, 0.0)}
    stacked = Architecture.stack([architecture.of([1]), architecture.of([0, 3])])
    assert stacked.strengths["forgetting"] == (0.5, 0.0, 0.5)


@pytest.mark.parametrize("settings", [[0.0, 0.5, 1.0], [0.0, 0.5, 0.0]])
def test_weights_follow_the_best_setting_and_return(settings):
    settings = np.array(settings)
    n_labels = np.array([100, 100])
    weights = np.full((3, 2), 1 / 3)
    first = np.where(settings == 0.0, 0.3, 0.9)[:, None] * np.ones(2)
    for _ in range(20):
        weights = fixed_share(weights, first, n_labels, settings)
    best = settings == 0.0
    assert (weights[best].sum(0) > 0.85).all()
    for _ in range(3):
        weights = fixed_share(weights, 1 - first, n_labels, settings)
    assert (weights[best].sum(0) < 0.15).all()
    np.testing.assert_allclose(weights.sum(0), 1.0, rtol=0, atol=1e-12)
    for value in np.unique(settings):
        assert np.ptp(weights[settings == value], axis=0).max() < 1e-12


def test_weights_follow_the_formula_of_fixed_share():
    weights, losses = np.array([[0.2], [0.8]]), np.array([[0.5], [0.7]])
    grown = weights * np.exp(-0.5 * 10 * losses)
    expected = 0.9 * grown / grown.sum() + 0.1 / 2
    np.testing.assert_allclose(fixed_share(weights, losses, np.array([10]), np.array([0.0, 1.0])), expected, rtol=1e-12)
