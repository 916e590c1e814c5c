"""Laws of the estimators."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 4))
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]])
Y_HOLES = np.where(RNG.random(Y.shape) < 0.3, np.nan, Y)
SMALL = {"hidden_layer_sizes": (16,), "n_estimators": 2, "random_state": 0}


def test_zero_weight_rows_and_cells_equal_absent_ones():
    weights = RNG.uniform(0.5, 2, Y.shape)
    weights[::3] = 0
    weights[1, 1] = 0
    holes = np.where(weights == 0, np.nan, Y)[np.arange(N) % 3 != 0]
    kept = weights[np.arange(N) % 3 != 0]
    weighted = MultiTaskNetRegressor(**SMALL).fit(X, Y, sample_weight=weights)
    absent = MultiTaskNetRegressor(**SMALL).fit(X[np.arange(N) % 3 != 0], holes, sample_weight=kept)
    assert_array_equal(weighted.predict(X), absent.predict(X))


@pytest.mark.parametrize("factor", [2, 3])
def test_an_integer_weight_equals_repeated_rows(factor):
    rows = np.repeat(np.arange(N), np.where(np.arange(N) < 20, factor, 1))
    weights = np.where(np.arange(N) < 20, factor, 1)
    net = MultiTaskNetRegressor(hidden_layer_sizes=(16,), random_state=0)
    weighted = clone(net).fit(X, Y_HOLES, sample_weight=weights)
    repeated = net.fit(X[rows], Y_HOLES[rows])
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=0, atol=1e-7)


def test_the_scale_of_weights_does_not_matter():
    weights = RNG.uniform(0.5, 2, N)
    small, large = (MultiTaskNetRegressor(**SMALL).fit(X, Y, sample_weight=w) for w in (weights, 1024 * weights))
    assert_allclose(small.predict(X), large.predict(X), rtol=0, atol=1e-8)


def test_one_column_equals_one_dimension():
    flat = MultiTaskNetRegressor(**SMALL).fit(X, Y[:, 0])
    column = MultiTaskNetRegressor(**SMALL).fit(X, Y[:, :1])
    assert flat.predict(X).shape == (N,)
    assert column.predict(X).shape == (N, 1)
    assert_array_equal(flat.predict(X), column.predict(X)[:, 0])


def test_tasks_of_other_kinds_come_back_in_their_own_columns():
    kinds = {"a": "regression", "b": "binary", "c": "regression", "d": "multiclass"}
    columns = {"a": Y[:, 0], "b": Y[:, 1] > 0, "c": Y[:, 1], "d": np.digitize(Y[:, 0], [-1, 1])}
    order = ["d", "a", "c", "b"]
    for names in (list(kinds), order):
        y = np.column_stack([columns[name] for name in names]).astype(float)
        model = MultiTaskNet(tasks=[kinds[name] for name in names], max_iter=300, **SMALL).fit(X, y)
        scores = model.score_tasks(X, y)
        assert min(scores.values()) > 0.7, scores
        assert [task.kind.is_classifier for task in model.tasks_] == [
            kinds[n] in ("binary", "multiclass") for n in names
        ]


def test_global_state_is_left_as_found():
    np.random.seed(1)  # noqa: NPY002  the global generator is what must not move
    torch.manual_seed(1)
    before = (
        np.random.get_state()[1].copy(),  # noqa: NPY002
        torch.get_rng_state().clone(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
    )
    torch.set_num_threads(2)
    try:
        MultiTaskNetClassifier(**SMALL, dropout=0.1, n_jobs=1).fit(X, Y > 0).predict(X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before[2])
    assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    assert torch.get_default_dtype() == before[3]
    assert not torch.are_deterministic_algorithms_enabled()


def test_loss_weights_decide_between_competing_tasks():
    """Two targets of one hidden unit that cannot serve both: the heavier one wins."""
    y = X[:, :2]
    scores = []
    for weights in ((1, 0.01), (0.01, 1)):
        net = MultiTaskNetRegressor(
            hidden_layer_sizes=(1,),
            activation="tanh",
            loss_weights=weights,
            learning_rate_init=0.02,
            max_iter=300,
            kernel_blend=False,
            random_state=0,
        )
        scores.append(net.fit(X, y).score_tasks(X, y))
    assert scores[0]["task0"] > scores[1]["task0"] + 0.2
    assert scores[1]["task1"] > scores[0]["task1"] + 0.2
