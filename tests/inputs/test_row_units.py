"""Which rows are held out together: copies, and rows of the same features with labels of other tasks."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skmtl import MultiTaskNetRegressor
from skmtl.inputs import label_hashes, read_labels, row_hashes, row_units

NAN = np.nan


def units_of(features, y):
    X = np.array(features, dtype=float)[:, None]
    stored = isinstance(y, csr_array)
    labels = read_labels(y, "unstored") if stored else read_labels(np.array(y, dtype=float), None)
    hashes = row_hashes(X, 0)
    return row_units(hashes, hashes + label_hashes(labels, 1), labels)


def same(units):
    """Which pairs are held out together."""
    return (units[:, None] == units).tolist()


@pytest.mark.parametrize("stored", [False, True])
def test_rows_written_down_task_by_task_are_one(stored):
    y = np.array([[1.0, NAN], [NAN, 2.0], [3.0, NAN], [NAN, 4.0], [5.0, 4.0]])
    if stored:
        rows, tasks = np.nonzero(~np.isnan(y))
        y = csr_array((y[rows, tasks], (rows, tasks)), shape=y.shape)
    units = units_of([7, 7, 8, 9, 9], y)
    assert same(units) == same(np.array([0, 0, 1, 2, 2]))


def test_rows_that_differ_in_a_label_are_apart():
    units = units_of([7, 7, 7, 8, 8], [[1, NAN], [2, NAN], [NAN, 3], [1, 2], [NAN, 3]])
    assert same(units) == same(np.arange(5))


def test_copies_are_one_and_change_nothing():
    once = units_of([7, 7, 8], [[1, NAN], [NAN, 2], [1, 1]])
    twice = units_of([7, 7, 7, 8, 8], [[1, NAN], [1, NAN], [NAN, 2], [1, 1], [1, 1]])
    np.testing.assert_array_equal(twice, once[[0, 0, 1, 2, 2]])


def test_rows_without_labels_change_nothing():
    alone = units_of([7, 8, 8], [[1, NAN], [NAN, 2], [2, NAN]])
    beside = units_of([7, 7, 8, 8, 8], [[1, NAN], [NAN, NAN], [NAN, 2], [2, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(beside[[0, 2, 3]], alone)


def test_members_hold_out_all_labels_of_a_row():
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.where(np.tile(np.eye(3), (60, 1)) > 0, 1.0, NAN)
    net = MultiTaskNetRegressor(hidden_layer_sizes=(2,), max_iter=1, n_estimators=2, cv=4, random_state=0)
    held_out = ~np.isnan(net.fit(np.repeat(X, 3, axis=0), y).oof_prediction_).any(axis=1).reshape(60, 3)
    assert 0 < held_out[:, 0].sum() < 60
    assert (held_out == held_out[:, :1]).all()


def test_too_few_rows_apart_are_told():
    X, y = np.repeat(np.eye(5), 2, axis=0), np.where(np.tile(np.eye(2), (5, 1)) > 0, 1.0, NAN)
    y[0] *= 2  # labels of more than one value
    net = MultiTaskNetRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0)
    assert not net.fit(X, y).auto_params_["early_stopping"].value
    with pytest.raises(ValueError, match="cv=6 asks for 6 folds, and there are 5 distinct rows"):
        net.set_params(cv=6).fit(X, y)
