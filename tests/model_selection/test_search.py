"""The stacked search against scikit-learn's, which fits its candidates one by one."""

import pickle
import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.estimators._fit_inputs import prepare_candidate, read_inputs
from skmtl.fitting import MEMBER_PARAMETERS, StackedTrainer
from skmtl.model_selection import (
    Dirichlet,
    Halving,
    MultiTaskKFold,
    MultiTaskSearchCV,
    SimplexGrid,
)
from skmtl.model_selection.search import _runner
from skmtl.model_selection.search._transport import LazyPickle
from skmtl.sharing import Additive
from skmtl.training import DivergenceError

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
NUMBERS = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]])
CLASSES = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(float)
HOLES = RNG.random((N, 2)) < 0.25
CV = MultiTaskKFold(2, shuffle=True, random_state=0)
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 4, "batch_size": 16, "random_state": 0}
SMALL |= {"dtype": "float64", "learning_rate_init": 0.02}
CASES = {
    "classifier": (MultiTaskNetClassifier(**SMALL), CLASSES),
    "regressor": (MultiTaskNetRegressor(**SMALL), NUMBERS),
    "mixed": (MultiTaskNet(**SMALL), np.column_stack([CLASSES[:, 0], NUMBERS[:, 1]])),
}
GRID = {"loss_weights": [None, [1, 4], {"task0": 5}], "learning_rate_init": [0.02, 0.002]}


@pytest.fixture(params=CASES)
def problem(request):
    """An estimator and labels with holes."""
    net, y = CASES[request.param]
    return net, np.where(HOLES, np.nan, y)


def assert_same_results(ours, theirs, times=("fit_time", "score_time")):
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, values in theirs.cv_results_.items():
        if name == "params" or name.startswith("param_"):
            assert list(map(repr, ours.cv_results_[name])) == list(map(repr, values))
        elif not name.endswith(times):
            np.testing.assert_allclose(ours.cv_results_[name], values, rtol=0, atol=1e-9, err_msg=name)
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_index_ == theirs.best_index_
    assert ours.multimetric_ == theirs.multimetric_
    assert ours.n_splits_ == theirs.n_splits_


def search_both(estimator, grid, y, fit_params=None, **settings):
    fit_params = fit_params or {}
    theirs = GridSearchCV(estimator, grid, cv=CV, error_score="raise", **settings).fit(X, y, **fit_params)
    ours = MultiTaskSearchCV(estimator, grid, cv=CV, error_score="raise", **settings).fit(X, y, **fit_params)
    assert_same_results(ours, theirs)
    if settings.get("refit") is not False:
        np.testing.assert_allclose(ours.predict(X).astype(float), theirs.predict(X).astype(float), rtol=0, atol=1e-9)
    return ours


def task_scores(estimator, X, y, sample_weight=None):
    return estimator.score_tasks(X, y, sample_weight)


# the same results as GridSearchCV ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, (N,), (N, 2)], ids=["unweighted", "rows weighted", "cells weighted"])
def test_results_are_those_of_a_grid_search(problem, weights):
    fit_params = {} if weights is None else {"sample_weight": np.random.default_rng(3).random(weights)}
    ours = search_both(*problem[:1], GRID, problem[1], fit_params, return_train_score=True)
    assert ours.best_score_ == ours.cv_results_["mean_test_score"][ours.best_index_]
    assert ours.score(X, problem[1]) == ours.best_estimator_.score(X, problem[1])
    assert ours.refit_time_ > 0


def test_several_metrics(problem):
    net, y = problem
    weight = np.random.default_rng(3).random(N)
    ours = search_both(net, GRID, y, {"sample_weight": weight}, scoring=task_scores, refit="task1")
    expected = np.column_stack([ours.cv_results_[f"mean_test_task{k}"] for k in range(2)])
    np.testing.assert_allclose(ours.task_scores_, expected, rtol=0, atol=1e-12)
    assert ours.task_names_.tolist() == ["task0", "task1"]
    assert ours.score(X, y) == ours.best_estimator_.score_tasks(X, y)["task1"]


