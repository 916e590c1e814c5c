"""Blends with kernel ridge regressions: closed forms, honesty, weights, shares, honesty."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from skmtl.postprocess import KernelBlend
from skmtl.postprocess._kernel_ridge import KERNELS, STRENGTHS, RowKernels, kernel_ridge, pseudoinverse, sets_left_out
from skmtl.postprocess._kernel_scale import crossed_scales
from skmtl.postprocess._regressions import best_of, regressions, systems_left_out
from skmtl.postprocess._shares import N_FOLDS, N_PRIOR, TaskTargets, choose_shares, crossed_shares, read_targets
from tests.postprocess._held_out import held_out_rows, network_of

RNG = np.random.default_rng(0)
N = 60
ROWS = RNG.normal(size=(N, 4))
LINEAR = ROWS @ RNG.normal(size=(4, 2)) + 5.0
NEW = RNG.normal(size=(9, 4))
NETWORK = network_of(4)


def held_out(columns, responses, kinds=None, weights=None, units=None, rows=ROWS):
    """Of these rows."""
    return held_out_rows(rows, columns, responses, kinds, weights, units)


def noisy(truth, noise=1.0):
    """Responses of a network that has learned something."""
    return [column[:, None] + noise * RNG.normal(size=(len(column), 1)) for column in truth.T]


@pytest.mark.parametrize("strength", [0.01, 3.0])
def test_the_linear_kernel_is_ridge_regression(strength):
    weights = RNG.uniform(0.5, 2.0, N)
    kernels = RowKernels(ROWS, np.ones(N))
    assert KERNELS[0][0] == "linear"
    gram = kernels.among()[0]
    ours = kernel_ridge(gram, LINEAR, weights, sets_left_out(gram, np.arange(N)), strength)
    theirs = Ridge(strength * kernels.mean_square).fit(ROWS, LINEAR, sample_weight=weights)
    ((_, between),) = kernels.between(NEW, {0})
    assert_allclose(between @ ours.dual + ours.intercept, theirs.predict(NEW), rtol=1e-9)


def left_out_with(units, row, rows=ROWS):
    """Positions of the rows of a unit, and of the row of another that is nearest to them."""
    own = np.flatnonzero(units == units[row])
    distances = np.abs(rows[:, None] - rows[own]).sum(axis=2).min(axis=1)
    return own, np.append(own, np.argmin(np.where(units == units[row], np.inf, distances)))


@pytest.mark.parametrize("kernel", range(len(KERNELS)))
def test_left_out_predictions_are_those_without_unit_and_neighbour(kernel):
    weights, units = RNG.uniform(0.5, 2.0, N), np.where(np.arange(N) < 20, np.arange(N) // 2, np.arange(N))
    kernels = RowKernels(ROWS, np.ones(N))
    gram, sets = kernels.among()[kernel], sets_left_out(kernels.nearness(), units)
    left_out = kernel_ridge(gram, LINEAR, weights, sets, 0.1).left_out
    for row in (0, 14, 33):
        own, gone = left_out_with(units, row)
        others = np.setdiff1d(np.arange(N), gone)
        again = kernel_ridge(gram[np.ix_(others, others)], LINEAR[others], weights[others], {}, 0.1)
        assert_allclose(left_out[own], gram[np.ix_(own, others)] @ again.dual + again.intercept, rtol=1e-8)


def test_rows_left_out_do_not_depend_on_the_order_of_the_rows():
    rows = RNG.integers(0, 3, size=(N, 2)).astype(float)  # many are equally near
    units, order = RNG.permutation(N), RNG.permutation(N)
    found = []
    for taken in (np.arange(N), order):
        (sets,) = sets_left_out(-np.abs(rows[taken][:, None] - rows[taken]).sum(axis=2), units[taken]).values()
        found.append({tuple(units[taken][pair]) for pair in sets})
    assert len(found[0]) == N
    assert found[0] == found[1]


def test_near_copies_do_not_speak_for_new_rows():
    rows = np.repeat(RNG.normal(size=(N, 4)), 2, axis=0) + 1e-3 * RNG.normal(size=(2 * N, 4))
    labels = np.repeat(RNG.normal(size=N), 2)  # nothing but which pair of rows it is
    blend = KernelBlend().fit(NETWORK, held_out([labels], [np.zeros((2 * N, 1))], rows=rows))
    said = 0.0 if blend is None else blend(RNG.normal(size=(500, 4)), [np.zeros((500, 1))])[0]
    assert np.mean(np.square(said)) < 0.2  # 1 would be a blend of copies alone


def test_kernels_fall_from_one_with_distance_in_units_of_the_rows():
    one, hundred = RowKernels(ROWS, np.ones(N)).among(), RowKernels(100 * ROWS - 7, np.ones(N)).among()
    for kernel, scaled in zip(one, hundred, strict=True):
        assert_allclose(kernel, scaled, atol=1e-9)
        assert np.mean(np.diag(kernel)) == pytest.approx(1.0)


def target_of(products, n_units):
    return TaskTargets(0, None, None, None, None, None, np.arange(len(products)), n_units, 1.0)


def test_shares_have_the_least_squared_error_of_all():
    errors = RNG.normal(size=(40, 4)) * [1.0, 0.7, 2.0, 0.8]
    products = errors[:, :, None] * errors[:, None, :]
    (shares,) = choose_shares([target_of(products, 40)], [products])
    gram = products.sum(axis=0) / np.trace(products.sum(axis=0))
    found = minimize(
        lambda w: w @ gram @ w, np.full(4, 0.25), bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-12},
    )  # fmt: skip
    assert shares.sum() == pytest.approx(1.0)
    assert_allclose(shares, found.x, atol=1e-3)


def test_the_fewer_labels_the_more_all_tasks_decide():
    one, other = np.diag([1.0, 3.0])[None], np.diag([3.0, 1.0])[None]
    for n, weight in ((N_PRIOR, 0.5), (3 * N_PRIOR, 0.75)):
        share = choose_shares([target_of(one, n), target_of(other, n)], [one, other])[0][0]
        gram = weight * np.array([0.25, 0.75]) + (1 - weight) * 0.5
        assert share == pytest.approx(gram[1] / gram.sum(), abs=1e-3)


def test_shares_of_a_fold_come_from_the_others():
    products = RNG.uniform(size=(50, 2, 1)) ** 2 * np.eye(2)
    target = target_of(products, 50)
    (before,) = crossed_shares([target], [products])
    changed = np.where((np.arange(50) % N_FOLDS == 2)[:, None, None], 100 * products, products)
    (after,) = crossed_shares([target], [changed])
    same = (before == after).all(axis=1)
    assert_array_equal(same, np.arange(N_FOLDS) == 2)


def test_what_is_linear_is_predicted_by_the_regressions():
    rows = held_out(list(LINEAR.T), noisy(LINEAR))
    blend = KernelBlend().fit(NETWORK, rows)
    truth = NEW @ np.linalg.lstsq(np.c_[ROWS, np.ones(N)], LINEAR)[0][:4] + 5.0
    for task, said, column in zip(blend.tasks_, blend(NEW, noisy(truth)), truth.T, strict=True):
        assert task.shares[0] < 0.05
        assert np.abs(said[:, 0] - column).mean() < 0.2
    crossed = blend.cross_fitted(rows)
    assert all(np.abs(c[:, 0] - y).mean() < 0.2 for c, y in zip(crossed, LINEAR.T, strict=True))


def test_held_out_rows_are_blended_by_what_others_say():
    units = np.where(np.arange(N) == 8, 3, np.arange(N))
    rows = held_out([LINEAR[:, 0] + RNG.normal(size=N)], noisy(LINEAR)[:1], units=units)
    blend, (target,) = KernelBlend().fit(NETWORK, rows), read_targets(rows, np.arange(N))
    weights = np.full(N, (N - 1) / N)  # of mean 1 over the observations
    sets, said = sets_left_out(blend.kernels_.nearness(), units), np.zeros((len(KERNELS), N, 1))
    systems = systems_left_out(blend.kernels_.nearness(), [target])
    tried = regressions(blend.kernels_.among(), systems, {0: [STRENGTHS] * len(KERNELS)})
    strengths = [best_of(target, of_kernel).strength for of_kernel in tried[0]]
    for fold, scale in enumerate(crossed_scales(ROWS, np.ones(N), [target], units % N_FOLDS)):
        own = units % N_FOLDS == fold
        for j, kernel in enumerate(RowKernels(ROWS, np.ones(N), scale=scale).among()):
            said[j, own] = kernel_ridge(kernel, target.truth, weights, sets, strengths[j]).left_out[own]
    shares = crossed_shares([target], [target.products(said)])[0][units % N_FOLDS]
    expected = sum(shares[:, [k]] * own for k, own in enumerate([target.response, *said]))
    assert_allclose(blend.cross_fitted(rows)[0], expected, rtol=1e-6)


def test_rows_without_a_label_have_no_coefficient():
    weights = np.ones((N, 2))
    weights[::4, 0] = 0
    blend = KernelBlend().fit(NETWORK, held_out(list(LINEAR.T), noisy(LINEAR), weights=weights))
    assert blend.tasks_[0].duals
    for dual in blend.tasks_[0].duals.values():
        assert_array_equal(dual[::4], 0.0)


def test_too_much_work_is_not_begun(monkeypatch):
    rows = held_out(list(LINEAR.T), noisy(LINEAR))
    monkeypatch.setattr("skmtl.postprocess._kernel_blend.MAX_CUBES", N**3 - 1)
    assert KernelBlend().fit(NETWORK, rows) is None


def test_sets_of_two_are_solved_as_all_others():
    half = RNG.normal(size=(20, 2, 2))
    pairs = half @ half.transpose(0, 2, 1)
    pairs[0], pairs[1] = 0.0, np.outer(half[0, 0], half[0, 0])  # nothing is left to predict by
    assert_allclose(pseudoinverse(pairs), np.linalg.pinv(pairs, hermitian=True), rtol=1e-8)
