"""History, scores, weights of rows, cells and classes, rows to judge by."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score

from skmtl import metrics
from skmtl.encoders import TabularEncoder
from skmtl.inputs import held_out_rows, row_hashes
from tests._asserts import assert_same_predictions

N = 40
CYCLE = np.arange(N)


# history, epochs, scores ----------------------------------------------------------------------------------------------


def test_history_is_by_epoch_member_and_task(case):
    model = case.fit(cv=4, loss_weights=[3, 1], n_estimators=3)
    assert set(model.history_) == {"loss", "validation_loss", "weight"}
    for values in model.history_.values():
        assert values.shape == (model.n_iter_, 3, 2) == (5, 3, 2)
        assert np.isfinite(values).all()
    assert_allclose(model.history_["weight"], np.broadcast_to([0.75, 0.25], (5, 3, 2)))
    assert np.isnan(case.fit(early_stopping=False).history_["validation_loss"]).all()


def test_n_iter_is_the_largest_over_members(case):
    model = case.fit(
        cv=2, learning_rate="constant", learning_rate_init=0.05, n_estimators=4,
        max_iter=200, n_iter_no_change=3,
    )  # fmt: skip
    epochs = np.isfinite(model.history_["loss"][:, :, 0]).sum(axis=0)
    assert model.n_iter_ == epochs.max() < 200
    assert len(set(epochs)) > 1


def test_tiny_data_hold_nothing_out(case):
    model = case.make(early_stopping=True).fit(case.X[:5], case.y[:5])
    assert np.isnan(model.history_["validation_loss"]).all()
    for rows, held_out in ((7, False), (8, True)):
        model = case.make(early_stopping="auto").fit(case.X[:rows], case.y[:rows])
        assert np.isfinite(model.history_["validation_loss"]).any() == held_out


def test_equal_rows_are_held_out_together():
    rows = np.repeat(np.random.default_rng(0).normal(size=(10, 3)), 4, axis=0)
    hashes = row_hashes(rows, seed=3)
    fold = held_out_rows(hashes, 5, 5).argmax(axis=0)
    assert (fold.reshape(10, 4) == fold[::4, None]).all()
    assert_array_equal(np.bincount(fold[::4]), [2] * 5)
    shuffled = np.random.default_rng(1).permutation(40)
    of_shuffled = held_out_rows(row_hashes(rows[shuffled], seed=3), 5, 5)
    assert_array_equal(of_shuffled.argmax(axis=0), fold[shuffled])
    assert_array_equal(held_out_rows(hashes, 7, 5).sum(axis=0), np.where(fold < 2, 2, 1))


def test_scores_are_masked_and_skip_tasks_without_a_label(case):
    model = case.fit()
    X, y, predicted = case.X, case.holes, case.fit().predict(case.X)
    seen = ~np.isnan(y)
    scores = model.score_tasks(X, y)
    for k, task in enumerate(model.tasks_):
        truth, guess = y[seen[:, k], k], predicted[seen[:, k], k]
        expected = (truth == guess).mean() if task.kind.is_classifier else r2_score(truth, guess)
        assert scores[task.name] == pytest.approx(expected)
    assert model.score(X, y) == pytest.approx(np.mean(list(scores.values())))
    y[:, 1] = np.nan
    assert model.score_tasks(X, y) == pytest.approx({"task0": scores["task0"], "task1": np.nan}, nan_ok=True)
    assert model.score(X, y) == scores["task0"]
    with pytest.raises(ValueError, match="No label"):
        model.score(X, np.full_like(y, np.nan))
    with pytest.raises(ValueError, match="y has 1 tasks; the estimator was fitted to 2"):
        model.score(X, y[:, 0])


def test_scores_are_those_of_the_metrics_whatever_cells_are_observed(regressor):
    model, weights = regressor.fit(), np.random.default_rng(2).uniform(size=(N, 2))
    for n_cells in (0, 1, 2, N):
        y = regressor.y.copy()
        y[n_cells:, 1] = np.nan
        by_task = metrics.r2(y, model.predict(regressor.X), sample_weight=weights, average=None)
        assert list(model.score_tasks(regressor.X, y, weights).values()) == pytest.approx(by_task, nan_ok=True)
        assert np.isnan(by_task[1]) == (n_cells < 2)
        assert model.score(regressor.X, y, weights) == pytest.approx(np.nanmean(by_task))
    one_cell = np.where(np.arange(2 * N).reshape(N, 2) == 3, regressor.y, np.nan)
    with pytest.raises(ValueError, match=r"not defined for any task.*Score more rows"):
        model.score(regressor.X, one_cell)
    with pytest.raises(ValueError, match=r"not defined for any task.*Score more rows"):
        metrics.r2(one_cell, model.predict(regressor.X))


def test_scores_are_weighted(case):
    model, weights = case.fit(), np.random.default_rng(2).uniform(size=(N, 2))
    for given in (weights[:, 0], weights):
        by_cell = np.broadcast_to(given.reshape(N, -1), (N, 2))
        for k, (name, score) in enumerate(model.score_tasks(case.X, case.y, given).items()):
            y = np.full_like(case.y, np.nan)
            y[:, k] = case.y[:, k]
            assert model.score_tasks(case.X, y, by_cell[:, k])[name] == pytest.approx(score)
    dropped = np.where(CYCLE < 10, 0, 1)
    assert model.score(case.X, case.y, dropped) == pytest.approx(model.score(case.X[10:], case.y[10:]))


# weights --------------------------------------------------------------------------------------------------------------


def test_sample_weights_are_by_row_or_by_cell(case):
    rows = np.random.default_rng(2).uniform(size=N)
    reference = case.make().fit(case.X, case.holes, rows)
    cells = np.column_stack([rows, rows])
    for weights in (rows.tolist(), pd.Series(rows), cells, pd.DataFrame(cells), np.asfortranarray(cells)):
        assert_same_predictions(reference, case.make().fit(case.X, case.holes, sample_weight=weights), case.X)
    cells[:, 1] = 1 - rows
    other = case.make().fit(case.X, case.holes, sample_weight=cells)
    assert np.abs(other.history_["loss"] - reference.history_["loss"]).max() > 1e-3


def test_the_encoder_sees_the_largest_weight_of_a_row(regressor):
    weights = np.random.default_rng(2).uniform(size=(N, 2))
    y = regressor.holes
    model = regressor.make().fit(regressor.X, y, sample_weight=weights)
    largest = np.where(np.isnan(y), 0, weights).max(axis=1)
    encoder = TabularEncoder().fit(regressor.X[largest > 0], largest[largest > 0])
    assert_array_equal(model.encoder_.center_, encoder.center_)


# Sparse rows below: what is learned of their columns does not depend on the weights.


def test_class_weights_multiply_the_weights_of_cells(classifier):
    X, y = sp.csr_array(classifier.X), classifier.holes
    factors = np.where(y == 1, 5.0, 1.0)
    reference = classifier.make().fit(X, y, sample_weight=factors)
    ones = classifier.make(class_weight={"task0": {1: 5}, "task1": {0: 1, 1: 5}}).fit(X, y)
    assert_allclose(ones.history_["loss"], reference.history_["loss"], rtol=1e-12)
    flat = classifier.make(class_weight={1: 5}).fit(X, y[:, 0])
    assert_allclose(
        flat.history_["loss"], classifier.make().fit(X, y[:, 0], factors[:, 0]).history_["loss"], rtol=1e-12
    )
    weighted = np.random.default_rng(2).uniform(size=N)
    together = classifier.make(class_weight={"task0": {1: 5}}).fit(X, y, weighted)
    by_hand = classifier.make().fit(X, y, weighted[:, None] * np.column_stack([factors[:, 0], np.ones(N)]))
    assert_allclose(together.history_["loss"], by_hand.history_["loss"], rtol=1e-12)


def test_balanced_classes_weigh_the_same(classifier):
    X, y = sp.csr_array(classifier.X), classifier.holes
    factors = np.ones_like(y)
    for k in (0, 1):
        for label in np.unique(y[~np.isnan(y[:, k]), k]):
            factors[y[:, k] == label, k] = 1 / (y[:, k] == label).sum()
    by_hand = classifier.make().fit(X, y, factors).history_["loss"]
    assert_allclose(classifier.make(class_weight="balanced").fit(X, y).history_["loss"], by_hand, rtol=1e-9)
    one = classifier.make(class_weight={"task1": "balanced"}).fit(X, y).history_["loss"]
    assert_allclose(one[0, :, 1], by_hand[0, :, 1], rtol=1e-9)
    assert np.abs(one[0, :, 0] - by_hand[0, :, 0]).max() > 1e-6
    flat = classifier.make(class_weight="balanced").fit(X, y[:, 0]).history_["loss"]
    assert_allclose(flat, classifier.make().fit(X, y[:, 0], factors[:, 0]).history_["loss"], rtol=1e-9)


def test_class_weights_count_in_the_validation_loss(classifier):
    X, y = sp.csr_array(classifier.X), classifier.y
    factors = np.column_stack([np.where(y[:, 0] == 1, 5.0, 1.0), np.ones(N)])
    weighted = classifier.make(class_weight={"task0": {1: 5}}).fit(X, y, X_val=X[:20], y_val=y[:20])
    by_hand = classifier.make().fit(X, y, factors, X_val=X[:20], y_val=y[:20], sample_weight_val=factors[:20])
    assert_allclose(weighted.history_["validation_loss"], by_hand.history_["validation_loss"], rtol=1e-9)


# own validation rows --------------------------------------------------------------------------------------------------


def test_validation_rows_choose_the_epoch(regressor):
    X, y = regressor.X[:20], regressor.y[:20]
    settings = {"n_estimators": 1, "learning_rate": "constant", "learning_rate_init": 0.05, "n_iter_no_change": 200}
    model = regressor.make(**settings, max_iter=200).fit(X, y, X_val=regressor.X[20:], y_val=regressor.y[20:])
    best = int(model.history_["validation_loss"].mean(axis=(1, 2)).argmin())
    assert best < 199
    assert_same_predictions(
        model, regressor.make(**settings, max_iter=best + 1, early_stopping=False).fit(X, y), regressor.X
    )
    errors = ((model.predict(regressor.X[20:]) - regressor.y[20:]) ** 2).mean(axis=0) / y.var(axis=0)
    assert_allclose(model.history_["validation_loss"][best, 0], errors)


def test_validation_rows_replace_held_out_ones(case):
    model = case.make(early_stopping=True).fit(case.X, case.y, X_val=case.X[:7], y_val=case.holes[:7])
    assert_array_equal(model.history_["loss"], case.fit(early_stopping=False).history_["loss"])
    assert np.isfinite(model.history_["validation_loss"]).all()
    weights = np.where(CYCLE[:7] < 3, 0, 1)
    fewer = case.make().fit(case.X, case.y, X_val=case.X[3:7], y_val=case.holes[3:7])
    weighted = case.make().fit(case.X, case.y, X_val=case.X[:7], y_val=case.holes[:7], sample_weight_val=weights)
    assert_allclose(weighted.history_["validation_loss"], fewer.history_["validation_loss"], rtol=1e-12)
