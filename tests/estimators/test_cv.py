"""Rows that are held out by a splitter and groups of the user's."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNetRegressor
from skmtl._sklearn import final_model
from skmtl.inputs import RowSplitter, read_labelled_rows
from skmtl.inspection import transfer_report
from skmtl.model_selection import MultiTaskSearchCV, TaskGroupingCV

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]])
GROUPS = RNG.integers(0, 9, 60)
SEARCHES = MultiTaskSearchCV, GridSearchCV
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 3, "max_iter": 3, "random_state": 0, "local_correction": False}


def net(**params):
    return MultiTaskNetRegressor(**SMALL | params)


def changed_by(rows, cv):
    """Which members learn something else when labels trade places within some rows.

    So the mean and the spread of a task, which all members know, stay as they are up to rounding.
    """
    traded = Y.copy()
    traded[rows] = Y[rows[::-1]]
    weights = [_weights(net(cv=cv, max_iter=1).fit(X, y)) for y in (Y, traded)]
    return [bool(np.abs(one - other).max() > 1e-9) for one, other in zip(*weights, strict=True)]


def _weights(model):
    buffer = model.network_.buffer
    members = range(buffer.members)
    return [np.concatenate([buffer.views[s.name][m].flatten().numpy() for s in buffer.specs]) for m in members]


def test_members_learn_from_one_part_and_are_judged_by_the_other():
    cv = TimeSeriesSplit(3, test_size=15)
    blocks = [np.arange(start, start + 15) for start in range(0, 60, 15)]
    assert [changed_by(rows, cv) for rows in blocks] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
        [False, False, False],
    ]
    model = net(cv=cv, max_iter=1).fit(X, Y)
    assert_array_equal(held_out(model), np.arange(60) >= 15)
    for member, rows in enumerate(blocks[1:]):
        loss = np.mean((model.oof_prediction_[rows] - Y[rows]) ** 2, axis=0) / Y.var(axis=0)
        assert_allclose(model.history_["validation_loss"][0, member], loss, rtol=1e-6)


def held_out(model):
    return np.isfinite(np.asarray(model.oof_prediction_, dtype=float)).reshape(len(X), -1).any(axis=1)


def test_members_take_the_splits_in_turn():
    cv = RepeatedKFold(n_splits=2, n_repeats=2, random_state=1)
    splits = list(cv.split(X))
    model = net(n_estimators=4, cv=cv).fit(X, Y)
    judged = model._out_of_fold.judged
    for k, (_, test) in enumerate(splits):
        assert_array_equal(np.sort(judged.rows[k][judged.real[k]]), test)
    twice = net(n_estimators=8, n_peers=2, cv=splits[:2]).fit(X, Y)._out_of_fold.judged
    for member in range(16):
        rows = np.sort(twice.rows[member][twice.real[member]])
        assert_array_equal(rows, splits[member // 2 % 2][1])


def test_splits_of_which_members_take_some_give_a_warning_with_numbers():
    with pytest.warns(UserWarning, match=r"5 splits, of which n_estimators=3 members take the first 3: 24 of 60 rows"):
        model = net(cv=KFold(5)).fit(X, Y)
    assert_array_equal(held_out(model), np.arange(60) < 36)


@pytest.mark.parametrize("form", ["splitter", "iterable", "generator", "masks"])
def test_all_forms_of_cv_are_one(form):
    splitter = KFold(3, shuffle=True, random_state=2)
    splits = list(splitter.split(X))
    masks = [(np.isin(np.arange(60), train), np.isin(np.arange(60), test)) for train, test in splits]
    forms = {"splitter": splitter, "iterable": splits, "generator": (s for s in splits), "masks": masks}
    model, expected = net(cv=forms[form]).fit(X, Y), net(cv=[tuple(map(list, split)) for split in splits]).fit(X, Y)
    assert_array_equal(model.oof_prediction_, expected.oof_prediction_)


def test_rows_that_carry_nothing_do_not_shift_the_splits():
    """Indices mean the rows that were passed; groups are dealt as if rows of weight 0 had not been there."""
    weights = (RNG.random(60) < 0.8).astype(float)
    dropped = weights == 0
    holes = np.where(dropped[:, None], np.nan, Y)
    for params, groups in (
        ({"cv": KFold(3)}, None),
        ({}, GROUPS),
        ({"cv": LeaveOneGroupOut(), "n_estimators": 9}, GROUPS),
    ):
        model = net(**params).fit(X, Y, sample_weight=weights, groups=groups)
        assert_array_equal(model.oof_prediction_, net(**params).fit(X, holes, groups=groups).oof_prediction_)
        if groups is None:
            judged = model._out_of_fold.judged
            rows = np.flatnonzero(~dropped)[judged.rows[1][judged.real[1]]]
            assert_array_equal(np.sort(rows), np.flatnonzero(~dropped & (np.arange(60) // 20 == 1)))
        else:
            kept = net(**params).fit(X[~dropped], Y[~dropped], groups=groups[~dropped])
            assert_array_equal(model.oof_prediction_[~dropped], kept.oof_prediction_)


@pytest.mark.parametrize(
    ("cv", "groups"),
    [
        (None, GROUPS),
        (3, GROUPS.astype(str)),
        (GroupKFold(3), pd.Series(GROUPS)),
        (GroupShuffleSplit(3, random_state=0), GROUPS),
    ],
)
def test_rows_of_a_group_are_held_out_together(cv, groups):
    judged = net(cv=cv).fit(X, Y, groups=groups)._out_of_fold.judged
    for rows, real in zip(judged.rows, judged.real, strict=True):
        inside = np.zeros(60, dtype=bool)
        inside[rows[real]] = True
        assert set(GROUPS[inside]).isdisjoint(GROUPS[~inside])


def test_unlabeled_groups_leave_each_fold_its_labels():
    groups = np.arange(60) // 2
    y = np.where((groups % 8 == 0)[:, None], Y, np.nan)  # 4 of 30 groups
    model = net(n_estimators=4, collaboration="mean_teacher").fit(X, y, groups=groups)
    assert np.isfinite(model.oof_prediction_).all()
    rows = read_labelled_rows(X, y, None, None, "net", keep_unlabeled=True)
    splits = RowSplitter.read(None, X, y, groups).split(rows, 4, 5)
    assert sorted(splits.test.sum(axis=1)) == [14, 14, 16, 16]  # a labelled group and 6 or 7 others, of two rows each


def test_few_groups_are_as_many_folds():
    judged = net(n_estimators=8).fit(X, Y, groups=GROUPS % 4)._out_of_fold.judged
    assert len({tuple(rows[real]) for rows, real in zip(judged.rows, judged.real, strict=True)}) == 4


def leaking_groups(seed, n_groups=30, size=10):
    """Rows of a group share features, and a part of their labels that these do not explain."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(n_groups, 4)), size, axis=0) + 0.1 * rng.normal(size=(n_groups * size, 4))
    effects = np.repeat(rng.normal(size=(n_groups, 2)), size, axis=0)
    return rows, rows[:, :2] + 1.5 * effects, np.repeat(np.arange(n_groups), size)


