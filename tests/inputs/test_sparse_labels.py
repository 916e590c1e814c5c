"""Sparse label matrices, whose stored cells are labels."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor, labels_from_long
from skmtl.metrics import accuracy
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
KNOWN = RNG.random((60, 3)) < 0.6
KNOWN[7] = False
LABELS = {"classes": RNG.integers(0, 2, (60, 3)), "numbers": np.round(RNG.normal(size=(60, 3)))}
ROWS, COLUMNS = np.nonzero(KNOWN)
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 2, "max_iter": 3, "random_state": 0}
NETS = {"classes": MultiTaskNetClassifier(**SMALL), "numbers": MultiTaskNetRegressor(**SMALL)}


def dense(kind):
    return np.where(KNOWN, LABELS[kind], np.nan)


def stored(kind, form="csr"):
    y = sp.coo_array((LABELS[kind][KNOWN].astype(float), (ROWS, COLUMNS)), shape=KNOWN.shape)
    assert (y.data == 0).any()
    return y.asformat(form)


@pytest.mark.parametrize(("kind", "form"), [("classes", "csr"), ("classes", "coo"), ("numbers", "csc")])
def test_stored_cells_are_labels_and_others_are_missing(kind, form):
    y, net = stored(kind, form), NETS[kind]
    sparse = type(net)(**SMALL, missing_label="unstored").fit(X, y)
    full = type(net)(**SMALL).fit(X, dense(kind))
    np.testing.assert_array_equal(sparse.predict(X), full.predict(X))
    for name, values in full.history_.items():
        np.testing.assert_array_equal(sparse.history_[name], values)
    assert sparse.score(X, y) == full.score(X, dense(kind))
    assert sparse.score_tasks(X, y) == full.score_tasks(X, dense(kind))
    assert y.nnz == KNOWN.sum()  # left as it was


def test_folds_and_searches_and_metrics_take_stored_labels():
    y = stored("classes")
    folds = [
        list(MultiTaskKFold(2, missing_label="unstored").split(X, y)),
        list(MultiTaskKFold(2).split(X, dense("classes"))),
    ]
    for (train, test), (own_train, own_test) in zip(*folds, strict=True):
        np.testing.assert_array_equal(train, own_train)
        np.testing.assert_array_equal(test, own_test)
    net, grid = MultiTaskNetClassifier(**SMALL, missing_label="unstored"), {"weight_decay": [0.1]}
    found = MultiTaskSearchCV(net, grid, cv=2).fit(X, y).cv_results_["mean_test_score"]
    full = MultiTaskSearchCV(NETS["classes"], grid, cv=2).fit(X, dense("classes")).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, full)
    grid_search = GridSearchCV(net, grid, cv=MultiTaskKFold(2, missing_label="unstored"), refit=False).fit(X, y)
    np.testing.assert_allclose(grid_search.cv_results_["mean_test_score"], full, rtol=0, atol=1e-12)
    predicted = LABELS["classes"][::-1]
    assert accuracy(y, predicted, missing_label="unstored") == accuracy(dense("classes"), predicted)


def test_stored_values_may_be_missing_too():
    y = stored("numbers")
    y.data[:5] = np.nan
    y.data[5:9] = -99
    y_dense = y.toarray()
    y_dense[~KNOWN | (y_dense == -99)] = np.nan
    sparse = MultiTaskNetRegressor(**SMALL, missing_label=["unstored", -99]).fit(X, y)
    np.testing.assert_array_equal(sparse.predict(X), MultiTaskNetRegressor(**SMALL).fit(X, y_dense).predict(X))


def test_what_a_sparse_y_does_not_say_is_refused():
    y = stored("classes", "coo")
    with pytest.raises(TypeError, match=re.escape("pass y.toarray() where it is a zero; set missing_label='unstored'")):
        NETS["classes"].fit(X, y)
    twice = sp.coo_array((np.append(y.data, 1.0), (np.append(ROWS, ROWS[0]), np.append(COLUMNS, COLUMNS[0]))), y.shape)
    unstored = MultiTaskNetClassifier(**SMALL, missing_label="unstored")
    with pytest.raises(ValueError, match="y stores 1 cells twice"):
        unstored.fit(X, twice)
    with pytest.raises(TypeError, match="format 'bsr', which may store zeros"):
        unstored.fit(X, y.asformat("bsr"))


def test_a_list_of_labels_makes_the_matrix():
    names = np.array(["c", "a", "b"])
    order = RNG.permutation(len(ROWS))
    rows, columns = ROWS[order], COLUMNS[order]
    y, found = labels_from_long(rows, names[columns], LABELS["classes"][rows, columns], n_samples=62)
    assert found.tolist() == ["a", "b", "c"]
    assert y.shape == (62, 3)
    expected = stored("classes")[:, [1, 2, 0]]
    expected.sort_indices()
    for ours, theirs in zip(
        (y.indptr[:61], y.indices, y.data), (expected.indptr, expected.indices, expected.data), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("row", "task", "value", "message"),
    [
        ([0, 1, 0], ["a", "a", "a"], [1, 0, 1], "row 0 has 2 labels of task 'a'"),
        ([0, 5], ["a", "b"], [1, 0], "row must be from 0 to 3, as X has 4 rows; got 5"),
        ([0, -1], ["a", "b"], [1, 0], "got -1"),
        ([0], ["a", "b"], [1, 0], "of one length"),
        ([0.0, 1.0], ["a", "b"], [1, 0], "row must be integers"),
        ([0, 1], ["a", "b"], ["x", "y"], "value numbers or booleans"),
    ],
)
def test_wrong_lists_of_labels_are_refused(row, task, value, message):
    with pytest.raises(ValueError, match=message):
        labels_from_long(row, task, value, n_samples=4)


@pytest.mark.parametrize(
    ("task", "value", "message"),
    [
        (["a", None], [1, 2], "task must be names of one type, such as str; got NoneType, str"),
        (["a", "b"], [1, np.nan], "value must not be missing"),
        (["a", "b"], [1, None], "value must not be missing"),
    ],
)
def test_lists_with_holes_are_refused(task, value, message):
    with pytest.raises(ValueError, match=message):
        labels_from_long([0, 1], task, value)
