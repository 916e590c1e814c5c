import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, StratifiedKFold, check_cv

from skmtl import MultiTaskNetClassifier
from skmtl.model_selection import MultiTaskShuffleSplit, MultiTaskStratifiedKFold

RNG = np.random.default_rng(0)
LABELS = np.column_stack([RNG.random(200) < 0.1, RNG.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05])]).astype(float)
NUMBERS = RNG.exponential(size=200)
HOLES = np.where(RNG.random((200, 3)) < [0.1, 0.5, 0.8], np.nan, np.column_stack([LABELS, NUMBERS]))
CYCLE = np.arange(41)
GROUPS = RNG.integers(0, 40, 200)
FOLDS = MultiTaskStratifiedKFold(5)


def parts_of(splitter, y, groups=None):
    return [test.tolist() for _, test in splitter.split(y, y, groups)]


def counts(y, parts):
    """Rows of each part: labelled, of each class and of each fifth of the numbers."""
    fifths = np.digitize(y[:, 2], np.nanquantile(y[:, 2], [0.2, 0.4, 0.6, 0.8])).astype(float)
    fifths[np.isnan(y[:, 2])] = np.nan
    strata = [~np.isnan(column) for column in y.T]
    strata += [
        column == value for column in (y[:, 0], y[:, 1], fifths) for value in np.unique(column[column == column])
    ]
    return np.array([[stratum[part].sum() for stratum in strata] for part in parts]), np.sum(strata, axis=1)


@pytest.mark.parametrize("shuffle", [False, True])
def test_folds_partition_the_rows_and_share_every_stratum(shuffle):
    splitter = MultiTaskStratifiedKFold(5, shuffle=shuffle, random_state=3 if shuffle else None)
    folds = parts_of(splitter, HOLES)
    assert sorted(np.concatenate(folds).tolist()) == list(range(200))
    assert [len(fold) for fold in folds] == [40] * 5
    for train, test in splitter.split(HOLES, HOLES):
        assert sorted([*train, *test]) == list(range(200))
    found, total = counts(HOLES, folds)
    plain, _ = counts(HOLES, parts_of(KFold(5), HOLES))
    off, off_plain = np.abs(found - total / 5), np.abs(plain - total / 5)
    assert off.max() < 4  # of the most common class, which yields to the sizes of the folds
    assert off[:, total < 100].max() < 2  # of all that are scarcer
    assert off_plain[:, total < 100].max() > 3


def test_sizes_are_those_of_kfold():
    for n in (11, 13, 14):
        assert [len(fold) for fold in parts_of(MultiTaskStratifiedKFold(4), HOLES[:n, :2])] == [
            len(fold) for fold in parts_of(KFold(4), HOLES[:n])
        ]


def test_classes_of_one_task_are_spread_as_by_stratified_kfold():
    y = RNG.permutation(np.repeat(["a", "b", "c"], [20, 15, 10]))
    ours, theirs = parts_of(FOLDS, y), [test for _, test in StratifiedKFold(5).split(y, y)]
    for label in "abc":
        assert [np.sum(y[fold] == label) for fold in ours] == [np.sum(y[fold] == label) for fold in theirs]


def test_numbers_are_spread_by_bins():
    y = np.sort(RNG.normal(size=50))
    for n_bins in (2, 5, 10):
        folds = parts_of(MultiTaskStratifiedKFold(5, n_bins=n_bins), y)
        assert {len(np.intersect1d(fold, part)) for fold in folds for part in np.split(np.arange(50), n_bins)} == {
            10 // n_bins
        }
    whole = np.arange(50)  # more than 20 different values: quantities
    assert all(len(np.intersect1d(fold, np.arange(10))) == 2 for fold in parts_of(FOLDS, whole))


@pytest.mark.parametrize("splitter", [FOLDS, MultiTaskShuffleSplit(3, test_size=0.3, train_size=0.5, random_state=0)])
def test_groups_stay_together(splitter):
    for train, test in splitter.split(HOLES, HOLES, GROUPS):
        assert set(GROUPS[train]).isdisjoint(GROUPS[test])
    parts = parts_of(splitter, HOLES, GROUPS)
    share = 0.2 if splitter is FOLDS else 0.3
    found, total = counts(HOLES, parts)
    assert np.abs(found.sum(axis=1) / total.sum() - share).max() < 0.05
    assert np.abs(found[:, :3] / total[:3] - share).max() < 0.12