@pytest.mark.parametrize("local_correction", [False, True])
def test_out_of_fold_scores_are_those_on_new_groups(local_correction):
    """With groups they agree with a split outside within two standard errors; without, they are far too good."""
    params = {"hidden_layer_sizes": (32,), "n_estimators": 5, "cv": 5, "max_iter": 20, "learning_rate_init": 0.01}
    scores = []
    for seed in range(4):
        rows, labels, groups = leaking_groups(seed)
        inside = groups < 20
        model = net(**params, local_correction=local_correction, random_state=seed)
        leaking = mean_score(model.fit(rows[inside], labels[inside]).oof_score_)
        honest = mean_score(model.fit(rows[inside], labels[inside], groups=groups[inside]).oof_score_)
        scores.append((leaking, honest, model.score(rows[~inside], labels[~inside])))
    leaking, honest, new = np.transpose(scores)
    assert abs(honest.mean() - new.mean()) < 2 * standard_error(honest - new)
    assert leaking.mean() - new.mean() > 4 * standard_error(leaking - new)


def mean_score(scores):
    return np.mean(list(scores.values()))


def standard_error(values):
    return values.std(ddof=1) / np.sqrt(len(values))


def test_time_splits_and_the_local_correction():
    cv = TimeSeriesSplit(3)
    assert not net(cv=cv, local_correction="auto").fit(X, Y).auto_params_["local_correction"].value
    with pytest.raises(ValueError, match=r"local_correction=True .* later rows would correct earlier ones"):
        net(cv=cv, local_correction=True).fit(X, Y)


def test_training_goes_on_with_other_splits_and_passes_ignore_them():
    model = net(cv=KFold(3), warm_start=True).fit(X, Y).fit(X, Y)
    assert np.isfinite(model.history_["validation_loss"]).all()
    assert np.isfinite(model.set_params(cv=GroupKFold(3)).partial_fit(X, Y).predict(X)).all()


# groups of searches and of reports ------------------------------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_groups_are_routed_to_the_fits_of_a_search_and_of_a_pipeline():
    outer, requesting = GroupKFold(3), net(cv=GroupKFold(3)).set_fit_request(groups=True)
    pipeline = make_pipeline(StandardScaler(), requesting)
    grid = {"learning_rate_init": [0.001, 0.01]}
    for estimator, prefix in (requesting, ""), (pipeline, "multitasknetregressor__"):
        searches = [cls(estimator, {prefix + k: v for k, v in grid.items()}, cv=outer) for cls in SEARCHES]
        ours, theirs = (search.fit(X, Y, groups=GROUPS) for search in searches)
        assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-6)
        assert_groups_apart(final_model(ours))


