"""Affinities of tasks: measured gains, laws that every method keeps, and where methods do not apply."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.balancing import Recorded
from skmtl.datasets import make_related_tasks
from skmtl.inspection import TaskAffinity, TaskAffinityDisplay, task_affinity
from skmtl.inspection._affinities import (
    compare_representations,
    correlate_outputs,
    correlate_residuals,
    dissimilarities,
)
from skmtl.inspection._affinity_display import LABELS
from skmtl.inspection._affinity_methods import METHODS
from skmtl.model_selection._task_subsets import measure_subsets

CHEAP = [name for name in METHODS if name != "gain"]
SETTINGS = {"hidden_layer_sizes": (16,), "n_estimators": 1, "max_iter": 20, "effort": "fixed", "random_state": 0}
RNG = np.random.default_rng(0)


def net(**params):
    return MultiTaskNetRegressor(**{**SETTINGS, **params})


def related(relatedness, groups=1, **settings):
    return make_related_tasks(250, 7, 4, relatedness=relatedness, groups=groups, random_state=0, **settings)


def between_tasks(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_gains_are_those_of_the_pairs():
    X, Y = related(0.8, missing=0.3)
    affinity = task_affinity(net(), X, Y, cv=2)
    measured = measure_subsets(net(), X, Y, [(0,), (2,), (0, 2)], cv=2)
    alone = measured.scores[0, :, 0].mean(), measured.scores[1, :, 2].mean()
    pair = measured.scores[2, :, 0].mean(), measured.scores[2, :, 2].mean()
    assert affinity.matrix[0, 2] == pytest.approx(100 * (1 - pair[0] / alone[0]), abs=1e-3)
    assert affinity.matrix[2, 0] == pytest.approx(100 * (1 - pair[1] / alone[1]), abs=1e-3)
    assert (affinity.matrix.diagonal() == 0).all()
    assert not np.allclose(affinity.matrix, affinity.matrix.T)


@cache
def matrix_of(method, relatedness, groups=1):
    return task_affinity(net(), *related(relatedness, groups), method=method, cv=2).matrix


@pytest.mark.parametrize("method", CHEAP)
def test_cheap_affinities_rise_with_relatedness_and_part_groups(method):
    apart, close = (matrix_of(method, relatedness) for relatedness in (0.0, 0.9))
    assert between_tasks(close).mean() > between_tasks(apart).mean() + 0.1
    two = matrix_of(method, 0.9, groups=2)
    same = np.arange(4)[:, None] % 2 == np.arange(4) % 2
    assert between_tasks(np.where(same, two, np.inf)).min() > np.where(same, -np.inf, two).max() + 0.1


@pytest.mark.parametrize("method", CHEAP)
def test_the_diagonal_is_that_of_a_task_and_itself(method):
    matrix = matrix_of(method, 0.9)
    if method == "lookahead":
        assert (matrix.diagonal() > 0).all()
    else:
        np.testing.assert_allclose(matrix.diagonal(), 1, atol=1e-6)
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_lookahead_is_the_first_order_decrease_of_the_loss():
    X, Y = related(0.5)
    history = net(balancing=Recorded(quantities=["gradient_products"])).fit(X, Y).history_
    expected = (history["gradient_products"] / history["loss"][..., None]).mean(axis=(0, 1))
    np.testing.assert_allclose(task_affinity(net(), X, Y, method="lookahead").matrix, expected, rtol=1e-5)


def test_permuted_tasks_permute_the_matrices():
    order = [2, 0, 1]
    outputs = [RNG.normal(size=(40, width)) for width in (1, 3, 1)]
    features = [dissimilarities(RNG.normal(size=(2, 10, 6))) for _ in range(3)]
    residuals = RNG.normal(size=(60, 3)) @ RNG.normal(size=(3, 3))
    residuals[RNG.random((60, 3)) < 0.2] = np.nan
    for compute, of in ((correlate_outputs, outputs), (compare_representations, features)):
        np.testing.assert_allclose(compute([of[k] for k in order]), compute(of)[np.ix_(order, order)])
    permuted = correlate_residuals(residuals[:, order])
    np.testing.assert_allclose(permuted, correlate_residuals(residuals)[np.ix_(order, order)], atol=1e-3)


def test_outputs_by_hand():
    first, second = RNG.normal(size=(2, 30, 1))
    second[4] = np.nan
    known = ~np.isnan(second[:, 0])
    expected = np.corrcoef(first[known, 0], second[known, 0])[0, 1]
    assert correlate_outputs([first, -second])[0, 1] == pytest.approx(-expected)
    wide = np.hstack([first, np.zeros_like(first)])
    assert correlate_outputs([wide, -second])[0, 1] == pytest.approx(abs(expected))
    assert np.isnan(correlate_outputs([first, np.zeros_like(first)])[0, 1])


def test_representations_by_hand():
    one, other = RNG.normal(size=(2, 1, 8, 5))
    rows = np.triu_indices(8, 1)
    by_hand = [1 - np.corrcoef(features[0])[rows] for features in (one, other)]
    np.testing.assert_allclose(dissimilarities(one), by_hand[0])
    matrix = compare_representations([dissimilarities(one), dissimilarities(other)])
    assert matrix[0, 1] == pytest.approx(spearmanr(*by_hand).statistic)
    assert dissimilarities(np.zeros((1, 3, 4))).tolist() == [1, 1, 1]


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_representations_of_rows_that_are_too_few_or_alike_are_unknown(n_rows):
    alike = dissimilarities(np.zeros((1, n_rows, 4)))
    np.testing.assert_array_equal(compare_representations([alike, alike]), [[1, np.nan], [np.nan, 1]])


def test_residuals_that_share_noise_along_a_chain():
    """Of a chain a - b - c the ends are correlated, but not given the middle."""
    a = RNG.normal(size=4000)
    b = a + 0.7 * RNG.normal(size=4000)
    c = b + 0.7 * RNG.normal(size=4000)
    matrix = correlate_residuals(np.column_stack([a, b, c]))
    assert np.corrcoef(a, c)[0, 1] > 0.6
    assert abs(matrix[0, 2]) < 0.15
    assert min(matrix[0, 1], matrix[1, 2]) > 0.4


def test_residuals_of_tasks_without_a_common_row():
    residuals = RNG.normal(size=(40, 3))
    residuals[:20, 0], residuals[20:, 1] = np.nan, np.nan
    matrix = correlate_residuals(residuals)
    unknown = np.zeros((3, 3), dtype=bool)
    unknown[[0, 1], [1, 0]] = True
    np.testing.assert_array_equal(np.isnan(matrix), unknown)
    residuals[:, 2] = 0.0  # as of a constant task
    assert np.isnan(correlate_residuals(residuals)[~np.eye(3, dtype=bool)]).all()


@pytest.mark.parametrize("method", METHODS)
def test_mixed_kinds_pipelines_and_holes(method):
    kinds = ["regression", "binary"]
    X, Y = make_related_tasks(120, 5, 2, relatedness=0.9, missing=0.3, kinds=kinds, random_state=0)
    model = make_pipeline(StandardScaler(), MultiTaskNet(tasks=kinds, **SETTINGS | {"n_estimators": 2}))
    weights = np.random.default_rng(0).uniform(0.5, 1, 120)
    affinity = task_affinity(model, X, Y, method=method, cv=2, sample_weight=weights, n_estimators=1)
    assert np.isfinite(affinity.matrix).all()
    assert affinity.matrix.shape == (2, 2)


def test_several_classes():
    kinds = ["regression", "multiclass"]
    X, Y = make_related_tasks(200, 5, 2, relatedness=1.0, kinds=kinds, random_state=0)
    model = MultiTaskNet(tasks=kinds, **SETTINGS)
    matrix = task_affinity(model, X, Y, method="output", cv=2).matrix
    assert 0.3 < matrix[0, 1] <= 1
    with pytest.raises(ValueError, match=r"method='residual' is for tasks of numbers or of two.*'task1' has 3"):
        task_affinity(model, X, Y, method="residual", cv=2)


def test_tasks_with_hidden_layers_of_their_own_have_own_representations():
    X, Y = related(0.9)
    matrix = task_affinity(net(sharing="independent"), X, Y, method="representation", cv=2).matrix
    assert (between_tasks(matrix) < 0.999).all()


def test_picture_and_frame():
    pd = pytest.importorskip("pandas")
    affinity = TaskAffinity(np.array([[0.0, -3.0], [12.0, 0.0]]), ["a", "b"], "gain")
    assert repr(affinity) == "TaskAffinity(method='gain', n_tasks=2)"
    assert affinity.frame().loc["b", "a"] == 12
    pd.testing.assert_index_equal(affinity.frame().index, pd.Index(["a", "b"], name="task"))
    figure, ax = plt.subplots()
    display = affinity.plot(ax=ax, cmap="PuOr")
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.im_.get_clim() == (-12, 12)
    assert display.im_.get_cmap().name == "PuOr"
    assert display.text_[1, 0].get_text() == "12.00"
    assert TaskAffinityDisplay.from_affinity(affinity, include_values=False).text_ is None
    assert TaskAffinity(np.eye(2), ["a", "b"], "output").plot().im_.get_clim() == (-1, 1)
    assert list(LABELS) == list(METHODS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "magic"}, "method must be one of 'gain', 'gradient_cosine'"),
        ({"n_estimators": 0}, "n_estimators must be an integer of at least 1 or None"),
        ({"y": np.zeros((250, 1))}, "y must have two or more"),
        (
            {"method": "lookahead", "estimator": net(sharing="independent")},
            "Gradients of tasks .* method of task_affinity",
        ),
    ],
)
def test_bad_input(change, message):
    X, Y = related(0.5)
    given = {"estimator": net(), "y": Y, **change}
    with pytest.raises(ValueError, match=message):
        task_affinity(given.pop("estimator"), X, given.pop("y"), cv=2, **given)
