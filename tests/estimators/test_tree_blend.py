"""Estimators whose predictions are blended with trees."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

import skmtl
from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.fitting import predict_responses
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV
from skmtl.postprocess import TreeBlend, _kernel_blend, _tree_blend

RNG = np.random.default_rng(0)
X = np.where(RNG.random((120, 5)) < 0.3, 0.0, RNG.normal(size=(120, 5)))
Y = np.column_stack([np.sign(X[:, 0]), 3.0 * (X[:, 1] > 0.5) - (X[:, 2] > 0)]) + 0.1 * RNG.normal(size=(120, 2))
NEW = RNG.normal(size=(40, 5))
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "kernel_blend": False, "random_state": 0}


def regressor(**params):
    return MultiTaskNetRegressor(**{**SMALL, **params})


@pytest.fixture(scope="module")
def fitted():
    return regressor().fit(X, Y)


def test_steps_are_learned_from_few_rows_whatever_the_network(fitted):
    alone = predict_responses(fitted.network_, fitted._layout, fitted.encoder_, X)
    assert max(np.corrcoef(alone[k][:, 0], Y[:, k])[0, 1] for k in range(2)) < 0.9
    assert min(fitted.oof_score_.values()) > 0.8
    assert isinstance(fitted._postprocessors[0], TreeBlend)
    assert fitted.auto_params_["tree_blend"].value


def test_tasks_of_noise_are_hardly_said_to_be_known():
    noise = RNG.normal(size=(120, 3))
    assert max(regressor().fit(X, noise).oof_score_.values()) < 0.1


def test_who_asks_for_no_correction_gets_the_network():
    assert regressor(local_correction=False).fit(X, Y)._postprocessors == ()
    assert regressor(tree_blend=False, local_correction=False).fit(X, Y)._postprocessors == ()
    (blend,) = regressor(local_correction=False, tree_blend=True).fit(X, Y)._postprocessors
    assert isinstance(blend, TreeBlend)


def test_it_wants_held_out_rows():
    with pytest.raises(ValueError, match=r"tree_blend=True needs members that hold out .*early_stopping"):
        regressor(tree_blend=True, early_stopping=False).fit(X, Y)


def test_few_labels_beside_a_task_that_is_never_blended():
    labels = np.column_stack([X[:, 0], np.where(np.arange(120) < 9, Y[:, 0], np.nan)])
    model = MultiTaskNet(tasks=["huber", "regression"], **{**SMALL, "effort": "fixed"}).fit(X, labels)
    assert np.isfinite(model.predict(NEW)).all()


@pytest.mark.parametrize("name", ["kernel_blend", "tree_blend"])
def test_few_parts_of_rows_that_stay_together_cannot_tell(name):
    model = regressor(cv=KFold(5)).set_params(**{name: "auto"}).fit(X, Y)
    assert not model.auto_params_[name].value
    assert "5 groups or test parts: fewer than 8" in model.auto_params_[name].reason
    with pytest.raises(ValueError, match=rf"{name}=True chooses shares .* there are 5; at least 8 .*cv be a number"):
        regressor(cv=KFold(5)).set_params(**{name: True}).fit(X, Y)
    groups = np.arange(120) // 6
    assert regressor(cv=5).set_params(**{name: "auto"}).fit(X, Y, groups=groups).auto_params_[name].value


def test_rows_of_one_batch_are_left_to_the_network():
    model = regressor().fit(X[:40], Y[:40])
    assert not model.auto_params_["tree_blend"].value
    assert "one batch" in model.auto_params_["tree_blend"].reason


def test_training_that_goes_on_drops_it():
    model = regressor(warm_start=True, tree_blend=True).fit(X, Y)
    assert model._postprocessors
    assert model.fit(X, Y)._postprocessors == ()


def test_pickles_files_and_views_of_tasks_predict_the_same(fitted, tmp_path):
    expected = fitted.predict(NEW)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(NEW), expected)
    skmtl.save(fitted, tmp_path / "net")
    assert_array_equal(skmtl.load(tmp_path / "net").predict(NEW), expected)
    assert_array_equal(fitted.task_view(1).predict(NEW), expected[:, 1])
    assert "leaves of trees" in skmtl.model_card(fitted)


def test_files_without_training_data_are_without_trees(fitted, tmp_path):
    with pytest.warns(UserWarning, match="leaves out the blends"):
        skmtl.save(fitted, tmp_path / "net", training_data=False)
    assert skmtl.load(tmp_path / "net")._postprocessors == ()


def test_sparse_rows_are_blended_as_dense_ones():
    model = regressor(dtype="float64").fit(sparse.csr_array(X), Y)
    assert model._postprocessors
    assert_allclose(model.predict(sparse.csr_array(X)), model.predict(X), rtol=1e-8)


def test_tasks_of_all_kinds_with_missing_labels():
    labels = np.column_stack([Y[:, 0] > 0, Y[:, 1], np.digitize(Y[:, 1], [-1, 1]), RNG.poisson(np.exp(Y[:, 0]))])
    labels = np.where(RNG.random(labels.shape) < 0.2, np.nan, labels.astype(float))
    kinds = ["binary", "regression", "multiclass", "poisson"]
    model = MultiTaskNet(tasks=kinds, **SMALL).fit(X, labels)
    assert {task.index for task in model._postprocessors[0].tasks_} == {0, 1, 2, 3}
    for probability in (model.predict_proba(NEW)[0], model.predict_proba(NEW)[2]):
        assert probability.min() > 0
        assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-6)
    assert model.predict(NEW)[:, 3].min() > 0
    assert model.score(X, labels) > 0.5


def test_a_search_scores_blended_predictions_as_grid_search_does():
    grid = {"loss_weights": [[1, 1], [1, 3]], "tree_blend": [True, False]}
    model = regressor(dtype="float64")
    searches = [kind(clone(model), grid, cv=MultiTaskKFold(2)).fit(X, Y) for kind in (GridSearchCV, MultiTaskSearchCV)]
    one, ours = (search.cv_results_["mean_test_score"] for search in searches)
    assert_allclose(ours, one, rtol=0, atol=1e-9)
    assert_array_equal(searches[0].predict(NEW), searches[1].predict(NEW))


@pytest.mark.parametrize(
    ("grid", "per_fold"), [({"dropout": [0.0, 0.1]}, 1), ({"class_weight": [None, "balanced"]}, 2)]
)
def test_candidates_learn_once_from_the_same_rows_and_weights(grid, per_fold, monkeypatch):
    calls = []
    for place, name in ((_tree_blend, "grow_trees"), (_kernel_blend, "best_regressions")):
        compute = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *given, do=compute, what=name: calls.append(what) or do(*given))
    net = MultiTaskNetClassifier(**{**SMALL, "kernel_blend": True, "tree_blend": True, "effort": "fixed"})
    labels = np.column_stack([Y[:, 0] > 0.5, Y[:, 1] > 2.5])
    MultiTaskSearchCV(net, grid, cv=MultiTaskKFold(2), refit=False).fit(X, labels)
    assert sorted(calls) == sorted(["best_regressions", "grow_trees"] * 2 * per_fold)
