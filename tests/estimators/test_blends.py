"""Estimators whose predictions are blended with kernel ridge regressions or trees."""

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
from skmtl.postprocess import KernelBlend, TreeBlend, _kernel_blend, _tree_blend

RNG = np.random.default_rng(0)
N = 120
X = np.where(RNG.random((N, 5)) < 0.3, 0.0, RNG.normal(size=(N, 5)))
LINEAR = X @ RNG.normal(size=(5, 2)) + 0.3 * RNG.normal(size=(N, 2))
STEPS = np.column_stack([np.sign(X[:, 0]), 3.0 * (X[:, 1] > 0.5) - (X[:, 2] > 0)]) + 0.1 * RNG.normal(size=(N, 2))
NEW = RNG.normal(size=(40, 5))
BLENDS = {"kernel_blend": (KernelBlend, LINEAR), "tree_blend": (TreeBlend, STEPS)}  # and what it learns best
OFF = dict.fromkeys(BLENDS, False)
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


@pytest.fixture(params=BLENDS)
def name(request):
    return request.param


def net_with(name, kind=MultiTaskNetRegressor, **params):
    """A net of which the other blend is off."""
    return kind(**{**SMALL, **OFF, name: "auto", **params})


@pytest.fixture(scope="module")
def fitted_nets():
    return {name: net_with(name).fit(X, y) for name, (_, y) in BLENDS.items()}


@pytest.fixture
def fitted(name, fitted_nets):
    return fitted_nets[name]


def test_few_rows_are_learned_whatever_the_network(name, fitted):
    alone = predict_responses(fitted.network_, fitted._layout, fitted.encoder_, X)
    kind, y = BLENDS[name]
    assert max(np.corrcoef(alone[k][:, 0], y[:, k])[0, 1] for k in range(2)) < 0.95
    assert min(fitted.oof_score_.values()) > 0.8
    assert isinstance(fitted._postprocessors[0], kind)
    assert fitted._postprocessors[0].n_inputs_ == 5
    assert fitted.auto_params_[name].value


def test_tasks_of_noise_are_hardly_said_to_be_known(name):
    noise = np.random.default_rng(1).normal(size=(N, 8))
    assert np.mean(list(net_with(name).fit(X, noise).oof_score_.values())) < 0.05


def test_who_asks_for_no_correction_gets_the_network(name):
    kind, y = BLENDS[name]
    assert net_with(name, local_correction=False).fit(X, y)._postprocessors == ()
    (blend,) = net_with(name, local_correction=False, **{name: True}).fit(X, y)._postprocessors
    assert isinstance(blend, kind)


def test_they_want_held_out_rows(name):
    with pytest.raises(ValueError, match=rf"{name}=True needs members that hold out .*early_stopping"):
        net_with(name, early_stopping=False, **{name: True}).fit(X, LINEAR)
    assert net_with(name, early_stopping=False).fit(X, LINEAR)._postprocessors == ()


def test_few_parts_of_rows_that_stay_together_cannot_tell(name):
    model = net_with(name, cv=KFold(5)).fit(X, STEPS)
    assert not model.auto_params_[name].value
    assert "5 groups or test parts: fewer than 8" in model.auto_params_[name].reason
    with pytest.raises(ValueError, match=rf"{name}=True chooses shares .* there are 5; at least 8 .*cv be a number"):
        net_with(name, cv=KFold(5), **{name: True}).fit(X, STEPS)
    assert net_with(name, cv=5).fit(X, STEPS, groups=np.arange(N) // 6).auto_params_[name].value


def test_one_batch_grows_no_trees():
    model = net_with("tree_blend").fit(X[:40], STEPS[:40])
    assert not model.auto_params_["tree_blend"].value
    assert "one batch" in model.auto_params_["tree_blend"].reason


def test_few_labels_beside_a_task_that_is_never_blended():
    labels = np.column_stack([X[:, 0], np.where(np.arange(N) < 9, STEPS[:, 0], np.nan)])
    model = net_with("tree_blend", MultiTaskNet, tasks=["huber", "regression"], effort="fixed").fit(X, labels)
    assert np.isfinite(model.predict(NEW)).all()


def test_training_that_goes_on_drops_them(name):
    _, y = BLENDS[name]
    model = net_with(name, warm_start=True, **{name: True}).fit(X, y)
    assert model._postprocessors
    assert model.fit(X, y)._postprocessors == ()


def test_pickles_files_and_views_of_tasks_predict_the_same(fitted, tmp_path):
    expected = fitted.predict(NEW)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(NEW), expected)
    skmtl.save(fitted, tmp_path / "net")
    assert_array_equal(skmtl.load(tmp_path / "net").predict(NEW), expected)
    assert_array_equal(fitted.task_view(1).predict(NEW), expected[:, 1])