def test_scorers_by_name_and_a_callable_that_chooses():
    net, y = CASES["regressor"]
    search_both(net, GRID, y, scoring=["r2", "neg_mean_absolute_error"], refit="neg_mean_absolute_error")
    search_both(net, GRID, y, scoring="neg_mean_squared_error", refit=lambda results: 2)
    several = MultiTaskSearchCV(net, GRID, cv=CV, scoring=["r2"], refit=False).fit(X, y)
    assert not hasattr(several, "best_index_")
    assert not hasattr(several, "best_estimator_")


@pytest.mark.parametrize(
    "grid",
    [
        {"hidden_layer_sizes": [(4,), (3, 3)], "loss_weights": [None, [1, 3]]},
        {"batch_size": [16, "auto"], "dropout": [0.0, 0.4], "weight_decay": [0.0, 1.0]},
        {"cv": [10, 2, None], "n_estimators": [1, 2]},
        [{"sharing": ["hard", "independent"]}, {"loss_weights__task1": [0.2, 3], "encoder__n_bins": [3]}],
        {"max_iter": [2, 3], "optimizer": ["adamw", "sgd"], "activation": ["tanh"]},
        {"task_layer_sizes": [(), 2, (3, 2)], "loss_weights": [None, [1, 3]]},
    ],
)
def test_what_members_cannot_carry_makes_networks_of_its_own(grid):
    net, y = CASES["regressor"]
    search_both(net, grid, np.where(HOLES, np.nan, y), refit=False)


CARRIED_BY_MEMBERS = {
    "class weights": ({}, {"class_weight": [None, "balanced"], "loss_weights": [None, [1, 2]]}),
    "seeds": ({"n_estimators": 2, "dropout": 0.2}, {"random_state": [0, 1, 2], "dropout": [0.0, 0.3]}),
    "a strength": ({"sharing": "soft"}, {"sharing__strength": [0.0, 0.01, 1.0], "loss_weights": [None, [1, 2]]}),
    "strengths": ({}, {"sharing": [Additive(0.1), Additive(0.2, 0.3), "additive"], "random_state": [0, 5]}),
}


@pytest.mark.parametrize(("settings", "grid"), CARRIED_BY_MEMBERS.values(), ids=CARRIED_BY_MEMBERS)
def test_what_members_carry_makes_one_network_of_all_folds(settings, grid, monkeypatch):
    net, y = CASES["classifier"]
    net = clone(net).set_params(**settings)
    search_both(net, grid, y, refit=False)
    begun = []
    monkeypatch.setattr(StackedTrainer, "_begin", lambda trainer: begun.append(len(trainer.indices)) or begin(trainer))
    MultiTaskSearchCV(net, grid, cv=CV, refit=False).fit(X, y)
    assert begun == [CV.get_n_splits() * len(ParameterGrid(grid))]


begin = StackedTrainer._begin


def test_candidates_that_weigh_one_of_many_classes_apart():
    classes = np.arange(2 * N) % 70  # more than are shown of a Series
    others = [pd.Series(np.where(np.arange(70) == 35, weight, 1.0)) for weight in (1.0, 50.0)]
    net = MultiTaskNetClassifier(**SMALL)
    rows = read_inputs(net, np.tile(X, (2, 1)), classes)
    jobs = [prepare_candidate(clone(net).set_params(class_weight=own), rows) for own in others]
    assert not np.array_equal(*(job.encoded.weights for job in jobs))


def test_folds_of_other_sizes():
    net, y = CASES["regressor"]
    settings = {"cv": MultiTaskKFold(7), "refit": False, "error_score": "raise"}
    theirs, ours = (search(net, GRID, **settings).fit(X, y) for search in (GridSearchCV, MultiTaskSearchCV))
    assert_same_results(ours, theirs)


def test_folds_given_as_masks():
    net, y = CASES["regressor"]
    halves = [(np.arange(N) % 2 == k, np.arange(N) % 2 != k) for k in range(2)]
    theirs, ours = (s(net, GRID, cv=halves, refit=False).fit(X, y) for s in (GridSearchCV, MultiTaskSearchCV))
    assert_same_results(ours, theirs)


