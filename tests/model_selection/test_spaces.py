"""Spaces of loss weights."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import beta, kstest, uniform
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler

from skmtl.model_selection import Dirichlet, LogUniform, SimplexGrid
from skmtl.model_selection.search._results import pareto_front


@pytest.mark.parametrize("interior", [False, True])
@pytest.mark.parametrize(("n_tasks", "resolution"), [(1, 3), (2, 5), (3, 4), (4, 6)])
def test_a_simplex_grid_has_every_point_once(n_tasks, resolution, interior):
    grid = SimplexGrid(n_tasks, resolution, interior=interior)
    least = 1 if interior else 0
    steps = product(range(least, resolution + 1), repeat=n_tasks)
    expected = sorted(tuple(s / resolution for s in step) for step in steps if sum(step) == resolution)
    assert sorted(map(tuple, grid)) == expected
    assert len(grid) == len(expected)
    assert grid[0] == next(iter(grid))
    assert grid[-1] == list(grid)[-1]


def test_a_simplex_grid_is_an_axis_and_clones():
    grid = SimplexGrid(2, 4)
    assert len(ParameterGrid({"loss_weights": grid, "dropout": [0, 0.1]})) == 10
    assert list(clone(grid)) == list(grid)
    assert repr(grid) == "SimplexGrid(n_tasks=2, resolution=4, interior=False)"
    for wrong in (SimplexGrid(0, 3), SimplexGrid(2, 0), SimplexGrid(4, 3, interior=True)):
        with pytest.raises(ValueError, match="SimplexGrid needs"):
            len(wrong)


def test_dirichlet_samples_have_the_distribution():
    space = Dirichlet([2.0, 1.0, 0.5])
    drawn = np.array([space.rvs(np.random.RandomState(k)) for k in range(400)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=0, atol=1e-12)
    for task, alpha in enumerate([2.0, 1.0, 0.5]):
        assert kstest(drawn[:, task], beta(alpha, 3.5 - alpha).cdf).pvalue > 0.001
    assert space.rvs(random_state=3) == space.rvs(random_state=3)
    (setting,) = ParameterSampler({"loss_weights": Dirichlet(1, n_tasks=2)}, 1, random_state=0)
    assert len(setting["loss_weights"]) == 2


class Trial:
    """Uniform answers in place of optuna's."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def suggest_float(self, name, low, high, log=False):
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))) if log else self.rng.uniform(low, high))


def test_suggested_weights_have_the_distribution_too():
    drawn = np.array([Dirichlet([2.0, 1.0]).suggest(Trial(k)) for k in range(400)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert kstest(drawn[:, 0], beta(2, 1).cdf).pvalue > 0.001


def test_log_uniform_samples_have_the_distribution():
    space = LogUniform(2, 0.1, 10)
    for draw in (lambda k: space.rvs(np.random.RandomState(k)), lambda k: space.suggest(Trial(k))):
        drawn = np.log10([draw(k) for k in range(400)])
        assert drawn.min() >= -1
        assert drawn.max() <= 1
        for task in range(2):
            assert kstest(drawn[:, task], uniform(-1, 2).cdf).pvalue > 0.001


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Dirichlet(1.0), "needs n_tasks"),
        (Dirichlet([1, 2], n_tasks=3), "needs n_tasks"),
        (Dirichlet([1, 0]), "positive and finite"),
        (LogUniform(2, 0, 1), "0 < low <= high"),
        (LogUniform(0), "at least 1 task"),
    ],
)
def test_wrong_spaces_are_named(space, message):
    with pytest.raises(ValueError, match=message):
        space.rvs(0)


def test_the_pareto_front():
    scores = np.array([[1, 5], [2, 4], [2, 3], [4, 1], [np.nan, 9], [2, 4], [0, 0]], dtype=float)
    assert pareto_front(scores).tolist() == [0, 1, 5, 3]
    assert pareto_front(np.full((2, 2), np.nan)).tolist() == []
    assert pareto_front(np.array([[1.0], [3.0], [2.0]])).tolist() == [1]
