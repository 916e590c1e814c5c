"""Estimators that choose which tasks to learn together."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.model_selection import MultiTaskKFold, TaskGroupingCV
from skmtl.model_selection.grouping._gains import FoldGains
from skmtl.model_selection.grouping._serving import decide
from skmtl.model_selection.grouping._subsets import first_subsets, propose
from skmtl.model_selection.grouping._surrogate import AdditiveGains

X, Y = make_related_tasks(90, 8, 4, relatedness=0.9, groups=2, missing=0.3, random_state=0)
TINY = {"hidden_layer_sizes": (5,), "n_estimators": 2, "max_iter": 4, "dtype": "float64", "random_state": 0}
KEEPS_ALL = {"min_gain": -10.0}  # lower bounds of tiny networks' gains are far below 0


def net(**params):
    return MultiTaskNetRegressor(**{**TINY, **params})


def grouping(estimator=None, **params):
    return TaskGroupingCV(net() if estimator is None else estimator, **{"cv": 3, **params})


def members_of(n_tasks, subsets):
    return np.array([np.isin(np.arange(n_tasks), subset) for subset in subsets])


def fold_gains(n_tasks, gain, noise, seed, n_folds=5, subsets="all"):
    """Gains ``gain(task, others)`` of subsets with noise from fold to fold."""
    rng = np.random.default_rng(seed)
    subsets, _ = first_subsets(subsets, list(range(n_tasks)), rng)
    members = members_of(n_tasks, subsets)
    gains = np.full((len(subsets), n_folds, n_tasks), np.nan)
    for row, subset in enumerate(subsets):
        for task in subset:
            own = 0.0 if len(subset) == 1 else gain(task, [other for other in subset if other != task])
            gains[row, :, task] = own + (noise * rng.normal(size=n_folds) if len(subset) > 1 else 0.0)
    return FoldGains(members, gains, 1 / (n_folds - 1))


def decide_freely(table, **params):
    pools = np.ones((table.n_folds + 1, len(table.members)), dtype=bool)
    return decide(table, pools, **{"n_networks": 3, "min_gain": 0.0, "confidence": 0.9, **params})


@pytest.mark.parametrize("local_correction", [False, True])
def test_a_task_is_predicted_as_by_a_network_of_its_group(local_correction):
    estimator = net(early_stopping=True, local_correction=local_correction)
    fitted = grouping(estimator, subsets=[["task0", "task2"]], cv=2, **KEEPS_ALL).fit(X, Y)
    assert fitted.network_.architecture.members == 2 * len(fitted.groups_)
    assert fitted.best_estimator_.loss_weights_.tolist() == [0.25] * 4
    for group, tasks in enumerate(() if local_correction else fitted.groups_):
        weights = {name: float(name in tasks) for name in fitted.task_names_}
        alone = clone(estimator).set_params(loss_weights=weights).fit(X, Y)
        served = [fitted.serving_[name] == group for name in fitted.task_names_]
        assert_allclose(fitted.predict(X)[:, served], alone.predict(X)[:, served], rtol=1e-9)


def test_a_net_of_all_tasks_that_serves_alone_is_that_of_fit(monkeypatch):
    joint = FoldGains.of

    def everyone_gains(measured):
        table = joint(measured)
        table.gains[table.members.all(axis=1)] = 1.0
        return table

    monkeypatch.setattr(FoldGains, "of", everyone_gains)
    fitted = grouping(subsets=[]).fit(X, Y)
    assert fitted.groups_ == [["task0", "task1", "task2", "task3"]]
    assert_array_equal(fitted.predict(X), net().fit(X, Y).predict(X))
    assert fitted.best_estimator_.partial_fit(X, Y) is fitted.best_estimator_


def test_measured_gains_are_those_of_networks_fitted_one_by_one():
    splits = list(KFold(3).split(X))
    table = grouping(cv=splits, subsets=[["task1", "task3"]]).fit(X, Y).subset_gains_
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    seed = int(np.random.RandomState(seed).randint(2**31 - 1))  # of the first repeat
    errors = {}
    for subset in ({1}, {1, 3}):
        squares = []
        for train, test in splits:
            own = net(loss_weights=[float(task in subset) for task in range(4)], random_state=seed)
            own.fit(X[train], Y[train])
            seen = test[~np.isnan(Y[test, 1])]
            residual = (own.predict(X[seen])[:, 1] - Y[seen, 1]) / own.tasks_[1].scale
            squares.append(np.sqrt(np.mean(residual**2)))
        errors[len(subset)] = np.mean(squares)
    row = table.subsets.index(("task1", "task3"))
    assert_allclose(table.gains[row, 1], 1 - errors[2] / errors[1], rtol=1e-6)
    assert np.isnan(table.gains[row, 0])
    assert table.gains[table.subsets.index(("task1",)), 1] == 0.0


def test_groups_that_gain_on_every_fold_are_found():
    def gain(task, others):
        own = [other for other in others if other % 2 == task % 2]
        return 0.05 * len(own) - 0.05 * (len(others) - len(own))

    for seed in range(2):
        found = decide_freely(fold_gains(6, gain, 0.005, seed, n_folds=4), n_networks=2)
        assert len(set(found.serving)) == 2
        assert_array_equal(found.serving, [found.serving[task % 2] for task in range(6)])
        assert_allclose(found.verified_gain, 0.1, atol=0.02)


def test_gains_that_are_noise_are_verified_as_none():
    tables = [fold_gains(4, lambda *_: -0.01, 0.05, seed, n_folds=4) for seed in range(10)]
    found = [decide_freely(table, n_networks=1) for table in tables]
    assert np.mean([any(group.low > 0 for group in decision.verifications) for decision in found]) <= 0.1


def test_a_group_that_gains_too_little_gives_way_to_the_better_net():
    def gain(task, others):
        return (0.08 if task < 2 else -0.5) if len(others) == 3 else 0.1 if set(others) | {task} == {0, 1} else -0.5

    table = fold_gains(4, gain, 1e-4, 0)
    kept, dropped = decide_freely(table), decide_freely(table, min_gain=0.03)
    pair, joint = (np.flatnonzero((table.members == row).all(axis=1))[0] for row in ([1, 1, 0, 0], [1, 1, 1, 1]))
    assert_array_equal(kept.serving, [pair, pair, 2, 3])
    assert_array_equal(dropped.serving, [joint, joint, 2, 3])
    assert_allclose(dropped.verified_gain, [0.08, 0.08, 0, 0], atol=1e-3)
    assert_allclose([group.gain for group in kept.verifications], [0.02], atol=1e-3)


def test_one_kind_of_net_serves_all_tasks_unless_mixing_gains_elsewhere():
    noisy = [fold_gains(12, lambda *_: 0.01, 0.05, seed, subsets=[]) for seed in range(10)]
    assert np.mean([len(set(decide_freely(table).serving)) == 1 for table in noisy]) >= 0.8
    mixed = fold_gains(3, lambda task, others: -0.3 if task == 0 else 0.2, 1e-3, 0)
    assert_array_equal(decide_freely(mixed).serving == 3, [False, True, True])  # row 3 is the net of all tasks


def test_groups_that_were_not_measured_are_proposed_by_what_was():
    rng = np.random.RandomState(0)
    effects = np.where(np.arange(9)[:, None] // 3 == np.arange(9) // 3, 0.1, -0.1)
    true = AdditiveGains(np.zeros(9), effects * (1 - np.eye(9)))
    subsets, _ = first_subsets("pairs", list(range(9)), rng)
    members = members_of(9, subsets)
    table = FoldGains(members, np.repeat(true.predict(members)[:, None], 5, axis=1), 0.25)
    assert sorted(propose(table, 3, rng)) == [(0, 1, 2), (3, 4, 5), (6, 7, 8)]


@pytest.mark.parametrize(
    ("subsets", "n_tasks", "expected"),
    [("auto", 4, 15), ("auto", 7, 127), ("pairs", 9, 46), (5, 9, 15), ("all", 5, 31)],
)
def test_subsets_that_are_measured_hold_single_tasks_and_all(subsets, n_tasks, expected):
    found, extrapolate = first_subsets(subsets, list(range(n_tasks)), np.random.RandomState(0))
    assert extrapolate
    assert len(found) == len(set(found)) == expected
    assert {(task,) for task in range(n_tasks)} | {tuple(range(n_tasks))} <= set(found)


def test_many_tasks_are_measured_by_pairs_and_random_subsets():
    found, _ = first_subsets("auto", list(range(20)), np.random.RandomState(0))
    assert 20 + 190 + 1 + 150 < len(found) <= 20 + 190 + 1 + 200
    found, _ = first_subsets("auto", list(range(40)), np.random.RandomState(0))
    assert 40 + 1 + 190 < len(found) <= 40 + 1 + 200
    with pytest.raises(ValueError, match="subsets='all' would be 8191 subsets of 13 tasks"):
        first_subsets("all", list(range(13)), np.random.RandomState(0))


def test_proposed_groups_are_measured_in_the_same_way_and_may_serve():
    rows, labels = make_related_tasks(60, 12, 6, groups=2, random_state=0)
    fitted = grouping(net(max_iter=1), subsets="pairs", cv=2, n_networks=1, **KEEPS_ALL).fit(rows, labels)
    gains = fitted.subset_gains_
    assert len(gains.subsets) > 6 + 1 + 15
    given = [list(subset) for subset in gains.subsets]
    again = grouping(net(max_iter=1), subsets=given, cv=2, n_networks=1, random_state=None).fit(rows, labels)
    assert_allclose(again.subset_gains_.gains, gains.gains, atol=1e-9)


def test_it_works_in_a_pipeline_and_with_one_inside():
    outside = make_pipeline(StandardScaler(), grouping(subsets=[])).fit(X, Y)
    inside = grouping(make_pipeline(StandardScaler(), net(early_stopping=True)), subsets=[]).fit(X, Y)
    assert outside.predict(X).shape == inside.predict(X).shape == Y.shape
    assert inside.n_features_in_ == 8
    assert_array_equal(inside.task_view("task1").predict(X), inside.predict(X)[:, 1])
    assert_array_equal(inside.task_view("task1").predict_interval(X), inside.predict_interval(X)[:, 1])
    assert_allclose(inside.score(X, Y), np.mean(list(inside.score_tasks(X, Y).values())))


def test_tasks_of_all_kinds_with_names():
    labels = pd.DataFrame({"number": Y[:, 0], "class": np.where(np.isnan(Y[:, 1]), None, Y[:, 1] > 0)})
    rows = pd.DataFrame(X, columns=[f"x{k}" for k in range(8)])
    fitted = grouping(MultiTaskNet(**{**TINY, "early_stopping": True})).fit(rows, labels)
    assert sorted(fitted.serving_) == ["class", "number"]
    assert fitted.feature_names_in_.tolist() == rows.columns.tolist()
    assert list(fitted.predict_frame(rows).columns) == ["number", "class"]
    assert fitted.predict_proba(rows)[0] is None
    assert_array_equal(fitted.task_view("class").predict_proba(rows), fitted.predict_proba(rows)[1])
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(rows), fitted.predict(rows))
    assert_array_equal(fitted.task_view("number").predict_interval(rows), fitted.predict_interval(rows)[:, 0])
    assert_array_equal(fitted.task_view("class").predict_set(rows), fitted.predict_set(rows)[1])
    frame = fitted.subset_gains_.frame()
    assert frame.loc["number+class", ("gain", "number")] == fitted.subset_gains_.gains[2, 0]


def test_a_second_fit_forgets_the_first():
    rows = pd.DataFrame(X, columns=[f"x{k}" for k in range(8)])
    fitted = grouping(net(max_iter=1), subsets=[]).fit(rows, Y)
    assert not hasattr(fitted.fit(X[:, :5], Y[:, :2]), "feature_names_in_")
    assert (fitted.n_features_in_, fitted.task_names_.tolist()) == (5, ["task0", "task1"])


def test_classes_are_offered_only_where_there_are_any():
    assert not hasattr(grouping(), "predict_proba")
    assert hasattr(grouping(MultiTaskNet(**TINY)), "predict_proba")


def test_weights_and_groups_of_rows_are_passed_on():
    group, weights = np.arange(90) % 6, np.ones((90, 2))
    few = grouping(net(max_iter=1), cv=GroupKFold(2), subsets=[])
    plain, weighted = (few.fit(X, Y[:, :2], given, group).subset_gains_.gains for given in (None, weights))
    assert_array_equal(plain, weighted)
    weights[::2, 0] = 0.1
    other = few.fit(X, Y[:, :2], weights, group).subset_gains_.gains
    assert not np.array_equal(plain, other, equal_nan=True)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_networks": 0}, "n_networks"),
        ({"confidence": 1.0}, "confidence"),
        ({"subsets": "triples"}, "subsets"),
        ({"subsets": [["task0", "nobody"]]}, "unknown task 'nobody'"),
        ({"cv": [(np.arange(45), np.arange(45, 90))]}, "cv of at least 2 folds to verify its choice; got 1"),
    ],
)
def test_parameters_out_of_range_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        grouping(**params).fit(X, Y)


def test_labels_that_allow_no_choice_are_refused():
    with pytest.raises(ValueError, match="two tasks at least"):
        grouping().fit(X, Y[:, 0])
    with pytest.raises(TypeError, match="TaskGroupingCV needs one of skmtl's estimators"):
        grouping(StandardScaler()).fit(X, Y)
    few = Y.copy()
    few[:, 1] = np.nan
    few[:3, 1] = [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="'task1'"):
        grouping(cv=KFold(3)).fit(X, few)
    few[3:33, 1] = 1.0
    with pytest.raises(ValueError, match="Task 'task1' has labels to test by in fewer than two folds"):
        grouping(cv=[(np.arange(20, 90), np.arange(10)), (np.arange(60), np.arange(60, 90))]).fit(X, few)


def test_before_fit_it_says_so():
    with pytest.raises(NotFittedError):
        grouping().predict(X)
    assert repr(clone(grouping())) == repr(grouping())


def test_results_repeat_with_a_seed_and_folds_are_shuffled_on_demand():
    cv = MultiTaskKFold(2, shuffle=True, random_state=0)
    first, second = (grouping(net(random_state=None), subsets=2, cv=cv, random_state=3).fit(X, Y) for _ in range(2))
    assert_array_equal(first.predict(X), second.predict(X))
    assert_array_equal(first.subset_gains_.gains, second.subset_gains_.gains)
