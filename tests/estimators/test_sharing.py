"""Sharing architectures through the estimators."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.sharing import SHARINGS, MMoE, Soft

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 3))
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] > 0, X[:, 2]])  # the layout puts the tasks into another order
HOLES = np.where(RNG.random(Y.shape) < 0.2, np.nan, Y)
SMALL = {"hidden_layer_sizes": (6, 5), "n_estimators": 2, "max_iter": 4, "random_state": 0}


def mixed(sharing, **changes):
    tasks = ["regression", "binary", "regression"]
    return MultiTaskNet(tasks=tasks, sharing=sharing, **{**SMALL, **changes})


@pytest.mark.parametrize("name", SHARINGS)
def test_fitted_models_pickle_and_clone(name):
    model = mixed(name).fit(X, HOLES)
    reloaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(reloaded.predict(X), model.predict(X))
    assert_array_equal(clone(mixed(SHARINGS[name]())).fit(X, HOLES).predict(X), model.predict(X))
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("name", SHARINGS)
def test_a_step_goes_on_with_partial_fit(name):
    once = mixed(name).partial_fit(X, HOLES)
    loss = once.history_["loss"].mean()
    for _ in range(30):
        once.partial_fit(X, HOLES)
    assert once.history_["loss"].mean() < loss


def test_a_search_goes_over_all_architectures():
    grid = {"sharing": list(SHARINGS)}
    search = GridSearchCV(MultiTaskNetRegressor(**{**SMALL, "n_estimators": 1}), grid, cv=KFold(2)).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) > len(SHARINGS) // 2


def test_parameters_of_sharing_are_grid_axes():
    search = GridSearchCV(
        MultiTaskNetRegressor(sharing="mmoe", **SMALL), {"sharing__n_experts": [1, 3]}, cv=KFold(2)
    ).fit(X, Y)
    shapes = [
        MultiTaskNetRegressor(sharing="mmoe", **SMALL).set_params(**params).fit(X, Y).network_.n_parameters
        for params in search.cv_results_["params"]
    ]
    assert shapes[1] > 2 * shapes[0]
    with pytest.raises(ValueError, match="n_experts of sharing=MMoE must be an integer of at least 1; got 0"):
        MultiTaskNetRegressor(sharing=MMoE(n_experts=0)).fit(X, Y)


def test_the_penalty_ties_the_tasks_and_stays_out_of_the_losses():
    distances, reported = [], []
    for strength in (0.0, 0.1, 3.0):
        model = mixed(Soft(strength), max_iter=60).fit(X, HOLES)
        distances.append(model.inspect_sharing(X)["distance"].mean())
        reported.append(model.history_["loss"][0])
    assert distances[0] > 1.2 * distances[1] > 1.44 * distances[2] > 0
    assert_allclose(reported[0], reported[2], rtol=1e-6)  # before the first step only the penalty differs


def test_gates_of_each_task_sum_to_one():
    for name, n_experts in {"mmoe": 4, "ple": 3, "cgc": 3}.items():
        gates = mixed(name).fit(X, HOLES).inspect_sharing(X)["gate_utilisation"]
        assert gates.shape == (2, 3, n_experts)
        assert_allclose(gates.sum(axis=2), 1.0, atol=1e-6)


def test_findings_have_the_tasks_in_the_order_of_the_labels():
    """A task that is trained alone moves alone: it must be found at its own place, on every task axis."""
    only_one = {"loss_weights": [0, 1, 0], "max_iter": 30, "early_stopping": False}
    soft = mixed(Soft(0.0), weight_decay=0.0, **only_one).fit(X, HOLES)
    assert soft.inspect_sharing(X)["distance"].argmax(axis=1).tolist() == [1, 1]
    added = mixed("additive", **only_one).fit(X, HOLES).inspect_sharing(X)["own_norm"]
    assert (added[:, 1] > 0.1).all()
    assert (added[:, [0, 2]] < 1e-6).all()
    stitches = mixed("cross_stitch", weight_decay=0.0, **only_one).fit(X, HOLES)
    last = stitches.inspect_sharing(X)["stitches"][:, -1]  # (member, task, task)
    moved = np.abs(last - (0.05 + 0.85 * np.eye(3))) > 1e-5
    assert moved[:, 1].all()
    assert not moved[:, [0, 2]].any()


def test_other_findings():
    assert mixed("low_rank").fit(X, HOLES).inspect_sharing(X)["correction"].shape == (2, 2, 3)
    gates = mixed("attention").fit(X, HOLES).inspect_sharing(X)["gates"]
    assert gates.shape == (2, 2, 3)
    assert ((gates > 0.5) & (gates < 1)).all()
    assert mixed("hard").fit(X, HOLES).inspect_sharing(X) == {}
