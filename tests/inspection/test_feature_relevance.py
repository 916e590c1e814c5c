"""Relevances are those of what the predictions are made of, and agree with permutation importances."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.inspection import feature_relevance

SETTINGS = {
    "hidden_layer_sizes": (24,),
    "n_estimators": 1,
    "learning_rate_init": 0.03,
    "effort": "fixed",
    "random_state": 0,
}


def numbers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6)) * [1, 100, 1, 1, 1, 1]
    y = np.column_stack([X[:, 0] * 3 + X[:, 1] / 50 + 0.5 * X[:, 2], X[:, 3] * X[:, 4] + 0.5 * X[:, 2] ** 2])
    return MultiTaskNetRegressor(**SETTINGS), X, y


def classes():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 6))
    score = np.column_stack([3 * X[:, 0] + X[:, 1], 2 * X[:, 2] - X[:, 3]])
    three = np.digitize(X[:, 4] + 0.3 * X[:, 5], [-0.5, 0.5])
    return MultiTaskNetClassifier(**SETTINGS), X, np.column_stack([score > 0, three]).astype(int)


def mixed():
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    X["city"] = pd.Categorical(np.array(["Oslo", "Rome", "Lima"])[rng.integers(0, 3, 300)])
    X.loc[::5, "b"] = np.nan
    lift = X["city"].map({"Oslo": 0.0, "Rome": 2.0, "Lima": -2.0}).astype(float)
    y = pd.DataFrame({"sold": (X["a"] + lift > 0).astype(int), "price": 2 * X["c"] + X["b"].fillna(1) + 0.5 * lift})
    return MultiTaskNet(tasks=["binary", "regression"], **SETTINGS), X, y


@pytest.fixture(scope="module")
def of_numbers():
    net, X, y = numbers()
    return net.fit(X, y), X, y


@pytest.mark.parametrize("make", [numbers, classes, mixed])
def test_columns_that_matter_are_those_by_permutation_importance(make):
    net, X, y = make()
    net.fit(X, y)
    relevance = feature_relevance(net, X)
    columns = y.T if isinstance(y, np.ndarray) else [y[name] for name in y]
    for task, labels in enumerate(columns):
        view = net.task_view(task)
        scoring = "neg_log_loss" if hasattr(view, "classes_") else "neg_mean_squared_error"
        expected = permutation_importance(view, X, labels, scoring=scoring, n_repeats=3, random_state=0)
        found, matters = relevance.matrix[:, task], expected.importances_mean > 0.1 * expected.importances_mean.max()
        assert 0 < matters.sum() < len(found)
        assert found[matters].min() > 3 * found[~matters].max()


def test_relevances_of_a_linear_net_are_parts_of_its_variance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3)) * [1, 2, 3]
    y = np.column_stack([X[:, 0] + X[:, 1], X[:, 2], 0 * X[:, 0]])
    net = MultiTaskNetRegressor(hidden_layer_sizes=(), n_estimators=2, max_iter=5, local_correction=False)
    net.fit(X, y)
    relevance = feature_relevance(net, X, max_rows=2000)
    assert_array_equal(relevance.matrix[:, 2], 0)
    for task in (0, 1):
        predicted = net.predict(X)[:, task]
        slopes = np.linalg.lstsq(np.column_stack([X, np.ones(2000)]), predicted, rcond=None)[0][:3]
        parts = slopes**2 * X.var(axis=0) / predicted.var()
        assert np.corrcoef(X @ slopes, predicted)[0, 1] > 0.99
        assert_allclose(relevance.matrix[:, task], parts, atol=0.06)


def test_relevances_are_those_of_numbers_in_their_units():
    _, X, _ = numbers()
    y = np.exp(np.column_stack([X[:, 0] + X[:, 2], X[:, 3] * X[:, 4]]))
    net = MultiTaskNetRegressor(target_transform={"task0": "log1p"}, **SETTINGS | {"max_iter": 20}).fit(X, y)
    order = np.random.RandomState(0).permutation(300)
    before, changed = X[order], X[order]
    changed[:, 2] = np.roll(changed[:, 2], 1)
    predicted, other = net.predict(before), net.predict(changed)
    expected = ((predicted - other) ** 2).mean(axis=0) / 2 / predicted.var(axis=0)
    assert_allclose(feature_relevance(net, X).matrix[2], expected, rtol=1e-4)


def test_columns_of_a_pipeline_are_those_before_its_steps(of_numbers):
    _, X, y = of_numbers
    twice = FunctionTransformer(lambda x: x[:, [2, 1, 0, 0]])
    pipeline = make_pipeline(StandardScaler(), twice, MultiTaskNetRegressor(**SETTINGS)).fit(X, y)
    relevance = feature_relevance(pipeline, X)
    assert relevance.feature_names == [f"x{k}" for k in range(6)]
    assert_array_equal(relevance.matrix[3:], 0)
    assert relevance.matrix[:3].max(axis=1).min() > 0


def test_rows_come_in_any_container(of_numbers):
    net, X, _ = of_numbers
    X = X[:50]
    expected = feature_relevance(net, X).matrix
    assert_array_equal(feature_relevance(net, X.tolist()).matrix, expected)
    assert_array_equal(feature_relevance(net, torch.tensor(X)).matrix, expected)
    assert_array_equal(feature_relevance(net, sparse.csr_array(X)).matrix, expected)
    kept = X.copy()
    feature_relevance(net, X)
    assert_array_equal(X, kept)
    net, X, y = mixed()
    net.fit(X, y)
    relevance = feature_relevance(net, X, max_rows=40)
    assert relevance.feature_names == list(X.columns)
    assert_array_equal(feature_relevance(net, X.set_axis(range(300, 0, -1)), max_rows=40).matrix, relevance.matrix)
    assert_allclose(feature_relevance(net, pl.from_pandas(X), max_rows=40).matrix, relevance.matrix, rtol=1e-4)
    assert not np.array_equal(feature_relevance(net, X, max_rows=40, random_state=1).matrix, relevance.matrix)


def test_relevances_as_frame_and_picture(of_numbers):
    net, X, _ = of_numbers
    relevance = feature_relevance(net, X)
    frame = relevance.frame()
    assert frame.loc["x3", "task1"] == relevance.matrix[3, 1]
    display = relevance.plot(max_features=2)
    top = sorted(np.argsort(-relevance.matrix.max(axis=1))[:2])
    assert display.feature_names == [f"x{k}" for k in top]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == display.feature_names
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["task0", "task1"]
    assert_array_equal(display.im_.get_array(), relevance.matrix[top])
    assert display.text_[0, 1].get_text() == f"{relevance.matrix[top[0], 1]:.2f}"
    plt.close("all")


def test_bad_rows_are_named(of_numbers):
    net, X, _ = of_numbers
    with pytest.raises(ValueError, match="X has 1"):
        feature_relevance(net, X[:1])
    with pytest.raises(ValueError, match="table of rows and columns"):
        feature_relevance(net, X[:, 0])
    with pytest.raises(ValueError, match="max_rows must be"):
        feature_relevance(net, X, max_rows=1)
