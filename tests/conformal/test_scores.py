"""Order statistics of scores with weights, folds and groups, and the expected size of errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmtl.conformal import BandScores, IntervalScores, SetScores
from skmtl.conformal._errors import HeldOutCells
from skmtl.conformal._intervals import PRIOR, ErrorScale
from skmtl.conformal._quantiles import Scores

RNG = np.random.default_rng(0)
VALUES, WEIGHTS, FOLDS = RNG.exponential(size=50), RNG.uniform(0.5, 2, size=50), RNG.integers(0, 4, size=50)
CENTERS, SCALES = RNG.normal(size=(4, 7)), RNG.uniform(0.5, 2, size=(4, 7))


def by_sorting(coverage, weights):
    """The bounds of all rows sorted for each new row, whose weight is the mean of the weights by themselves."""
    target = coverage * (weights.sum() + np.square(weights).sum() / weights.sum())
    bounds = CENTERS[FOLDS] + SCALES[FOLDS] * VALUES[:, None]
    found = []
    for column in bounds.T:
        order = np.argsort(column)
        found.append(column[order][np.searchsorted(np.cumsum(weights[order]), target - 1e-9)])
    return found


@pytest.mark.parametrize("coverage", [0.05, 0.5, 0.9])
def test_bounds_of_folds_are_those_of_all_rows_sorted(coverage):
    found = Scores(VALUES, None, FOLDS).upper_bound(coverage, CENTERS, SCALES)
    assert_allclose(found, by_sorting(coverage, np.ones(50)), rtol=1e-9)
    for factor in (1, 1e-3, 1e6):  # only ratios of weights matter
        found = Scores(VALUES, factor * WEIGHTS, FOLDS).upper_bound(coverage, CENTERS, SCALES)
        assert_allclose(found, by_sorting(coverage, WEIGHTS), rtol=1e-9)


def test_coverages_are_possible_up_to_a_largest_one():
    assert Scores(VALUES, None, None).max_coverage == 50 / 51
    few = Scores(VALUES, np.r_[np.full(49, 1e-9), 1.0], None)
    assert few.n_effective == pytest.approx(1, rel=1e-6)
    assert few.max_coverage == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("groups", [None, RNG.integers(0, 20, size=50)])
def test_the_size_of_an_error_is_what_the_others_tell(weights, groups):
    levels, own = RNG.uniform(-1, 1, size=50), np.ones(50) if weights is None else weights / weights.mean()
    scale, sizes = ErrorScale.fit(levels, VALUES, weights, groups)
    group_of = np.arange(50) if groups is None else groups
    totals = np.bincount(group_of, own)
    inputs = np.column_stack([np.ones(50), levels, np.abs(levels)])
    spread = inputs[:, 1:] - np.average(inputs[:, 1:], axis=0, weights=own)
    strength = PRIOR * np.square(totals).sum() / totals.sum() ** 2
    penalty = np.diag(np.r_[0, strength * (own @ np.square(spread))])
    median = 0.1 * np.sort(VALUES)[np.searchsorted(np.cumsum(own[np.argsort(VALUES)]), own.sum() / 2)]
    offset = 0.05 * (np.sort(VALUES)[24] + np.sort(VALUES)[25]) if weights is None else median
    targets = np.log(VALUES + offset)
    expected = []
    for row in range(50):
        kept = group_of != group_of[row]
        gram = (own[kept, None] * inputs[kept]).T @ inputs[kept]
        expected.append(inputs[row] @ np.linalg.solve(gram + penalty, inputs[kept].T @ (own * targets)[kept]))
    logs = np.array(expected) - np.average(targets, weights=own)
    assert_allclose(np.log(sizes), np.clip(logs, scale.low, scale.high), atol=1e-9)


@pytest.mark.parametrize("by_fold", [False, True])
def test_a_group_of_equal_rows_counts_as_one_row(by_fold):
    copies = RNG.integers(1, 4, size=50)
    responses, new = RNG.normal(size=(50, 2)), RNG.normal(size=(4 if by_fold else 1, 7, 2))
    responses.sort(axis=1)
    new.sort(axis=2)
    for weights in (None, WEIGHTS):
        bounds = []
        for times in (np.ones(50, dtype=int), copies):
            rows = np.repeat(np.arange(50), times)
            groups = None if times is not copies else rows
            cells = HeldOutCells(None if weights is None else weights[rows], FOLDS[rows], groups)
            numbers = IntervalScores.of(VALUES[rows], responses[rows, 0], cells)
            band = BandScores.of(VALUES[rows], responses[rows], cells)
            classes = SetScores.of(np.exp(-VALUES[rows]), cells)
            settings = [(own, normalize) for own in (numbers, band) for normalize in (False, True)]
            bounds.append([own.bounds(new, 0.9, by_fold=by_fold, normalize=normalize) for own, normalize in settings])
            bounds[-1].append(classes.members(np.exp(new - 2), 0.9, by_fold=by_fold)[:, :, None])
            numbers.require_enough("a", numbers.scores(by_fold=by_fold).max_coverage)
            too_few = r"at least 999 labels of task 'a' .* there are [0-9]+(\.|, which tell as much as [0-9.]+ of)"
            with pytest.raises(ValueError, match=too_few):
                numbers.require_enough("a", 0.999)
        for once, often in zip(*bounds, strict=True):
            assert_allclose(often, once, rtol=1e-9)


def test_sets_hold_classes_as_probable_as_the_label_that_decides():
    found = SetScores.of(np.repeat([0.5, 0.3], 10), HeldOutCells(None, np.zeros(20, dtype=int), None))
    assert found.members(np.array([[[0.5, 0.3, 0.2]]]), 0.9, by_fold=False).tolist() == [[True, True, False]]
    assert found.members(np.array([[[0.5, 0.3, 0.2]]]), 0.4, by_fold=False).tolist() == [[True, False, False]]