def test_many_equal_numbers_leave_no_bin_without_rows():
    y = np.concatenate([np.linspace(0.1, 1, 20), np.zeros(40)])[:, None]
    shares = [np.count_nonzero(y[test] >= np.quantile(y, 0.8)) for test in parts_of(MultiTaskStratifiedKFold(5), y)]
    assert set(shares) <= {2, 3}


def test_groups_of_one_row_are_spread_as_rows():
    found, total = counts(HOLES, parts_of(FOLDS, HOLES, np.arange(200)))
    assert np.abs(found - total / 5).max() < 2


def test_shuffle_splits_have_their_sizes_and_shares():
    for settings in ({}, {"test_size": 0.25}, {"train_size": 90}, {"test_size": 30, "train_size": 0.4}):
        splitter = MultiTaskShuffleSplit(4, random_state=0, **settings)
        pairs = list(splitter.split(HOLES, HOLES))
        assert len(pairs) == splitter.get_n_splits() == 4
        for (train, test), (other_train, other_test) in zip(
            pairs, ShuffleSplit(4, random_state=0, **settings).split(HOLES), strict=True
        ):
            assert (len(train), len(test)) == (len(other_train), len(other_test))
            assert len({*train, *test}) == len(train) + len(test)
            for part in (train, test):
                found, total = counts(HOLES, [part])
                assert np.abs(found[0] - total * len(part) / 200).max() <= 4
    assert pairs[0][1].tolist() != pairs[1][1].tolist()


