import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, check_cv, cross_validate

import skmtl
from skmtl import MultiTaskNetClassifier
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV

HOLES = np.array([[0, 1], [1, np.nan], [0, np.nan], [1, 0], [0, np.nan], [1, 1]])


def parts_of(splitter, y, n_samples=None):
    """Test parts as lists."""
    X = np.zeros((len(y) if n_samples is None else n_samples, 1))
    return [test.tolist() for _, test in splitter.split(X, y)]


def random_labels(seed, least):
    """Random shape, labels and holes; every task keeps at least `least(n_splits)` labels."""
    rng = np.random.default_rng(seed)
    n_splits = int(rng.integers(2, 7))
    n_samples, n_tasks = int(rng.integers(4 * n_splits, 60)), int(rng.integers(1, 9))
    y = rng.integers(0, rng.integers(2, 5), (n_samples, n_tasks)).astype(float)
    if seed % 2:
        y += rng.random(y.shape)
    y_holes = np.where(rng.random(y.shape) < rng.uniform(0, 1, n_tasks), np.nan, y)
    for task in range(n_tasks):
        kept = rng.choice(n_samples, least(n_splits), replace=False)
        y_holes[kept, task] = y[kept, task]
    return n_splits, y_holes


class Constant(ClassifierMixin, BaseEstimator):
    """Predicts one value; scores the share of observed cells that have it."""

    def __init__(self, value=0):
        self.value = value

    def fit(self, X, y):
        assert (~np.isnan(y)).any(axis=0).all()
        self.classes_ = [np.unique(column[~np.isnan(column)]) for column in y.T]
        return self

    def predict(self, X):
        return np.full((len(X), len(self.classes_)), self.value)

    def score(self, X, y):
        return float(np.mean((y == self.predict(X))[~np.isnan(y)]))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_folds_partition_the_rows_in_the_sizes_of_kfold(seed, shuffle):
    n_splits, y = random_labels(seed, lambda n_splits: 2)
    splitter = MultiTaskKFold(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    folds = parts_of(splitter, y)
    assert sorted(np.concatenate(folds).tolist()) == list(range(len(y)))
    assert [len(fold) for fold in folds] == [len(fold) for fold in parts_of(KFold(n_splits), y)]
    for train, test in splitter.split(y, y):
        assert sorted([*train, *test]) == list(range(len(y)))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_every_training_part_has_a_label_of_every_task(seed, shuffle):
    n_splits, y = random_labels(seed, lambda n_splits: n_splits)
    splitter = MultiTaskKFold(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    for train, _ in splitter.split(y, y):
        assert (~np.isnan(y[train])).any(axis=0).all()


@pytest.mark.parametrize("seed", range(20))
def test_two_labels_of_each_of_many_tasks_are_enough(seed):
    rng = np.random.default_rng(seed)
    y = np.full((12, 9), np.nan)
    for task in range(9):
        y[rng.choice(12, 2, replace=False), task] = rng.random(2)
    for train, _ in MultiTaskKFold(3).split(y, y):
        assert (~np.isnan(y[train])).any(axis=0).all()


@pytest.mark.parametrize("seed", range(20))
def test_one_task_has_equally_many_labels_in_every_fold(seed):
    y = np.random.default_rng(seed).random(47)
    y[np.random.default_rng(seed + 100).random(47) < 0.6] = np.nan
    counts = [np.count_nonzero(~np.isnan(y[fold])) for fold in parts_of(MultiTaskKFold(5), y)]
    assert np.ptp(counts) <= 1


def test_labels_of_many_tasks_are_spread():
    rng = np.random.default_rng(0)
    y = np.where(rng.random((1000, 10)) < np.linspace(0.1, 0.95, 10), np.nan, rng.random((1000, 10)))
    counts = np.array([(~np.isnan(y[fold])).sum(axis=0) for fold in parts_of(MultiTaskKFold(5), y)])
    assert np.ptp(counts, axis=0).max() <= 4  # plain KFold: above 20


def test_a_rare_class_is_spread():
    y = np.full((50, 2), np.nan)
    y[:30, 0] = np.repeat([0, 1], [25, 5])
    y[20:, 1] = np.repeat([1, 0], [3, 27])
    folds = parts_of(MultiTaskKFold(5), y)
    assert [int(np.sum(y[fold, 0] == 1)) for fold in folds] == [1, 1, 1, 1, 1]
    assert max(int(np.sum(y[fold, 1] == 1)) for fold in folds) == 1


@pytest.mark.parametrize("n_samples", [10, 13])
def test_fractional_targets_without_holes_give_the_folds_of_kfold(n_samples):
    y = np.random.default_rng(0).random((n_samples, 3))
    assert parts_of(MultiTaskKFold(4), y) == parts_of(KFold(4), y)
    assert parts_of(MultiTaskKFold(4), None, n_samples) == parts_of(KFold(4), y)


def test_classes_of_one_task_are_spread_as_evenly_as_by_stratified_kfold():
    y = np.repeat([0, 1, 2], [20, 15, 10])
    counts = [np.bincount(y[fold]).tolist() for fold in parts_of(MultiTaskKFold(5), y)]
    assert counts == [np.bincount(y[fold]).tolist() for fold in parts_of(StratifiedKFold(5), y)]


def test_a_row_without_labels_is_dealt_too():
    y = np.vstack([HOLES, np.full((3, 2), np.nan)])
    assert [len(fold) for fold in parts_of(MultiTaskKFold(3), y)] == [3, 3, 3]


def test_missing_marks_and_containers_give_the_same_folds():
    expected = parts_of(MultiTaskKFold(3), HOLES)
    cells = [[None if np.isnan(cell) else int(cell) for cell in row] for row in HOLES]
    words = [[None if cell is None else "no yes".split()[cell] for cell in row] for row in cells]
    frame = pd.DataFrame(cells, columns=["a", "b"])
    same = [
        HOLES.astype(np.float32),
        np.array(cells, dtype=object),
        cells,
        words,
        torch.from_numpy(HOLES),
        frame,
        frame.astype("Int64"),
        frame.astype("category"),
        pd.DataFrame(words),
        pd.DataFrame(words).astype("string"),
        pl.DataFrame(cells, orient="row", schema=["a", "b"]),
        pl.DataFrame(words, orient="row", schema=["a", "b"]),
    ]
    for y in same:
        assert parts_of(MultiTaskKFold(3), y) == expected, type(y)


def test_a_sentinel_is_a_missing_label():
    y = np.where(np.isnan(HOLES), -1, HOLES).astype(int)
    assert parts_of(MultiTaskKFold(3, missing_label=-1), y) == parts_of(MultiTaskKFold(3), HOLES)
    with pytest.raises(ValueError, match=r"at least 2 labels.*'task0' \(1\)"):
        parts_of(MultiTaskKFold(2, missing_label=-1), np.array([-1, 3, -1, -1]))


def test_rows_of_a_group_stay_together():
    groups = np.arange(60) // 3
    y = np.random.default_rng(0).integers(0, 3, (60, 2)).astype(float)
    y[::4, 1] = np.nan
    for train, test in MultiTaskKFold(5).split(y, y, groups):
        assert set(groups[train]).isdisjoint(groups[test])
        assert 9 <= len(test) <= 15


def test_whole_numbers_of_many_values_are_spread_by_value():
    y = np.repeat(np.arange(30), 5)
    assert all(len(np.unique(y[fold])) == 30 for fold in parts_of(MultiTaskKFold(5), y))


def test_one_dimension_is_one_column():
    y = np.array([0, 1, np.nan, 1, np.nan, 0, 1])
    expected = parts_of(MultiTaskKFold(3), y[:, None])
    assert parts_of(MultiTaskKFold(3), y) == expected
    assert parts_of(MultiTaskKFold(3), pd.Series(y)) == expected
    assert parts_of(MultiTaskKFold(3), pl.Series(y)) == expected


def test_the_seed_decides():
    y = np.random.default_rng(0).integers(0, 2, (40, 2)).astype(float)
    first = parts_of(MultiTaskKFold(4, shuffle=True, random_state=0), y)
    assert parts_of(MultiTaskKFold(4, shuffle=True, random_state=0), y) == first
    assert parts_of(MultiTaskKFold(4, shuffle=True, random_state=1), y) != first
    assert parts_of(MultiTaskKFold(4), y) == parts_of(MultiTaskKFold(4), y) != first


def test_y_is_not_changed():
    y = HOLES.copy()
    y.setflags(write=False)
    parts_of(MultiTaskKFold(3), y)
    np.testing.assert_array_equal(y, HOLES)


@pytest.mark.parametrize("n_labels", [0, 1])
def test_a_task_with_too_few_labels_is_named(n_labels):
    y = pd.DataFrame({"height": np.arange(6.0), "price": [1.5] * n_labels + [np.nan] * (6 - n_labels)})
    with pytest.raises(ValueError, match=rf"at least 2 labels.*'price' \({n_labels}\).*Remove the column"):
        parts_of(MultiTaskKFold(2), y)
    with pytest.raises(ValueError, match="'task1'"):
        parts_of(MultiTaskKFold(2), y.to_numpy())


def test_patterns_that_no_folds_can_serve_are_an_error():
    # each pair of four rows is all there is of a task, and a fold of two rows is one of these pairs
    y = np.full((4, 6), np.nan)
    for task, pair in enumerate([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]):
        y[list(pair), task] = 0.5
    with pytest.raises(ValueError, match=r"Split \d leaves no label of task 'task\d'.*shuffle"):
        parts_of(MultiTaskKFold(2), y)


def test_bad_input():
    with pytest.raises(ValueError, match=r"1d array or a 2d array.*\(4, 2, 2\)"):
        parts_of(MultiTaskKFold(2), np.zeros((4, 2, 2)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        parts_of(MultiTaskKFold(2), np.zeros((4, 2)), n_samples=5)
    with pytest.raises(ValueError, match="n_splits=7 greater"):
        parts_of(MultiTaskKFold(7), HOLES)
    with pytest.raises(ValueError, match="n_splits=2 or more"):
        MultiTaskKFold(1)
    with pytest.raises(ValueError, match="random_state has no effect"):
        MultiTaskKFold(random_state=0)
    with pytest.raises(TypeError, match="positional"):
        MultiTaskKFold(5, True)


def test_it_is_a_scikit_learn_splitter():
    splitter = MultiTaskKFold(3)
    assert splitter.get_n_splits() == splitter.get_n_splits(HOLES, HOLES) == 3
    assert MultiTaskKFold().get_n_splits() == 5
    assert repr(MultiTaskKFold(4, shuffle=True, random_state=0)) == (
        "MultiTaskKFold(missing_label=None, n_splits=4, random_state=0, shuffle=True)"
    )
    assert check_cv(splitter, HOLES, classifier=True) is splitter


def test_cross_validate_a_classifier_with_missing_labels():
    scores = cross_validate(Constant(1), np.zeros((6, 1)), HOLES, cv=MultiTaskKFold(3), error_score="raise")
    folds = parts_of(MultiTaskKFold(3), HOLES)
    expected = [np.mean(HOLES[fold][~np.isnan(HOLES[fold])] == 1) for fold in folds]
    np.testing.assert_allclose(scores["test_score"], expected)


def test_grid_search_a_classifier_with_missing_labels():
    X, y = np.zeros((12, 1)), np.vstack([HOLES, HOLES])
    y[y == 0] = 2
    search = GridSearchCV(Constant(), {"value": [0, 1, 2]}, cv=MultiTaskKFold(3), error_score="raise").fit(X, y)
    assert search.best_params_ == {"value": 1}
    assert clone(search).get_params()["cv"].n_splits == 3


@pytest.mark.parametrize("cv", [3, np.int64(3), np.uint8(3)])
def test_a_number_of_folds_knows_the_missing_label(cv):
    net = MultiTaskNetClassifier(
        hidden_layer_sizes=(2,), n_estimators=1, max_iter=1, random_state=0, missing_label=-1, early_stopping=False
    )
    rng = np.random.default_rng(0)
    y = np.where(rng.random((40, 2)) < 0.5, -1, rng.integers(0, 2, (40, 2)))
    X = rng.normal(size=(40, 2))
    folds = [test for _, test in MultiTaskKFold(3, missing_label=-1).split(X, y)]
    assert not all(map(np.array_equal, folds, (test for _, test in MultiTaskKFold(3).split(X, y))))
    found = skmtl.model_selection.cross_validate(net, X, y, cv=cv, return_indices=True)["indices"]["test"]
    assert all(map(np.array_equal, found, folds))
    numbered = MultiTaskSearchCV(net, {"weight_decay": [0.0, 0.1]}, cv=cv, refit=False).fit(X, y)
    explicit = MultiTaskSearchCV(net, {"weight_decay": [0.0, 0.1]}, cv=MultiTaskKFold(3, missing_label=-1), refit=False)
    np.testing.assert_array_equal(numbered.task_scores_, explicit.fit(X, y).task_scores_)