def test_candidates_without_a_seed_take_their_batches_in_one_order():
    net, y = CASES["regressor"]
    rows = read_inputs(net, X, y)
    assert [prepare_candidate(clone(net).set_params(random_state=seed), rows).order for seed in (None, None, 3)] == [
        None,
        None,
        3,
    ]
    search = MultiTaskSearchCV(clone(net).set_params(random_state=None), GRID, cv=CV).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_generators_and_numpy_integers_are_those_of_each_fit():
    model = MultiTaskNetRegressor(**SMALL | {"random_state": np.random.RandomState(3)})
    grid = {"n_estimators": np.array([1, 2]), "weight_decay": [0.0, 0.1]}
    reference = GridSearchCV(model, grid, cv=CV).fit(X, NUMBERS).cv_results_["mean_test_score"]
    for elimination in (None, Halving(least=4)):
        search = MultiTaskSearchCV(model, grid, cv=CV, elimination=elimination).fit(X, NUMBERS)
        np.testing.assert_allclose(search.cv_results_["mean_test_score"], reference, rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of fits and of scores that failed
def test_a_search_that_can_score_nothing_tells_so():
    rows = X.copy()
    rows[0, 0] = np.inf
    search = MultiTaskSearchCV(CASES["regressor"][0], {"weight_decay": [0.0, 0.1]}, cv=CV, refit=False)
    with pytest.warns(FitFailedWarning, match="X contains infinity"):
        search.fit(rows, NUMBERS)
    assert np.isnan(search.cv_results_["mean_test_score"]).all()
    assert search.pareto_front_.size == 0


def test_frames_and_one_dimensional_labels():
    net, y = CASES["classifier"]
    frame = pd.DataFrame(X, columns=list("abcd"))
    labels = pd.DataFrame({"left": y[:, 0], "size": pd.Series(y[:, 1]).mask(HOLES[:, 1])}).convert_dtypes()
    grid = {"loss_weights__size": [1, 4], "learning_rate_init": [0.02, 0.002]}
    ours = MultiTaskSearchCV(net, grid, cv=CV).fit(frame, labels)
    assert_same_results(ours, GridSearchCV(net, grid, cv=CV).fit(frame, labels))
    assert ours.feature_names_in_.tolist() == list("abcd")
    assert ours.task_names_.tolist() == ["left", "size"]
    flat = np.where(HOLES[:, 0], np.nan, y[:, 0])
    assert_same_results(*(s(net, {"dropout": [0, 0.2]}, cv=CV).fit(X, flat) for s in (MultiTaskSearchCV, GridSearchCV)))


def test_a_class_absent_from_a_fold():
    y = np.column_stack([np.arange(N) // (N // 3), X[:, 0] > 0]).astype(float)
    thirds = [(np.flatnonzero(y[:, 0] != k), np.flatnonzero(y[:, 0] == k)) for k in range(3)]
    net = CASES["classifier"][0]
    theirs, ours = (s(net, GRID, cv=thirds).fit(X, y) for s in (GridSearchCV, MultiTaskSearchCV))
    assert_same_results(ours, theirs)
    assert (ours.task_scores_[:, 0] == 0).all()


# pipelines -----------------------------------------------------------------------------------------------------------


class CountingScaler(StandardScaler):
    fits = 0

    def fit(self, X, y=None, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


def test_pipelines(problem):
    net, y = problem
    pipeline = Pipeline([("scale", CountingScaler()), ("pca", PCA(2, random_state=0))])
    pipeline.steps.append(("net", net))
    grid = {"pca__n_components": [2, 3], "net__loss_weights": [None, [1, 4]], "net__loss_weights__task0": [1, 3]}
    fit_params = {
        "net__sample_weight": np.random.default_rng(3).random(N),
        "scale__sample_weight": np.arange(1.0, N + 1),
    }
    CountingScaler.fits = 0
    settings = {"cv": CV, "refit": False, "error_score": "raise"}
    ours = MultiTaskSearchCV(clone(pipeline), grid, **settings).fit(X, y, **fit_params)
    assert CountingScaler.fits == 2 * 2  # folds times settings of the step after it
    theirs = GridSearchCV(clone(pipeline), grid, **settings).fit(X, y, **fit_params)
    assert_same_results(ours, theirs)


def test_a_pipeline_of_the_net_alone_and_its_refit():
    net, y = CASES["regressor"]
    search_both(Pipeline([("net", net)]), {"net__loss_weights": [[1, 2], [2, 1]]}, y)
    ours = search_both(
        Pipeline([("scale", "passthrough"), ("net", net)]),
        {"scale": ["passthrough", StandardScaler()], "net__dropout": [0.0, 0.3]},
        y,
    )
    assert isinstance(ours.best_estimator_, Pipeline)


def test_a_step_that_fails_is_an_error_of_its_candidates_alone():
    net, y = CASES["regressor"]
    pipeline = Pipeline([("select", SelectKBest(lambda X, y: np.arange(4))), ("net", net)])
    search = MultiTaskSearchCV(pipeline, {"select__k": [2, -1]}, cv=CV, refit=False)
    with pytest.warns() as caught:
        search.fit(X, y)
    assert any("'select__k': -1" in str(warning.message) for warning in caught)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [True, False]


# failures ------------------------------------------------------------------------------------------------------------


def test_a_candidate_that_diverges_does_not_disturb_its_neighbours():
    net, y = CASES["regressor"]
    net = clone(net).set_params(max_iter=60, dtype="float32")
    grid = [{"learning_rate_init": [rate], "loss_weights": [[1, 3]]} for rate in (0.01, 0.02, 1e6, 0.004, 0.03)]
    with pytest.warns() as caught:
        wild = MultiTaskSearchCV(net, grid, cv=CV, error_score=-7.0).fit(X, y)
    (message,) = [str(warning.message) for warning in caught if warning.category is FitFailedWarning]
    assert re.search(r"2 fits failed out of a total of 10", message)
    assert "'learning_rate_init': 1000000.0" in message
    assert "DivergenceError" in message
    scores = wild.cv_results_["mean_test_score"]
    assert scores[2] == -7.0
    assert np.isnan(wild.task_scores_[2]).all()
    calm = MultiTaskSearchCV(net, grid[:2] + grid[3:], cv=CV).fit(X, y)
    np.testing.assert_allclose(np.delete(scores, 2), calm.cv_results_["mean_test_score"], rtol=0, atol=1e-6)
    assert 2 not in wild.pareto_front_
    with pytest.raises(DivergenceError, match="learning_rate_init=1e") as error:
        MultiTaskSearchCV(net, grid, cv=CV, error_score="raise").fit(X, y)
    assert "candidate 2" in error.value.__notes__[0]


def test_failures_before_training_are_told_apart():
    net, y = CASES["regressor"]
    grid = [{"loss_weights": [[1, 2], [1, 2, 3]]}, {"learning_rate_init": [-1]}, {"hidden_layer_sizes": [(0,)]}]
    search = MultiTaskSearchCV(net, grid, cv=CV)
    with pytest.warns() as caught:
        search.fit(X, y)
    message = next(str(warning.message) for warning in caught if warning.category is FitFailedWarning)
    assert all(text in message for text in ("got 3", "'learning_rate_init'", "hidden_layer_sizes"))
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [True, False, False, False]
    with pytest.raises(ValueError, match="All the 6 fits failed"):
        MultiTaskSearchCV(net, [*grid[1:], {"loss_weights": [[1]]}], cv=CV).fit(X, y)
    bad = np.where(np.arange(N) == 3, np.inf, X[:, 0])[:, None]
    with pytest.raises(ValueError, match="infinity"):
        MultiTaskSearchCV(net, GRID, cv=CV, error_score="raise").fit(np.hstack([bad, X[:, 1:]]), y)


def test_wrong_use_is_named():
    net, y = CASES["regressor"]
    with pytest.raises(ValueError, match="either param_grid"):
        MultiTaskSearchCV(net).fit(X, y)
    with pytest.raises(TypeError, match="got Ridge"):
        MultiTaskSearchCV(Ridge(), {"alpha": [1]}).fit(X, y)
    with pytest.raises(ValueError, match="The 'elimination' parameter"):
        MultiTaskSearchCV(net, GRID, elimination="third").fit(X, y)
    with pytest.raises(ValueError, match="set refit to its name"):
        MultiTaskSearchCV(net, GRID, cv=CV, elimination="halving", scoring=task_scores, refit=False).fit(X, y)
    with pytest.raises(ValueError, match="parameter refit must be set"):
        MultiTaskSearchCV(net, GRID, cv=CV, scoring=task_scores).fit(X, y)


# the object ----------------------------------------------------------------------------------------------------------


def test_it_is_an_estimator_like_others(capsys):
    net, y = CASES["classifier"]
    search = MultiTaskSearchCV(net, {"loss_weights": SimplexGrid(2, 2)}, cv=2, verbose=1)
    assert clone(search).get_params(deep=False).keys() == search.get_params(deep=False).keys()
    search.set_params(estimator__max_iter=2).fit(X, np.where(HOLES, np.nan, y))
    assert "totalling 6 fits" in capsys.readouterr().out
    assert isinstance(search.best_estimator_, MultiTaskNetClassifier)
    reloaded = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(reloaded.predict(X), search.predict(X))
    assert [p.shape for p in search.predict_proba(X)] == [(N, 2), (N, 3)]
    assert len(search.classes_) == 2
    assert search.n_features_in_ == 4
    assert net.get_params()["max_iter"] == 2  # as scikit-learn's searches do, the estimator given is the one set
    net.set_params(max_iter=SMALL["max_iter"])


def test_settings_drawn_at_random():
    net, y = CASES["regressor"]
    space = {"loss_weights": Dirichlet(1.0, n_tasks=2), "learning_rate_init": loguniform(1e-3, 1e-1)}
    ours = MultiTaskSearchCV(net, param_distributions=space, n_iter=4, cv=CV, random_state=0).fit(X, y)
    theirs = RandomizedSearchCV(net, space, n_iter=4, cv=CV, random_state=0).fit(X, y)
    assert_same_results(ours, theirs)


def test_a_search_leaves_global_state_as_it_was():
    net, y = CASES["regressor"]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        states = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
        with joblib.parallel_config(backend="threading"):
            MultiTaskSearchCV(net, GRID, cv=CV, n_jobs=2, elimination="halving").fit(X, y)
        assert (np.random.get_state()[1] == states[0]).all()  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), states[1])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_memory_bounds_networks_and_does_not_change_results():
    net, y = CASES["regressor"]
    grid = {"loss_weights": SimplexGrid(2, 5)}
    wide, narrow = (MultiTaskSearchCV(net, grid, cv=CV, memory=memory).fit(X, y) for memory in (2**30, 1))
    assert_same_results(narrow, wide)
    leagues = MultiTaskSearchCV(net, grid, cv=CV, memory=2 * 20_000, elimination="halving").fit(X, y)
    assert (leagues.cv_results_["rung"] == 2).sum() >= 2


# jobs and clusters ---------------------------------------------------------------------------------------------------


def test_jobs_share_the_candidates():
    net, y = CASES["regressor"]
    grid = {"loss_weights": SimplexGrid(2, 16)}  # 17 candidates: two networks a fold
    alone = MultiTaskSearchCV(net, grid, cv=CV).fit(X, y)
    with joblib.parallel_config(backend="threading"):
        assert_same_results(MultiTaskSearchCV(net, grid, cv=CV, n_jobs=2).fit(X, y), alone)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_jobs_share_a_race(backend, monkeypatch):
    net, y = CASES["regressor"]
    net = clone(net).set_params(max_iter=8)
    grid = {"loss_weights": SimplexGrid(2, 3), "learning_rate_init": [0.02, 1e200, 0.002]}
    race = MultiTaskSearchCV(net, grid, cv=MultiTaskKFold(3), elimination=Halving(2, (0.25, 0.5)), error_score=-7.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = clone(race).fit(X, y)
        parts = []
        monkeypatch.setattr(_runner, "LazyPickle", lambda batch: parts.append(len(batch.fits)) or LazyPickle(batch))
        with joblib.parallel_config(backend=backend):
            shared = race.set_params(n_jobs=2).fit(X, y)
    assert parts == [18, 18]
    assert_same_results(shared, alone)
    rungs = alone.cv_results_["rung"]
    assert np.bincount(rungs).tolist() == [6, 3, 3]
    assert (rungs[alone.cv_results_["mean_test_score"] == -7.0] == 0).all()


@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster():
    distributed = pytest.importorskip("distributed")
    net, y = CASES["regressor"]
    alone = MultiTaskSearchCV(net, GRID, cv=CV).fit(X, y)

    def score_on_a_worker(estimator, X, y):
        distributed.get_worker()  # raises elsewhere
        return estimator.score(X, y)

    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        with joblib.parallel_config(backend="dask"):
            search = MultiTaskSearchCV(net, GRID, cv=CV, scoring=score_on_a_worker, error_score="raise").fit(X, y)
        with joblib.parallel_config(backend="dask"):
            race = MultiTaskSearchCV(net, GRID, cv=CV, elimination=Halving(2, (0.5,))).fit(X, y)
    assert_same_results(search, alone)
    assert_same_results(race, MultiTaskSearchCV(net, GRID, cv=CV, elimination=Halving(2, (0.5,))).fit(X, y))


# races ---------------------------------------------------------------------------------------------------------------


def test_survivors_of_a_race_end_as_in_a_full_search(problem):
    net, y = problem
    net = clone(net).set_params(max_iter=8)
    grid = {"loss_weights": SimplexGrid(2, 4), "learning_rate_init": [0.02, 0.002]}
    full = MultiTaskSearchCV(net, grid, cv=CV, refit=False).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raced = MultiTaskSearchCV(net, grid, cv=CV, elimination=Halving(2, (0.25, 0.5), least=2)).fit(X, y)
    rungs = raced.cv_results_["rung"]
    assert np.bincount(rungs).tolist() == [5, 2, 3]
    last = rungs == 2
    for k in range(2):
        name = f"split{k}_test_score"
        np.testing.assert_allclose(raced.cv_results_[name][last], full.cv_results_[name][last], rtol=0, atol=1e-9)
    ranks = raced.cv_results_["rank_test_score"]
    assert set(ranks[last]) | {1} <= {1, 2, 3}
    assert last[raced.best_index_]
    assert ranks[raced.best_index_] == 1
    assert ranks[rungs == 0].min() > ranks[rungs == 1].max()


def test_a_race_scores_the_dropped_where_they_ended():
    net, y = CASES["regressor"]
    net = clone(net).set_params(max_iter=8, learning_rate="constant", early_stopping=False)
    raced = MultiTaskSearchCV(net, GRID, cv=CV, elimination=Halving(3, (0.5,))).fit(X, y)
    dropped = raced.cv_results_["rung"] == 0
    half = GridSearchCV(net.set_params(max_iter=4), GRID, cv=CV).fit(X, y)
    name = "mean_test_score"
    np.testing.assert_allclose(raced.cv_results_[name][dropped], half.cv_results_[name][dropped], rtol=0, atol=1e-9)
    assert half.cv_results_[name][dropped].max() <= half.cv_results_[name][~dropped].min()


def test_a_candidate_that_fails_is_dropped_first():
    net, y = CASES["regressor"]
    grid = {"learning_rate_init": [1e200, 0.02, 0.01, 0.03]}
    with pytest.warns(match="non-finite|fits failed"):
        raced = MultiTaskSearchCV(net, grid, cv=CV, elimination=Halving(least=2)).fit(X, y)
    assert raced.cv_results_["rung"][0] == 0
    assert raced.cv_results_["rank_test_score"][0] == 4


@pytest.mark.parametrize("rungs", [(0.5, 0.2), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5)])
def test_rungs_are_checked(rungs):
    with pytest.raises(ValueError, match="rungs of Halving must rise"):
        Halving(rungs=rungs).fractions()
    with pytest.raises(ValueError, match="factor above 1"):
        Halving(factor=1).fractions()


def test_the_docstring_names_what_members_may_differ_in():
    described = MultiTaskSearchCV.__doc__.partition("where they differ only in")[2].partition("strengths of")[0]
    assert set(re.findall(r"``(\w+)``", described)) == MEMBER_PARAMETERS