@pytest.mark.usefixtures("routing")
def test_groups_reach_the_nets_of_reports_that_request_them():
    requesting = net(cv=GroupKFold(3)).set_fit_request(groups=True)
    common = {"cv": GroupKFold(2), "groups": GROUPS, "n_estimators": None, "own_recipe": True}
    assert np.isfinite(transfer_report(requesting, X, Y, **common).delta_m)
    with pytest.raises(ValueError, match="cv could not split the rows: The 'groups' parameter"):
        transfer_report(net(cv=GroupKFold(3)), X, Y, **common)
    grouping = TaskGroupingCV(requesting, cv=GroupKFold(2)).fit(X, Y, groups=GROUPS)
    assert_groups_apart(grouping.best_estimator_)


def assert_groups_apart(model):
    judged = model._out_of_fold.judged
    first, second = (GROUPS[judged.rows[k][judged.real[k]]] for k in (0, 1))
    assert set(first).isdisjoint(second)


def test_candidates_with_other_splits_train_as_networks_of_their_own():
    grid = {"cv": [None, 3, KFold(3), TimeSeriesSplit(3)], "learning_rate_init": [0.001, 0.01]}
    ours, theirs = (search(net(), grid, cv=3, refit=False).fit(X, Y) for search in SEARCHES)
    assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-6)


# what is not usable ---------------------------------------------------------------------------------------------------

PAIRS = [(np.arange(20, 60), np.arange(20)), (np.arange(40), np.arange(40, 60))]


def with_part(part, rows):
    """Splits of which the second has other rows in one part."""
    return [PAIRS[0], (rows, PAIRS[1][1]) if part == "train" else (PAIRS[1][0], rows)]


BAD_SPLITS = {
    "overlap": (with_part("test", np.arange(35, 60)), "5 rows are in both parts of split 1, row 35 first"),
    "beyond": (with_part("test", [40, 60]), "test part of split 1 has row 60, and X has 60 rows, .* pass a splitter"),
    "negative": (with_part("train", [-1, 3]), "the training part of split 1 has row -1"),
    "twice": (with_part("train", [3, 4, 3]), "training part of split 1 has row 3 2 times.*sample_weight"),
    "empty": (with_part("test", []), "test part of split 1 has no rows"),
    "empty mask": (with_part("test", np.zeros(60, dtype=bool)), "test part of split 1 has no rows"),
    "mask": (with_part("test", np.ones(59, dtype=bool)), "test part of split 1 is a mask of 59 rows, and X has 60"),
    "floats": (with_part("test", [0.5]), "test part of split 1 must be indices of rows or a mask"),
    "no pair": ([PAIRS[0], np.arange(60)], "split 1 must be a pair of training and test rows"),
    "none": ([], "cv gives no split"),
    "no groups": (GroupKFold(3), r"cv could not split .*'groups'.* fit\(..., groups=...\)"),
    "2-D y": (StratifiedKFold(3), "cv could not split the rows: .*1-D y without missing labels. MultiTaskKFold"),
    "more than rows": (KFold(61), "cv could not split the rows: .*n_splits=61.*n_samples=60|n_samples: 60"),
    "more than distinct rows": (61, "cv=61 asks for 61 folds, and there are 60 distinct rows"),
}


@pytest.mark.parametrize("name", BAD_SPLITS)
def test_bad_splits(name):
    cv, message = BAD_SPLITS[name]
    with pytest.raises(ValueError, match=message):
        net(cv=cv).fit(X, Y)


def test_splits_that_leave_a_member_without_labels():
    holes = Y.copy()
    holes[:20, 1] = np.nan
    with pytest.raises(ValueError, match=r"cv: split 1 leaves no label of task 'task1' .* 20 training rows; its 40 "):
        net(cv=[PAIRS[0], (np.arange(20), np.arange(20, 60))]).fit(X, holes)
    holes[:20] = np.nan
    with pytest.raises(ValueError, match="cv: split 0 holds out no row with a label"):
        net(cv=PAIRS).fit(X, holes)
    with pytest.raises(ValueError, match=r"groups: split \d leaves no label of task 'task1' to learn from"):
        net().fit(X, np.where(GROUPS[:, None] == [-1, 4], Y, [[0.0, np.nan]]), groups=GROUPS)


@pytest.mark.parametrize(
    ("groups", "params", "message"),
    [
        (GROUPS[:-1], {}, r"groups must be one for each of the 60 rows of X; got shape \(59,\)"),
        (GROUPS[:, None], {}, "groups must be one for each of the 60 rows"),
        (np.where(GROUPS == 3, np.nan, GROUPS), {}, r"groups must not be missing; got nan in row \d+"),
        (np.zeros(60), {}, "groups has 1 distinct value among the 60 rows with a label; 2 are needed"),
        (GROUPS, {"cv": 10}, "cv=10 asks for 10 folds, and groups has 9 distinct values"),
        (None, {"cv": 3, "early_stopping": False}, "cv says which rows members hold out, and none do: early_stopping"),
    ],
)
def test_bad_groups_and_splits_without_use(groups, params, message):
    with pytest.raises(ValueError, match=message):
        net(**params).fit(X, Y, groups=groups)


def test_splits_and_validation_rows_exclude_one_another():
    with pytest.raises(ValueError, match="cv says which rows members hold out, and none do: X_val is given"):
        net(cv=KFold(3)).fit(X, Y, X_val=X[:9], y_val=Y[:9])
