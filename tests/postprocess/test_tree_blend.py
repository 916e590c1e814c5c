"""Blends with trees: honesty, weights, what is left alone."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

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


def test_bins_are_not_looked_at():
    observed = held_out(noisy_steps(), FLAT)
    plain = TreeBlend().fit(NETWORK, observed)
    with_bins = TreeBlend().fit(NETWORK, replace(observed, rows=np.hstack([ROWS, STEPS])))
    responses = [np.zeros((9, 1)), np.zeros((9, 1))]
    assert_array_equal(plain(NEW, responses), with_bins(np.hstack([NEW, NEW]), responses))


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


def test_a_row_of_weight_two_is_the_row_twice():
    labels = noisy_steps()
    times = 1 + (np.arange(N) % 3 == 0)
    twice = np.repeat(np.arange(N), times)
    weights = np.tile(times[:, None].astype(float), (1, 2))
    heavy = held_out(labels, FLAT, weights=weights)
    copied = held_out([c[twice] for c in labels], [f[twice] for f in FLAT], units=twice, rows=ROWS[twice])
    one, other = TreeBlend().fit(NETWORK, heavy), TreeBlend().fit(NETWORK, copied)
    said = [np.zeros((9, 1)), np.zeros((9, 1))]
    for a, b in zip(one(NEW, said), other(NEW, said), strict=True):
        assert_allclose(a, b, rtol=1e-6)
    for a, b in zip(one.cross_fitted(heavy), other.cross_fitted(copied), strict=True):
        assert_allclose(a[twice], b, rtol=1e-6)


def test_the_order_of_rows_does_not_matter():
    labels, order = noisy_steps(), RNG.permutation(N)
    one = TreeBlend().fit(NETWORK, held_out(labels, FLAT))
    shuffled = held_out([c[order] for c in labels], [f[order] for f in FLAT], units=order, rows=ROWS[order])
    other = TreeBlend().fit(NETWORK, shuffled)
    said = [np.zeros((9, 1)), np.zeros((9, 1))]
    for a, b in zip(one(NEW, said), other(NEW, said), strict=True):
        assert_allclose(a, b, rtol=1e-6)


def test_labels_without_weight_say_nothing():
    weights = np.ones((N, 2))
    weights[::4, 0] = 0
    labels, results = noisy_steps(), []
    for garbage in (np.nan, 1e30):
        column = np.where(weights[:, 0] > 0, labels[0], garbage)
        rows = replace(held_out(labels, FLAT, weights=weights), labels=[column, labels[1]])
        blend = TreeBlend().fit(NETWORK, rows)
        results.append(blend(NEW, [np.zeros((9, 1))] * 2) + blend.cross_fitted(rows))
    for a, b in zip(*results, strict=True):
        assert np.isfinite(a).all()
        assert_array_equal(a, b)


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_units_of_the_labels_do_not_matter(unit):
    labels = noisy_steps()
    one = TreeBlend().fit(NETWORK, held_out(labels, FLAT))
    other = TreeBlend().fit(NETWORK, held_out([unit * c for c in labels], [unit * f for f in FLAT]))
    said = [np.zeros((9, 1))] * 2
    for a, b in zip(one(NEW, said), other(NEW, said), strict=True):
        assert_allclose(unit * a, b, rtol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_stay_positive_and_sum_to_one(n_classes):
    labels = np.digitize(STEPS[:, 0] + ROWS[:, 2], [-0.3, 0.9][: n_classes - 1])
    rows = held_out([labels], [RNG.dirichlet(np.ones(n_classes), N)], ["multiclass" if n_classes > 2 else "binary"])
    blend = TreeBlend().fit(NETWORK, rows)
    assert blend.tasks_[0].share > 0.5
    sure = blend(ROWS, [np.full((N, n_classes), 1 / n_classes)])[0]
    assert np.mean(sure.argmax(axis=1) == labels) > 0.9
    for said in (sure, blend.cross_fitted(rows)[0]):
        assert (said > 0).all()
        assert_allclose(said.sum(axis=1), 1.0)


def test_a_task_without_gain_or_ideal_response_is_left_alone():
    noise = RNG.normal(size=N)
    labels = [noise, STEPS[:, 1], STEPS[:, 0]]
    responses = [0.9 * noise[:, None], FLAT[1], FLAT[0]]
    rows = held_out(labels, responses, ["regression", "regression", "absolute_error"])
    blend = TreeBlend().fit(NETWORK, rows)
    assert [task.index for task in blend.tasks_] == [1]
    said = [np.zeros((9, 1)) for _ in labels]
    blended = blend(NEW, said)
    assert blended[0] is said[0]
    assert blended[2] is said[2]


def test_rows_without_a_held_out_response_are_not_learned_from():
    labels, responses = noisy_steps(), [f.copy() for f in FLAT]
    for response in responses:
        response[60:] = np.nan
    one = TreeBlend().fit(NETWORK, held_out(labels, responses))
    few = held_out([c[:60] for c in labels], [f[:60] for f in FLAT], rows=ROWS[:60])
    said = [np.zeros((9, 1))] * 2
    assert_array_equal(one(NEW, said), TreeBlend().fit(NETWORK, few)(NEW, said))
    assert np.isnan(one.cross_fitted(held_out(labels, responses))[0][60:]).all()


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
