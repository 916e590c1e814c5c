"""What holds of every blend: honesty, weights, what is left alone, what is learned from labels alone."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl.postprocess import KernelBlend, TreeBlend, _trees
from tests.postprocess._held_out import held_out_rows, network_of

RNG = np.random.default_rng(0)
N = 80
ROWS, NEW = RNG.normal(size=(N, 4)), RNG.normal(size=(9, 4))
LINEAR = ROWS @ RNG.normal(size=(4, 2)) + 5.0
STEPS = np.column_stack([np.sign(ROWS[:, 0]), 2.0 * (ROWS[:, 1] > 0.3) + 5.0])
TRUTHS = {KernelBlend: LINEAR, TreeBlend: STEPS}  # and what a blend learns best
NETWORK = network_of(4)
ZEROS = [np.zeros((9, 1))] * 2


@pytest.fixture(params=TRUTHS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(_trees, "N_TREES", 40)


def held_out(columns, responses, kinds=None, weights=None, units=None, rows=ROWS):
    """Of these rows."""
    return held_out_rows(rows, columns, responses, kinds, weights, units)


def said_of(truth):
    """Labels with noise, and the responses of a network that has learned something."""
    rng = np.random.default_rng(1)
    labels = list((truth + 0.3 * rng.normal(size=truth.shape)).T)
    return labels, [column[:, None] + rng.normal(size=(N, 1)) for column in truth.T]


def assert_alike(one, other, rows_of_one=slice(None), rtol=1e-6):
    for a, b in zip(one, other, strict=True):
        assert_allclose(a[rows_of_one], b, rtol=rtol)


def test_bins_are_not_looked_at(kind):
    observed = held_out(*said_of(TRUTHS[kind]))
    plain = kind().fit(NETWORK, observed)
    with_bins = kind().fit(NETWORK, replace(observed, rows=np.hstack([ROWS, TRUTHS[kind]]), memo={}))
    for one, other in zip(plain(NEW, ZEROS), with_bins(np.hstack([NEW, NEW]), ZEROS), strict=True):
        assert_array_equal(one, other)


def test_a_row_of_weight_two_is_the_row_twice(kind):
    labels, responses = said_of(TRUTHS[kind])
    times = 1 + (np.arange(N) % 3 == 0)
    twice = np.repeat(np.arange(N), times)
    heavy = held_out(labels, responses, weights=np.tile(times[:, None].astype(float), (1, 2)))
    copied = held_out([c[twice] for c in labels], [r[twice] for r in responses], units=twice, rows=ROWS[twice])
    one, other = kind().fit(NETWORK, heavy), kind().fit(NETWORK, copied)
    assert_alike(one(NEW, ZEROS), other(NEW, ZEROS))
    assert_alike(one.cross_fitted(heavy), other.cross_fitted(copied), twice)


def test_the_order_of_rows_does_not_matter(kind):
    (labels, responses), order = said_of(TRUTHS[kind]), np.random.default_rng(2).permutation(N)
    given = held_out(labels, responses)
    shuffled = held_out([c[order] for c in labels], [r[order] for r in responses], units=order, rows=ROWS[order])
    one, other = kind().fit(NETWORK, given), kind().fit(NETWORK, shuffled)
    assert_alike(one(NEW, ZEROS), other(NEW, ZEROS))
    assert_alike(one.cross_fitted(given), other.cross_fitted(shuffled), order)


def test_labels_without_weight_say_nothing(kind):
    weights = np.ones((N, 2))
    weights[::4, 0] = 0
    (labels, responses), results = said_of(TRUTHS[kind]), []
    for garbage in (np.nan, 1e30):
        column = np.where(weights[:, 0] > 0, labels[0], garbage)
        rows = replace(held_out(labels, responses, weights=weights), labels=[column, labels[1]])
        blend = kind().fit(NETWORK, rows)
        results.append(blend(NEW, ZEROS) + blend.cross_fitted(rows))
    for a, b in zip(*results, strict=True):
        assert np.isfinite(a).all()
        assert_array_equal(a, b)


@pytest.mark.parametrize("unit", [1e-170, 1e170])
def test_units_of_the_labels_do_not_matter(kind, unit):
    labels, responses = said_of(TRUTHS[kind])
    one = kind().fit(NETWORK, held_out(labels, responses))
    other = kind().fit(NETWORK, held_out([unit * c for c in labels], [unit * r for r in responses]))
    assert_alike([unit * a for a in one(NEW, ZEROS)], other(NEW, ZEROS))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_stay_positive_and_sum_to_one(kind, n_classes):
    rng, known = np.random.default_rng(2), TRUTHS[kind][:, 0] + 0.5 * ROWS[:, 2]
    labels = np.digitize(known, np.quantile(known, [0.3, 0.6][: n_classes - 1]))
    rows = held_out([labels], [rng.dirichlet(np.ones(n_classes), N)], ["multiclass" if n_classes > 2 else "binary"])
    blend = kind().fit(NETWORK, rows)
    for said in (blend(10 * NEW, [rng.dirichlet(np.ones(n_classes), 9)])[0], blend.cross_fitted(rows)[0]):
        assert (said > 0).all()
        assert_allclose(said.sum(axis=1), 1.0)


def test_a_task_without_gain_or_ideal_response_is_left_alone(kind):
    (_, responses), noise = said_of(TRUTHS[kind]), np.random.default_rng(2).normal(size=N)
    labels = [noise, TRUTHS[kind][:, 1], TRUTHS[kind][:, 0]]
    rows = held_out(labels, [0.9 * noise[:, None], *responses[::-1]], ["regression", "regression", "absolute_error"])
    blend = kind().fit(NETWORK, rows)
    assert [task.index for task in blend.tasks_] == [1]
    said = [np.zeros((9, 1)) for _ in labels]
    blended = blend(NEW, said)
    assert blended[0] is said[0]
    assert blended[2] is said[2]


def test_a_task_of_equal_labels_changes_no_other(kind):
    ((label, _), (own, _)), equal = said_of(TRUTHS[kind]), np.full(N, 1 / 3)  # whose mean is rounded
    alone = kind().fit(NETWORK, held_out([label], [own]))
    beside = kind().fit(NETWORK, held_out([label, equal], [own, 0.3 + np.zeros((N, 1))]))
    assert [task.index for task in beside.tasks_] == [0]
    assert_array_equal(beside(NEW, ZEROS)[0], alone(NEW, ZEROS)[0])


def test_rows_without_a_held_out_response_are_not_learned_from(kind):
    labels, responses = said_of(TRUTHS[kind])
    few = held_out([c[:60] for c in labels], [r[:60].copy() for r in responses], rows=ROWS[:60])
    for response in responses:
        response[60:] = np.nan
    rows = held_out(labels, responses)
    one, other = kind().fit(NETWORK, rows), kind().fit(NETWORK, few)
    for a, b in zip(one(NEW, ZEROS), other(NEW, ZEROS), strict=True):
        assert_array_equal(a, b)
    assert np.isnan(one.cross_fitted(rows)[0][60:]).all()


def test_other_responses_have_learned_the_same_bits(kind):
    labels, rng = [LINEAR[:, 0] + np.sign(ROWS[:, 1]), (STEPS[:, 0] > 0).astype(float)], np.random.default_rng(2)

    def responses(noise):
        probability = np.clip(0.5 + noise * rng.normal(size=(N, 1)), 0.01, 0.99)
        return [labels[0][:, None] + 3 * noise * rng.normal(size=(N, 1)), np.hstack([1 - probability, probability])]

    first = held_out(labels, responses(0.5), ["regression", "binary"])
    second = replace(first, responses=responses(0.17))
    alone, new = replace(second, memo={}), [ZEROS[0], np.full((9, 2), 0.5)]
    assert kind().fit(NETWORK, first) is not None
    after, before = kind().fit(NETWORK, second), kind().fit(NETWORK, alone)
    assert len(first.memo) == len(alone.memo) == 1
    for one, other in zip(
        after(NEW, new) + after.cross_fitted(second), before(NEW, new) + before.cross_fitted(alone), strict=True
    ):
        assert_array_equal(one, other)
