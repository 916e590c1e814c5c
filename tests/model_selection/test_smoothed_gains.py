"""Measured gains that are drawn towards additive ones: how far, and when not."""

from itertools import combinations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from skmtl.model_selection.grouping._gains import FoldGains
from skmtl.model_selection.grouping._smoothing import smoothed_gains
from skmtl.model_selection.grouping._surrogate import AdditiveGains

N_TASKS, N_FOLDS = 5, 4
MEMBERS = np.array(
    [np.isin(range(N_TASKS), s) for size in range(1, N_TASKS + 1) for s in combinations(range(N_TASKS), size)]
)
ALONE = MEMBERS.sum(axis=1) == 1
RANDOM = np.random.default_rng(0)
ADDITIVE = AdditiveGains(RANDOM.normal(size=N_TASKS), RANDOM.normal(size=(N_TASKS, N_TASKS)) * (1 - np.eye(N_TASKS)))


def table(gains, members=MEMBERS):
    """Of gains by subset, fold and task, 0 for tasks alone."""
    known = np.where(members.sum(axis=1)[:, None, None] == 1, 0.0, gains)
    return FoldGains(members, np.where(members[:, None], known, np.nan), 1 / (N_FOLDS - 1))


def deviations(task):
    """What no additive model explains of the gains of a task, ``(n_subsets,)``: 0 where the task is not in company."""
    rows = MEMBERS[:, task] & ~ALONE
    design = np.column_stack([np.ones(rows.sum()), np.delete(MEMBERS[rows], task, axis=1)])
    values = RANDOM.normal(size=len(design))
    left = np.zeros(len(MEMBERS))
    left[rows] = values - design @ np.linalg.lstsq(design, values)[0]
    return left


def test_gains_that_add_up_stay_what_they_are():
    exact = ADDITIVE.predict(MEMBERS)
    folds = RANDOM.normal(size=(1, N_FOLDS, N_TASKS))  # the same for all subsets
    shifted = exact + np.where(ALONE[:, None], 0, folds.mean(axis=1))
    assert_allclose(smoothed_gains(table(exact[:, None] + folds)), np.where(MEMBERS, shifted, np.nan), atol=1e-6)


def check_kept(factors, share):
    """Whether of deviations that are these multiples of the same on each fold this share is kept."""
    left = np.stack([deviations(task) for task in range(N_TASKS)], axis=1)
    measured = table(ADDITIVE.predict(MEMBERS)[:, None] + np.array(factors)[:, None] * left[:, None])
    additive = AdditiveGains.fit(MEMBERS, measured.mean()).predict(MEMBERS)
    expected = additive + share * (measured.mean() - additive)
    assert_allclose(smoothed_gains(measured), expected, rtol=1e-9, atol=1e-12)


def test_what_differs_from_additive_gains_is_kept_unless_it_is_noise():
    check_kept([1.0, 1.0, 1.0, 1.0], 1)
    check_kept([1.0, -1.0, 3.0, -2.0], 0)
    # variance 4 / 3; of the mean, by the correction for common training rows, (1 / 4 + 1 / 3) times that
    check_kept([3.0, 1.0, 3.0, 1.0], 1 - 7 / 9 / 4)


def test_few_subsets_are_taken_as_they_are():
    some = MEMBERS.sum(axis=1) != 3
    some[np.flatnonzero(MEMBERS.sum(axis=1) > 3)] = False  # pairs: as many as the additive model has parameters
    gains = table(RANDOM.normal(size=(some.sum(), N_FOLDS, N_TASKS)), MEMBERS[some])
    assert_array_equal(smoothed_gains(gains), gains.mean())
    assert_array_equal(smoothed_gains(gains.of_subsets(ALONE[some])), gains.mean()[ALONE[some]])
