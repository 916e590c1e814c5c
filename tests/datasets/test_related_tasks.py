"""What make_related_tasks promises about its tasks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl.datasets import make_related_tasks


@pytest.mark.parametrize("relatedness", [0.0, 0.3, 1.0])
def test_every_two_tasks_have_the_cosine_asked_for(relatedness):
    coef = make_related_tasks(30, 12, 5, relatedness=relatedness, return_coef=True, random_state=0)[2]
    expected = np.full((5, 5), relatedness)
    np.fill_diagonal(expected, 1.0)
    assert_allclose(coef @ coef.T, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("groups", "group"), [(2, [0, 1, 0, 1, 0]), ((7, 7, 3, 3, 3), [1, 1, 0, 0, 0])])
def test_groups_are_unrelated_to_each_other(groups, group):
    coef = make_related_tasks(30, 12, 5, relatedness=0.6, groups=groups, return_coef=True, random_state=0)[2]
    same = np.equal.outer(group, group)
    assert_allclose(coef @ coef.T, np.where(same, 0.6 + 0.4 * np.eye(5), 0.0), rtol=0, atol=1e-12)


def test_targets_are_functions_of_the_position_along_their_direction():
    X, Y, coef = make_related_tasks(4000, 8, 2, relatedness=0.4, noise=0.0, return_coef=True, random_state=1)
    for direction, target in zip(coef, Y.T, strict=True):
        along = X @ direction
        order = along.argsort()
        steps = np.abs(np.diff(target[order])) / np.maximum(np.diff(along[order]), 1e-12)
        assert steps.max() < 1 + 4 * 2 + 0.01  # slope of the line and of four waves of frequency below 2


def test_at_relatedness_one_all_tasks_are_the_same_up_to_noise():
    _, Y = make_related_tasks(200, 8, 3, relatedness=1.0, noise=0.0, random_state=1)
    assert_allclose(Y, np.tile(Y[:, :1], 3), rtol=0, atol=1e-9)
    noisy = make_related_tasks(2000, 8, 3, relatedness=1.0, noise=0.5, random_state=1)[1]
    assert_allclose((noisy[:, 0] - noisy[:, 1]).std(), 0.5 * 2**0.5, rtol=0.05)


def test_only_the_tasks_depend_on_relatedness():
    (X, Y), (X_other, Y_other) = (make_related_tasks(50, relatedness=p, random_state=3) for p in (0.2, 0.9))
    assert_array_equal(X, X_other)
    assert np.abs(Y - Y_other).max() > 0.1


def test_the_share_of_missing_labels_is_exact():
    Y = make_related_tasks(200, n_tasks=3, missing=[0.0, 0.25, 0.9], random_state=0)[1]
    assert_array_equal(np.isnan(Y).sum(axis=0), [0, 50, 180])
    assert np.isnan(make_related_tasks(200, missing=0.5, random_state=0)[1]).mean() == 0.5


def test_kinds_are_slices_of_the_same_number():
    kinds = ["regression", "binary", "multiclass"]
    Y = make_related_tasks(300, n_tasks=3, relatedness=1.0, noise=0.0, kinds=kinds, random_state=0)[1]
    assert_array_equal(np.unique(Y[:, 1], return_counts=True), [[0, 1], [150, 150]])
    assert_array_equal(np.unique(Y[:, 2], return_counts=True), [[0, 1, 2], [100, 100, 100]])
    assert_array_equal(Y[:, 1], Y[:, 0] > np.median(Y[:, 0]))


def test_drift_turns_the_common_direction():
    settings = {"n_samples": 3000, "n_features": 9, "n_tasks": 1, "relatedness": 1.0, "noise": 0.0, "random_state": 2}
    X, still, coef = make_related_tasks(**settings, return_coef=True)
    X_turned, turned = make_related_tasks(**settings, drift=np.pi / 2)
    assert_array_equal(X, X_turned)
    assert_allclose(turned[0], still[0], rtol=0, atol=1e-12)
    along = X @ coef[0]

    def dependence(target, rows):
        return abs(np.corrcoef(along[rows], target[rows, 0])[0, 1])

    first, last = slice(0, 600), slice(2400, 3000)
    assert dependence(turned, last) < dependence(still, last) / 2
    assert abs(dependence(turned, first) - dependence(still, first)) < 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relatedness": 1.1}, "relatedness is a cosine"),
        ({"n_features": 4}, "n_features must be at least 5"),
        ({"n_features": 5, "drift": 0.1}, "n_features must be at least 6"),
        ({"noise": -1}, "noise must be"),
        ({"missing": 1.0}, "missing is a share"),
        ({"missing": [0.1]}, "missing must be one value or one for each of 4 tasks"),
        ({"kinds": "ranking"}, "'regression', 'binary', 'multiclass'; got 'ranking'"),
        ({"groups": 5}, "groups must be a number between 1 and n_tasks=4"),
        ({"groups": [0, 1]}, "group of each of 4 tasks"),
        ({"n_tasks": 0}, "n_tasks must be"),
        ({"n_samples": 0}, "n_samples must be"),
    ],
)
def test_bad_parameters_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make_related_tasks(**{"n_samples": 10, **changes})
