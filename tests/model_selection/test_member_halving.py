"""Searches that rank candidates by a few of their members."""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.model_selection import Halving, MultiTaskKFold, MultiTaskSearchCV

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]])
Y[RNG.random(Y.shape) < 0.2] = np.nan
CV = MultiTaskKFold(2, shuffle=True, random_state=0)
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 4, "dtype": "float64", "random_state": 0}
NET = MultiTaskNetRegressor(**SMALL, cv=4, max_iter=6, batch_size=16, local_correction=True)
RATES = [0.1, 0.03, 0.01, 0.003, 0.001]
GRID = {"learning_rate_init": RATES, "activation": ["tanh"]}
PLAIN = {"local_correction": False}
TEST_SCORES = [f"split{k}_test_score" for k in range(2)]


def search(net=NET, grid=GRID, elimination="auto", **settings):
    return MultiTaskSearchCV(net, grid, cv=CV, elimination=elimination, **settings).fit(X, Y)


def test_each_candidate_scores_what_it_would_with_as_many_members():
    found = search(elimination=Halving(2, (0.25, 0.5), resource="n_estimators")).cv_results_
    assert sorted(found["n_resources"]) == [1, 1, 2, 4, 4]
    for n_members in (1, 2, 4):
        alone = clone(NET).set_params(n_estimators=n_members, **(PLAIN if n_members < 4 else {}))
        expected = GridSearchCV(alone, GRID, cv=CV, refit=False).fit(X, Y).cv_results_
        own = found["n_resources"] == n_members
        for name in TEST_SCORES:
            np.testing.assert_allclose(found[name][own], expected[name][own], rtol=0, atol=1e-9)
        reached = found["n_resources"] >= n_members
        dropped = expected["mean_test_score"][own & (n_members < 4)]
        assert dropped.max(initial=-np.inf) <= expected["mean_test_score"][reached & ~own].min(initial=np.inf)
    assert sorted(found["rank_test_score"][found["n_resources"] == 4]) == [1, 2]


def test_auto_ranks_by_members_and_refits_all_of_them():
    alone = search()
    assert alone.elimination_ == Halving(resource="n_estimators")
    assert sorted(alone.cv_results_["n_resources"]) == [1, 1, 1, 4, 4]
    assert alone.best_estimator_.network_.architecture.members == 4
    assert alone.cv_results_["n_resources"][alone.best_index_] == 4
    with joblib.parallel_config(backend="threading"):
        shared = search(n_jobs=2)
    for name in (*TEST_SCORES, "n_resources", "rank_test_score"):
        np.testing.assert_allclose(shared.cv_results_[name], alone.cv_results_[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("net", "grid", "settings"),
    [
        (NET, GRID, {"elimination": None}),
        (NET, GRID, {"refit": False}),
        (NET, GRID, {"refit": lambda results: 0}),
        (NET, {"learning_rate_init": [0.1]}, {}),
        (NET, {"n_estimators": [4, 5]}, {}),
        (NET, {"local_correction": [True, False]}, {}),
        (NET, {"loss_weights": [None, [1, 2]]}, {}),
        (clone(NET).set_params(n_estimators=3, **PLAIN), GRID, {}),
    ],
)
def test_where_all_members_decide(net, grid, settings):
    found = search(clone(net).set_params(max_iter=1, kernel_blend=False), grid, **settings)
    assert found.elimination_ is None
    assert "rung" not in found.cv_results_


def test_what_a_few_members_cannot_compare_is_refused():
    halving = Halving(resource="n_estimators")
    with pytest.raises(ValueError, match=r"differ in local_correction\. Set elimination=None or 'halving'"):
        search(grid={"local_correction": [True, False]}, elimination=halving)
    with pytest.raises(ValueError, match="differ in n_estimators"):
        search(grid={"n_estimators": [4, 5]}, elimination=halving)
    with pytest.raises(ValueError, match="resource of Halving must be one of 'max_iter', 'n_estimators'; got 'rows'"):
        search(elimination=Halving(resource="rows"))


def test_candidates_that_fail_and_steps_before_the_net():
    y = np.where(np.isnan(Y), np.nan, Y > 0)
    pipeline = Pipeline([("scale", StandardScaler()), ("net", MultiTaskNetClassifier(**SMALL, max_iter=3))])
    pipeline.set_params(net__calibration="temperature")
    grid = {"net__learning_rate_init": [1e200, 0.02, 0.01], "scale__with_mean": [True, False]}
    settings = {"cv": CV, "elimination": Halving(3, resource="n_estimators")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = MultiTaskSearchCV(pipeline, grid, **settings).fit(X, y)
    assert found.cv_results_["n_resources"][found.best_index_] == 4
    fails = np.isnan(found.cv_results_["mean_test_score"])
    assert fails.tolist() == [True, True, False, False, False, False]
    assert (found.cv_results_["n_resources"][fails] == 1).all()
    assert found.cv_results_["rank_test_score"][fails].min() > found.cv_results_["rank_test_score"][~fails].max()
