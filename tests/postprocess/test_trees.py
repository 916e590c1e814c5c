"""Trees: the same as scikit-learn's, honest about the rows they were grown on, labels that are missing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.tree import ExtraTreeRegressor

from skmtl.postprocess import _trees
from skmtl.postprocess._trees import Trees, grow_trees, n_features_tried

RNG = np.random.default_rng(0)
N = 60
ROWS = RNG.integers(-3, 4, size=(N, 3)).astype(float)
TRUTH = RNG.normal(size=(N, 2))
NEW = RNG.integers(-4, 5, size=(200, 3)).astype(float)
ONES = np.ones((N, 2))


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(_trees, "N_TREES", 20)


@pytest.mark.parametrize("max_depth", [None, 2, 1])
def test_they_predict_as_those_they_were_made_of(max_depth):
    grown = [ExtraTreeRegressor(random_state=k, max_depth=max_depth).fit(ROWS / 3, TRUTH) for k in range(5)]
    stump = ExtraTreeRegressor(max_leaf_nodes=2, random_state=0).fit(ROWS / 3, TRUTH)
    leaf = ExtraTreeRegressor().fit(ROWS[:1], TRUTH[:1])  # without any inner node
    every = [*grown, leaf, stump]
    trees = Trees.of(every, [tree.tree_.value[:, :, 0] for tree in every])
    assert trees.depth == max(tree.get_depth() for tree in every)
    assert_allclose(
        trees.predict(NEW / 3), np.mean([tree.predict(NEW / 3) for tree in every], axis=0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("seed", range(10))  # single precision is above some thresholds, and below others
def test_a_row_at_a_threshold_goes_the_same_way(seed):
    tree = ExtraTreeRegressor(random_state=seed).fit([[0.1], [0.3]], [0.0, 1.0])
    threshold = tree.tree_.threshold[0]
    single = np.float32(threshold)
    below, above = np.nextafter(single, np.float32([-np.inf, np.inf]))
    x = np.array([below, single, above, threshold, threshold - 1e-12, threshold + 1e-12], dtype=np.float64)[:, None]
    trees = Trees.of([tree], [tree.tree_.value[:, :, 0]])
    assert_array_equal(trees.predict(x)[:, 0], tree.predict(x))


def test_without_any_inner_node():
    leaf = ExtraTreeRegressor().fit(ROWS[:1], TRUTH[:1])
    assert_allclose(Trees.of([leaf], [leaf.tree_.value[:, :, 0]]).predict(NEW), np.tile(TRUTH[:1], (200, 1)), rtol=1e-6)


def test_a_label_does_not_decide_what_is_said_of_its_row():
    changed = TRUTH.copy()
    changed[7] += 5.0
    (one, before), (other, after) = (grow_trees(ROWS, truth, ONES, np.arange(N)) for truth in (TRUTH, changed))
    assert_array_equal(before[7], after[7])
    assert np.abs(before - after)[np.arange(N) != 7].max() > 0.1
    assert np.abs(one.predict(ROWS) - other.predict(ROWS))[7].min() > 1.0


def test_rows_of_a_unit_do_not_decide_about_each_other():
    units = np.arange(N) // 3
    changed = TRUTH.copy()
    changed[6] += 5.0
    before, after = (grow_trees(ROWS, truth, ONES, units)[1] for truth in (TRUTH, changed))
    assert_array_equal(before[6:9], after[6:9])


def test_equal_labels_are_said_of_every_row():
    truth = np.ones((N, 1)) * 3.0
    trees, left_out = grow_trees(ROWS, truth, np.ones((N, 1)), np.arange(N))
    assert_allclose(left_out, 3.0, rtol=1e-6)
    assert_allclose(trees.predict(NEW), 3.0, rtol=1e-6)


def test_missing_labels_are_not_part_of_any_mean():
    weights = ONES.copy()
    weights[::3, 0] = 0.0
    truth = np.where(weights > 0, TRUTH + 10.0, 0.0)
    trees, left_out = grow_trees(ROWS, truth, weights, np.arange(N))
    said = trees.values[:, 0]
    assert said[said != 0].min() > 5.0  # a mean with a missing label's 0 would be lower
    assert (said == 0).any()  # leaves of rows without a label
    assert trees.values[:, 1].min() > 5.0
    assert np.isfinite(left_out).all()


def test_a_heavy_label_draws_the_mean_of_its_leaf(monkeypatch):
    monkeypatch.setattr(_trees, "N_TREES", 200)
    rows, truth = np.zeros((9, 1)), np.arange(9.0)[:, None]  # one leaf
    weights = np.ones((9, 1))
    weights[8] = 8.0
    heavy = grow_trees(rows, truth, weights, np.arange(9))[0].predict(rows[:1])
    assert heavy == pytest.approx((truth * weights).sum() / weights.sum(), rel=0.1)


def test_many_comparisons_leave_fewer_inputs_to_a_node():
    assert n_features_tried(500, 20, 3) == 20
    assert n_features_tried(10**7, 400, 3) == 20
    half = n_features_tried(2000, 400, 3)
    assert 20 < half < 400
    assert n_features_tried(2000, 400, 13) < half
    assert n_features_tried(1, 1, 1) == 1


def test_weights_that_vanish_beside_others_do_no_harm():
    weights = ONES.copy()
    weights[::2] = 5e-324
    said = grow_trees(ROWS, TRUTH, weights, np.arange(N))[0].predict(NEW)
    alone = grow_trees(ROWS, TRUTH, np.where(weights == 1, 1.0, 0.0), np.arange(N))[0].predict(NEW)
    assert_allclose(said, alone, rtol=1e-6)


def test_every_tree_is_grown_on_labels_however_few_there_are():
    weights = np.zeros((N, 2))
    weights[:3] = 1.0
    trees, left_out = grow_trees(ROWS, TRUTH * weights, weights, np.arange(N))
    assert len(trees.roots) == 20
    assert_allclose(left_out[3:], trees.predict(ROWS)[3:], rtol=1e-6)  # no tree has learned from them


def test_a_label_that_hardly_counts_has_no_leaf_of_its_own():
    weights, truth = ONES.copy(), np.where(np.arange(N)[:, None] % 2, 100.0, 1.0) * ONES
    weights[1::2] = 1e-6
    assert (
        np.abs(grow_trees(ROWS + RNG.normal(size=ROWS.shape), truth, weights, np.arange(N))[0].values - 1).max() < 0.1
    )