@pytest.mark.parametrize(
    ("settings", "grouped"),
    [
        ({"test_size": 0.25}, True),
        ({"test_size": 0.4}, False),
        ({"test_size": 1}, False),
        ({"test_size": 0.3, "train_size": 0.4}, True),
    ],
)
def test_shuffle_splits_test_and_train_all_rows_equally_often(settings, grouped):
    y = np.column_stack([CYCLE % 2, CYCLE // 2 % 2]).astype(float)
    y[np.random.default_rng(1).random((41, 2)) < 0.3] = np.nan
    groups = np.random.default_rng(2).permutation(np.arange(41) // 2) if grouped else None
    splits = list(MultiTaskShuffleSplit(120, random_state=0, **settings).split(y, y, groups))
    for part in (0, 1):
        counts = np.bincount(np.concatenate([split[part] for split in splits]), minlength=41)
        share = counts.mean() / 120
        assert np.abs(counts - counts.mean()).max() < 4.5 * np.sqrt(120 * share * (1 - share))


def test_shuffle_splits_favour_no_class():
    y = np.array(11 * [0, 1])
    shares = [y[test].mean() for _, test in MultiTaskShuffleSplit(250, test_size=0.2, random_state=0).split(y, y)]
    assert set(np.round(shares, 6)) == {0.4, 0.6}
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)


def test_a_shuffle_split_keeps_a_label_of_every_task_to_train_on():
    y = np.full((20, 3), np.nan)
    for task in range(3):
        y[[task, 19 - task], task] = [0, 1]
    for train, _ in MultiTaskShuffleSplit(40, test_size=0.5, random_state=0).split(y, y):
        assert (~np.isnan(y[train])).any(axis=0).all()


@pytest.mark.parametrize(
    ("make", "settings"), [(MultiTaskStratifiedKFold, {"shuffle": True}), (MultiTaskShuffleSplit, {})]
)
def test_the_seed_decides(make, settings):
    first = parts_of(make(3, random_state=0, **settings), HOLES)
    assert parts_of(make(3, random_state=0, **settings), HOLES) == first
    assert parts_of(make(3, random_state=1, **settings), HOLES) != first


def test_missing_marks_and_containers_give_the_same_folds():
    y = HOLES[:, :2]
    expected = parts_of(FOLDS, y)
    nones = [[None if np.isnan(cell) else int(cell) for cell in row] for row in y]
    frame = pd.DataFrame(nones, columns=["a", "b"])
    for same in (nones, frame, frame.astype("Int64"), frame.astype("Int64").astype("string"), frame.astype("category")):
        assert parts_of(FOLDS, same) == expected
    marked = np.where(np.isnan(y), -1, y).astype(int)
    assert parts_of(MultiTaskStratifiedKFold(5, missing_label=-1), marked) == expected


def test_it_is_a_scikit_learn_splitter():
    assert " ".join(repr(MultiTaskStratifiedKFold(3)).split()) == (
        "MultiTaskStratifiedKFold(missing_label=None, n_bins=5, n_splits=3, random_state=None, shuffle=False)"
    )
    assert "test_size=0.2, train_size=None" in repr(MultiTaskShuffleSplit(test_size=0.2))
    assert FOLDS.get_n_splits(HOLES, HOLES) == 5
    assert check_cv(FOLDS, HOLES, classifier=True) is FOLDS


@pytest.mark.parametrize("routed", [False, True])
@pytest.mark.parametrize("splitter", [MultiTaskStratifiedKFold(2), MultiTaskShuffleSplit(2, random_state=0)])
def test_in_a_grid_search_with_groups(splitter, routed):
    net = MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=1, max_iter=2, random_state=0)
    with sklearn.config_context(enable_metadata_routing=routed):
        if routed:
            net.set_fit_request(groups=True)
        search = GridSearchCV(net, {"loss_weights__task1": [1, 2]}, cv=splitter, error_score="raise")
        search.fit(LABELS, HOLES[:, :2], groups=GROUPS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    clone(search)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MultiTaskStratifiedKFold(1), "n_splits=2 or more, got n_splits=1"),
        (lambda: MultiTaskStratifiedKFold(2.5), "number of folds must be of Integral type. 2.5"),
        (lambda: MultiTaskStratifiedKFold(n_bins=1), "n_bins must be an integer of at least 2"),
        (lambda: MultiTaskStratifiedKFold(random_state=0), r"has no effect.*leave random_state.*or set shuffle=True"),
        (lambda: MultiTaskShuffleSplit(0), "n_splits must be an integer of at least 1"),
        (lambda: parts_of(MultiTaskShuffleSplit(test_size=2.0), HOLES), "test_size"),
        (lambda: list(FOLDS.split(HOLES)), "y is None.*Pass y"),
        (lambda: parts_of(FOLDS, HOLES[:4, :1]), "n_splits=5 greater than the number of samples: n_samples=4"),
        (lambda: parts_of(FOLDS, HOLES, np.arange(200) % 3), "groups has 3 distinct values.*Ask for fewer parts"),
        (
            lambda: parts_of(FOLDS, pd.DataFrame({"a": LABELS[:, 0], "price": [1.0] + [np.nan] * 199})),
            r"too few in task 'price' \(1\).*Remove the column",
        ),
        (
            lambda: parts_of(FOLDS, np.where(GROUPS[:, None] == 1, HOLES, np.nan), GROUPS),
            r"Split \d leaves no label of task 'task\d' to train on.*random_state",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("test_size", [0.1, 0.9])
def test_groups_larger_than_a_part_leave_none_empty(test_size):
    rng = np.random.default_rng(0)
    groups = rng.choice(3, 200, p=[0.5, 0.3, 0.2])
    y = np.c_[rng.integers(0, 2, 200), rng.integers(0, 3, 200)]
    for train, test in MultiTaskShuffleSplit(30, test_size=test_size, random_state=0).split(y, y, groups):
        assert len(train)
        assert len(test)
        assert not set(groups[train]) & set(groups[test])


def test_groups_larger_than_a_part_are_tested_equally_often():
    groups, y = np.repeat([0, 1, 2], [100, 60, 40]), np.zeros(200)
    splits = MultiTaskShuffleSplit(600, test_size=0.1, random_state=0).split(y, y, groups)
    counts = sum(np.bincount(np.unique(groups[test]), minlength=3) for _, test in splits)
    assert counts.sum() == 600
    assert (np.abs(counts - 200) < 5 * np.sqrt(600 * 2 / 9)).all()
