"""Balancing from the estimators' side: names, grid axes, state, records."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.balancing import BALANCERS, CAGrad, FairGrad, GradientBalancer, PCGrad, Recorded, Static
from skmtl.encoders import ModuleEncoder
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV
from skmtl.tasks import Huber


@pytest.mark.parametrize("name", BALANCERS)
def test_every_method_fits_clones_pickles_and_repeats(regressor, name):
    model = regressor.make(balancing=name, max_iter=2)
    first = model.fit(regressor.X, regressor.holes).predict(regressor.X)
    assert np.isfinite(first).all()
    assert model.history_["weight"].shape == (2, 2, 2)
    assert np.array_equal(clone(model).fit(regressor.X, regressor.holes).predict(regressor.X), first)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(regressor.X), first)


@pytest.mark.parametrize(
    ("kinds", "params", "expected"),
    [
        (("regression", "binary", "regression"), {}, [10, 1, 10]),
        (("regression", "binary", "regression"), {"balancing": Static()}, [10, 1, 10]),
        (("regression", "binary", "regression"), {"balancing": "log"}, [1, 1, 1]),
        (("regression", "binary", "regression"), {"encoder": ModuleEncoder(torch.nn.Tanh())}, [1, 1, 1]),
        (("regression", "binary", "regression"), {"loss_weights": [1, 1, 1]}, [1, 1, 1]),
        (("regression", "binary", "regression"), {"loss_weights": {"task1": 2}}, [1, 2, 1]),
        (("regression", "regression", "regression"), {}, [1, 1, 1]),
        (("binary", "binary", "binary"), {}, [1, 1, 1]),
    ],
)
def test_by_default_numbers_count_more_beside_classes(kinds, params, expected):
    rng = np.random.default_rng(0)
    X, binary = rng.normal(size=(60, 3)), np.tile([0, 1], 30)
    y = np.column_stack([binary if kind == "binary" else rng.normal(size=60) for kind in kinds])
    settings = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 2, "random_state": 0}
    model = MultiTaskNet(tasks=list(kinds), **settings, **params).fit(X, y)
    np.testing.assert_allclose(model.loss_weights_, np.array(expected) / sum(expected))
    meant = MultiTaskNet(tasks=list(kinds), **settings, **{**params, "loss_weights": expected}).fit(X, y)
    for got, same in zip(model.predict(X).T, meant.predict(X).T, strict=True):
        np.testing.assert_array_equal(got, same)


def test_settings_of_a_method_are_grid_axes(regressor):
    search = GridSearchCV(
        regressor.make(balancing="cagrad", max_iter=2),
        {"balancing__c": [0.1, 0.9], "balancing__gradient": ["representation"]},
        cv=MultiTaskKFold(n_splits=2),
    ).fit(regressor.X, regressor.holes)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.balancing == CAGrad(search.best_params_["balancing__c"], "representation")


def test_methods_themselves_are_grid_axes(regressor):
    search = GridSearchCV(
        regressor.make(max_iter=2), {"balancing": ["log", FairGrad(alpha=1.0)]}, cv=MultiTaskKFold(n_splits=2)
    ).fit(regressor.X, regressor.holes)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_unknown_methods_and_settings(regressor):
    with pytest.raises(ValueError, match=r"balancing='mean' is not known. Choose one of 'static', 'log'"):
        regressor.fit(balancing="mean")
    with pytest.raises(ValueError, match=r"c of balancing=CAGrad must be a number of at least 0 and below 1; got 2.0"):
        regressor.fit(balancing=CAGrad(c=2.0))
    with pytest.raises(ValueError, match=r"quantities of balancing=Recorded name 'losses'"):
        regressor.fit(balancing=Recorded(quantities=("losses",)))
    with pytest.raises(ValueError, match=r"quantities of balancing=Recorded must be a list .* got 'gradient_norms'"):
        regressor.fit(balancing=Recorded(quantities="gradient_norms"))
    with pytest.raises(ValueError, match=r"balancing='mean' is not known"):
        regressor.fit(balancing=Recorded("mean"))


def test_recording_changes_no_prediction_and_its_settings_are_grid_axes(regressor):
    plain, recorded = regressor.fit(balancing="cagrad"), regressor.fit(balancing=Recorded("cagrad", ["gradient_norms"]))
    np.testing.assert_array_equal(plain.predict(regressor.X), recorded.predict(regressor.X))
    assert recorded.history_["gradient_norms"].shape == recorded.history_["loss"].shape
    given = Recorded("cagrad")
    changed = clone(regressor.make(balancing=given)).set_params(balancing__balancing__c=0.3)
    assert changed.balancing == Recorded(CAGrad(c=0.3))
    assert given == Recorded("cagrad")
    assert changed.set_params(balancing__quantities=[]).balancing.quantities == []


@pytest.mark.parametrize("name", [n for n, cls in BALANCERS.items() if issubclass(cls, GradientBalancer)])
def test_independent_tasks_have_no_gradient_to_combine(regressor, name):
    with pytest.raises(ValueError, match=r"shared parameters, and sharing=Independent\(\)"):
        regressor.fit(balancing=name, sharing="independent")


@pytest.mark.parametrize("name", ["dwa", "famo", "uncertainty", "gradnorm"])
def test_partial_fit_carries_the_state_of_a_method(regressor, name):
    """The weights of the third pass differ from those of a fresh start."""
    model = regressor.make(balancing=name, batch_size=10)
    for _ in range(4):
        model.partial_fit(regressor.X, regressor.y)
    fresh = regressor.make(balancing=name, batch_size=10).partial_fit(regressor.X, regressor.y)
    assert not np.allclose(model.history_["weight"], fresh.history_["weight"], rtol=1e-6, atol=0)


def test_log_weighs_a_small_loss_up(regressor):
    """A Huber loss of threshold delta is about delta times the absolute error."""
    model = regressor.fit(balancing="log", loss={"task0": Huber(delta=1e-3)})
    weights, losses = (model.history_[name][0].mean(0) for name in ("weight", "loss"))
    assert losses[0] < 0.01 * losses[1]
    assert weights[0] > 50 * weights[1]


def test_one_dimensional_y(regressor):
    for name in ("pcgrad", "famo"):
        assert regressor.make(balancing=name).fit(regressor.X, regressor.y[:, 0]).predict(regressor.X).ndim == 1
    assert MultiTaskNetRegressor(balancing="mgda").get_params()["balancing"] == "mgda"


@pytest.mark.parametrize("balancing", ["alternating", "famo", PCGrad(gradient="representation")], ids=str)
def test_stacked_searches_equal_scikit_learns(regressor, balancing):
    """Loss weights and a setting of the method as axes, random streams of their own."""
    grid = {"loss_weights": [[1, 1], [3, 1]], "learning_rate_init": [0.01, 0.03]}
    net, cv = regressor.make(balancing=balancing, max_iter=2, batch_size=10), MultiTaskKFold(n_splits=2)
    ours, theirs = (
        search(net, grid, cv=cv, refit=False).fit(regressor.X, regressor.holes).cv_results_["mean_test_score"]
        for search in (MultiTaskSearchCV, GridSearchCV)
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)


def test_settings_of_a_method_are_axes_of_a_stacked_search(regressor):
    grid = {"balancing__alpha": [1.0, 4.0], "loss_weights": [[1, 1], [3, 1]]}
    search = MultiTaskSearchCV(
        regressor.make(balancing="fairgrad", max_iter=2), grid, cv=MultiTaskKFold(n_splits=2)
    ).fit(regressor.X, regressor.holes)
    assert search.best_estimator_.balancing == FairGrad(search.best_params_["balancing__alpha"])
    assert len(set(search.cv_results_["mean_test_score"].tolist())) == 4
