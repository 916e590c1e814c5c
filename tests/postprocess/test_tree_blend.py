"""Blends with trees: steps, classes, honesty."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmtl.postprocess import TreeBlend, _trees
from skmtl.postprocess._shares import N_FOLDS, TaskTargets, crossed_shares, read_targets, relative_gain
from skmtl.tasks import KINDS
from tests.postprocess._held_out import held_out_rows, network_of

RNG = np.random.default_rng(0)
N = 80
ROWS = RNG.normal(size=(N, 3))
STEPS = np.column_stack([np.sign(ROWS[:, 0]), 2.0 * (ROWS[:, 1] > 0.3) + 5.0])
FLAT = [np.zeros((N, 1)), np.full((N, 1), 6.0)]  # what a network says that has learned nothing
NEW = RNG.normal(size=(9, 3))
NETWORK = network_of(3)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(_trees, "N_TREES", 40)


def held_out(columns, responses, kinds=None, weights=None, units=None, rows=ROWS):
    """Of these rows."""
    return held_out_rows(rows, columns, responses, kinds, weights, units)


def noisy_steps():
    return list((STEPS + 0.3 * RNG.normal(size=STEPS.shape)).T)


def test_steps_are_predicted_by_the_trees():
    rows = held_out(list(STEPS.T), FLAT)
    blend = TreeBlend().fit(NETWORK, rows)
    assert min(task.share for task in blend.tasks_) > 0.9
    new = np.array([[2.0, 2.0, 0.0], [-2.0, -2.0, 0.0]])
    said = blend(new, [np.zeros((2, 1)), np.full((2, 1), 6.0)])
    assert_allclose(np.hstack(said), [[1.0, 7.0], [-1.0, 5.0]], atol=0.3)


def test_labels_of_noise_are_not_blended():
    noise = list(RNG.normal(size=(2, N)))
    blend = TreeBlend().fit(NETWORK, held_out(noise, [np.zeros((N, 1))] * 2))
    assert blend is None or max(task.share for task in blend.tasks_) < 0.15


def test_held_out_rows_are_blended_by_what_others_say():
    good = [c[:, None] + 0.5 * RNG.normal(size=(N, 1)) for c in STEPS.T]
    rows = held_out(noisy_steps(), good)
    blend, targets = TreeBlend().fit(NETWORK, rows), read_targets(rows, np.arange(N))
    said = {index: of_task[0] for index, of_task in blend.left_out(rows, targets).items()}
    crossed = crossed_shares(targets, [target.products([said[target.index]]) for target in targets])
    for target, shares, found in zip(targets, crossed, blend.cross_fitted(rows), strict=True):
        own = shares[np.arange(N) % N_FOLDS]
        assert_allclose(found, own[:, :1] * target.response + own[:, 1:] * said[target.index], rtol=1e-9)
    assert len(np.unique(crossed[0][:, 1])) > 1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_predicted_by_the_trees(n_classes):
    labels = np.digitize(STEPS[:, 0] + ROWS[:, 2], [-0.3, 0.9][: n_classes - 1])
    rows = held_out([labels], [RNG.dirichlet(np.ones(n_classes), N)], ["multiclass" if n_classes > 2 else "binary"])
    blend = TreeBlend().fit(NETWORK, rows)
    assert blend.tasks_[0].share > 0.5
    sure = blend(ROWS, [np.full((N, n_classes), 1 / n_classes)])[0]
    assert np.mean(sure.argmax(axis=1) == labels) > 0.9


def test_probabilities_that_are_sure_and_right_are_left_alone():
    unsure = np.arange(100) < 5
    true_now, true_said = np.where(unsure, 0.30, 0.9999), np.where(unsure, 0.45, 0.9)
    now, said = (np.column_stack([1 - p, p]) for p in (true_now, true_said))
    task = KINDS["binary"]().fit(0, np.arange(100) % 2, np.ones(100))
    truth = np.column_stack([np.zeros(100), np.ones(100)])
    target = TaskTargets(0, task, np.arange(100), truth, now, np.full(100, 0.01), np.arange(100), 100, 1.0)
    crossed = np.tile([0.9, 0.1], (N_FOLDS, 1))
    products = target.products([said])
    assert relative_gain(target, products, crossed) > 0.01  # the Brier score alone would blend
    assert not TreeBlend().gains(target, products, crossed, said[None])
    assert TreeBlend().gains(target, target.products([truth]), crossed, truth[None])
