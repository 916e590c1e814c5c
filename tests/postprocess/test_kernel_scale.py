"""The scale of the inputs of kernels: what matters counts more, and noise changes nothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmtl.postprocess import KernelBlend, _kernel_scale
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._kernel_ridge import KERNELS, STRENGTHS, RowKernels
from skmtl.postprocess._kernel_scale import NARROW, _slopes, choose_strengths, crossed_scales, learn_scale
from skmtl.postprocess._regressions import regressions, systems_left_out
from skmtl.postprocess._shares import read_targets
from tests.postprocess.test_kernel_blend import NETWORK, held_out

RNG = np.random.default_rng(0)
N = 80
ROWS = RNG.normal(size=(N, 4))
ONES = np.ones(N)
WAVE = np.sin(2 * ROWS[:, 0]) + 0.1 * RNG.normal(size=N)


def scale_of(columns, rows=ROWS, units=None, weights=None):
    observed = held_out(columns, [np.zeros((len(rows), 1))] * len(columns), rows=rows, units=units, weights=weights)
    targets = read_targets(observed, np.arange(len(rows)))
    return learn_scale(rows, observed.weights.sum(axis=1), targets)


def test_an_input_that_matters_counts_more():
    scale = scale_of([WAVE])
    assert scale[0] > 1.5 * scale[1:].max()


def test_tasks_count_alike_whatever_their_units():
    other = np.cos(2 * ROWS[:, 1]) + 0.1 * RNG.normal(size=N)
    one, large = scale_of([WAVE, other]), scale_of([WAVE, 1e6 * other])
    assert_allclose(large, one, rtol=1e-6)
    assert one[:2].min() > one[2:].max()


def test_noise_hardly_changes_the_scale():
    scales = [scale_of([RNG.normal(size=N)]) for _ in range(10)]
    assert max(scale.max() / scale.min() for scale in scales) < 3


def test_the_scale_lowers_the_error_about_new_rows():
    new = RNG.normal(size=(500, 4))
    scale, errors = scale_of([WAVE]), []
    for own in (None, scale):
        kernels = RowKernels(ROWS, ONES, scale=own)
        observed = held_out([WAVE], [np.zeros((N, 1))], rows=ROWS)
        ((ridge,),) = regressions(
            kernels.among([NARROW]),
            systems_left_out(kernels.nearness(), read_targets(observed, np.arange(N))),
            {0: [[0.05]]},
        )[0]
        ((_, between),) = kernels.between(new, {NARROW})
        errors.append(np.mean(np.square(between @ ridge.dual + ridge.intercept - np.sin(2 * new[:, :1]))))
    assert errors[1] < 0.7 * errors[0]


def test_slopes_are_derivatives():
    observed = held_out([WAVE], [np.zeros((N, 1))], rows=ROWS)
    (target,) = read_targets(observed, np.arange(N))
    kernels = RowKernels(ROWS, ONES, scale=np.array([2.0, 1.0, 1.0, 0.5]))
    ((ridge,),) = regressions(kernels.among([NARROW]), systems_left_out(kernels.nearness(), [target]), {0: [[0.05]]})[0]
    ours = _slopes(kernels.scaled, kernels.among([NARROW])[0], [target], {0: ridge})
    step, numeric = 1e-6, []
    for k in range(4):
        sides = [
            next(kernels.between(ROWS + sign * step * np.eye(4)[k] / kernels.scale[k], {NARROW}))[1] for sign in (1, -1)
        ]
        numeric.append(np.sqrt(np.mean(np.square((sides[0] - sides[1]) @ ridge.dual / (2 * step)))))
    assert_allclose(ours / ours.sum(), np.array(numeric) / np.sum(numeric), rtol=1e-4)


def test_a_row_of_weight_two_is_the_row_twice():
    times = 1 + (np.arange(N) % 3 == 0)
    twice = np.repeat(np.arange(N), times)
    heavy = scale_of([WAVE], weights=times[:, None].astype(float))
    copied = scale_of([WAVE[twice]], rows=ROWS[twice], units=twice)
    assert_allclose(heavy, copied, rtol=1e-7)


def test_the_scale_of_a_fold_is_learned_from_the_labels_of_others():
    folds, found = np.arange(N) % N_FOLDS, []
    for labels in (WAVE, np.where(folds == 2, 9.0, WAVE)):
        targets = read_targets(held_out([labels], [np.zeros((N, 1))], rows=ROWS), np.arange(N))
        found.append(crossed_scales(ROWS, ONES, targets, folds))
    assert_allclose(found[0][2], found[1][2], rtol=1e-9)
    assert not np.allclose(found[0][1], found[1][1], rtol=0.1)


def test_held_out_rows_of_noise_are_not_said_to_be_known(monkeypatch):
    monkeypatch.setattr(NETWORK.architecture.encoder, "plain_bounds", lambda: np.full(150, np.inf))
    gains = []
    for _ in range(6):
        rows, labels = RNG.normal(size=(60, 150)), RNG.normal(size=60)  # some of so many inputs follow the noise
        observed = held_out([labels], [0.1 * RNG.normal(size=(60, 1))], rows=rows)
        blend = KernelBlend().fit(NETWORK, observed)
        if blend is not None:
            gains.append(1 - np.mean(np.square(blend.cross_fitted(observed)[0][:, 0] - labels)) / np.var(labels))
    assert np.sum(gains) / 6 < 0.05


@pytest.mark.parametrize("bound", [3.0, 12.0])
def test_one_linear_kernel_sees_numbers_that_are_not_clipped(bound):
    straight = RNG.standard_t(3, size=(N, 4)) * 4
    clipped = straight * (bound / 3) / np.sqrt(1 + (straight / 3) ** 2)
    kernels = RowKernels(clipped, ONES, np.full(4, bound))
    standardised = (straight - straight.mean(axis=0)) / straight.std(axis=0)
    assert_allclose(kernels.among([4])[0], standardised @ standardised.T / 4, atol=1e-6)
    far = next(kernels.between(np.full((1, 4), bound * 0.999999), {4}))[1]
    assert_allclose(far[0], standardised.max(axis=0) @ standardised.T / 4, atol=1e-6)  # no further than the references


def test_a_line_in_numbers_with_heavy_tails_is_found(monkeypatch):
    straight = RNG.standard_t(2, size=(N, 4)) * 3
    clipped, labels = straight / np.sqrt(1 + (straight / 3) ** 2), straight.sum(axis=1)
    responses = [labels[:, None] + labels.std() * RNG.normal(size=(N, 1))]
    observed = held_out([labels], responses, rows=clipped)
    monkeypatch.setattr(NETWORK.architecture.encoder, "plain_bounds", lambda: np.full(4, 3.0))
    shares = KernelBlend().fit(NETWORK, observed).tasks_[0].shares
    assert shares[5] > 0.9


def test_of_many_rows_some_tell_penalties(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 3))
    labels = [rows[:, 0] + rng.normal(size=60), rows[:, 1] + rng.normal(size=60)]
    weights = np.ones((60, 2))
    weights[10:, 1] = 0.0
    observed = held_out(labels, [np.zeros((60, 1))] * 2, rows=rows, weights=weights)
    targets = read_targets(observed, np.arange(60))
    given = rows, np.ones(60), np.full(3, np.inf), np.ones(3), targets
    every = {0: [STRENGTHS] * len(KERNELS), 1: [STRENGTHS] * len(KERNELS)}
    assert choose_strengths(*given) == every
    monkeypatch.setattr(_kernel_scale, "LEARNING_ROWS", 30)
    chosen = choose_strengths(*given)
    assert chosen[1] == every[1]  # with fewer than 8 labels among the rows drawn
    assert [len(strengths) for strengths in chosen[0]] == [1] * len(KERNELS)
    assert all(strength in STRENGTHS for (strength,) in chosen[0])