def test_files_tell_of_training_data_or_leave_them_out(name, fitted, tmp_path):
    held = {"kernel_blend": "holds encoded training rows", "tree_blend": "holds labels of training rows"}
    assert held[name] in skmtl.model_card(fitted)
    with pytest.warns(UserWarning, match="leaves out the blends"):
        skmtl.save(fitted, tmp_path / "net", training_data=False)
    assert skmtl.load(tmp_path / "net")._postprocessors == ()


def test_sparse_rows_are_blended_as_dense_ones(name):
    model = net_with(name, dtype="float64").fit(sparse.csr_array(X), BLENDS[name][1])
    assert model._postprocessors
    assert_allclose(model.predict(sparse.csr_array(X)), model.predict(X), rtol=1e-8)


def test_tasks_of_all_kinds_with_missing_labels(name):
    (one, other), rng = BLENDS[name][1].T, np.random.default_rng(5)
    labels = np.column_stack([one > 0, other, np.digitize(other, [-1, 1]), rng.poisson(np.exp(one))])
    labels = np.where(rng.random(labels.shape) < 0.2, np.nan, labels.astype(float))
    model = net_with(name, MultiTaskNet, tasks=["binary", "regression", "multiclass", "poisson"]).fit(X, labels)
    assert {task.index for task in model._postprocessors[0].tasks_} == {0, 1, 2, 3}
    for probability in (model.predict_proba(NEW)[0], model.predict_proba(NEW)[2]):
        assert probability.min() > 0
        assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-6)
    assert model.predict(NEW)[:, 3].min() > 0


def test_a_search_scores_blended_predictions_as_grid_search_does(name):
    grid = {"loss_weights": [[1, 1], [1, 3]], name: [True, False]}
    model, y = net_with(name, dtype="float64"), BLENDS[name][1]
    searches = [kind(clone(model), grid, cv=MultiTaskKFold(2)).fit(X, y) for kind in (GridSearchCV, MultiTaskSearchCV)]
    one, ours = (search.cv_results_["mean_test_score"] for search in searches)
    assert_allclose(ours, one, rtol=0, atol=1e-9)
    assert_array_equal(searches[0].predict(NEW), searches[1].predict(NEW))


@pytest.mark.parametrize(
    ("grid", "per_fold"), [({"dropout": [0.0, 0.1]}, 1), ({"class_weight": [None, "balanced"]}, 2)]
)
def test_candidates_learn_once_from_the_same_rows_and_weights(grid, per_fold, monkeypatch):
    calls = []
    for place, learn in ((_tree_blend, "grow_trees"), (_kernel_blend, "best_regressions")):
        compute = getattr(place, learn)
        monkeypatch.setattr(place, learn, lambda *given, do=compute, what=learn: calls.append(what) or do(*given))
    net = MultiTaskNetClassifier(**SMALL, **dict.fromkeys(BLENDS, True), effort="fixed")
    labels = np.column_stack([STEPS[:, 0] > 0.5, STEPS[:, 1] > 2.5])
    MultiTaskSearchCV(net, grid, cv=MultiTaskKFold(2), refit=False).fit(X, labels)
    assert sorted(calls) == sorted(["best_regressions", "grow_trees"] * 2 * per_fold)
