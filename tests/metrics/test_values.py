"""Each metric against scikit-learn's on the cells that are observed, and against its closed form."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.metrics as sk
from numpy.testing import assert_allclose

from skmtl import metrics

NUMBERS = {
    "r2": sk.r2_score,
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "poisson_deviance": sk.mean_poisson_deviance,
    "pinball_loss": sk.mean_pinball_loss,
}
LABELS = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "f1": lambda y, p, sample_weight: sk.f1_score(
        y, p, average="binary" if y.max() == 1 else "macro", sample_weight=sample_weight
    ),
}
SCORES = {
    "roc_auc": lambda y, p, sample_weight: sk.roc_auc_score(
        y, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr", sample_weight=sample_weight
    ),
    "average_precision": lambda y, p, sample_weight: sk.average_precision_score(
        y, p[:, 1] if p.shape[1] == 2 else p, sample_weight=sample_weight
    ),
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
}


def by_task(reference, y, predicted, weights=None):
    columns = predicted if isinstance(predicted, list) else predicted.T
    scores = []
    for k, column in enumerate(columns):
        seen = ~np.isnan(y[:, k])
        given = None if weights is None else weights[seen, k]
        scores.append(reference(y[seen, k], column[seen], sample_weight=given))
    return np.array(scores)


def check(name, reference, y, predicted, weights):
    metric = getattr(metrics, name)
    expected = by_task(reference, y, predicted)
    assert_allclose(metric(y, predicted, average=None), expected, rtol=1e-12)
    assert_allclose(metric(y, predicted), expected.mean(), rtol=1e-12)
    weighted = metric(y, predicted, average=None, sample_weight=weights)
    assert_allclose(weighted, by_task(reference, y, predicted, weights), rtol=1e-12)
    rows = np.repeat(weights[:, :1], 3, axis=1)
    by_row = metric(y, predicted, average=None, sample_weight=rows[:, 0])
    assert_allclose(by_row, metric(y, predicted, average=None, sample_weight=rows), rtol=1e-12)


@pytest.mark.parametrize("name", NUMBERS)
def test_metrics_of_numbers(name, numbers):
    check(name, NUMBERS[name], *numbers)


@pytest.mark.parametrize("name", LABELS)
def test_metrics_of_labels(name, labels):
    check(name, LABELS[name], *labels)


@pytest.mark.parametrize("name", SCORES)
def test_metrics_of_scores(name, labels, probabilities):
    check(name, SCORES[name], labels[0], probabilities, labels[2])


@pytest.mark.parametrize("name", ["accuracy", "f1", "rmse", "r2"])
def test_zero_weight_is_a_missing_label_and_weight_two_a_second_row(name, labels):
    y, predicted, _ = labels
    metric = getattr(metrics, name)
    dropped = np.where(np.arange(60)[:, None] % [2, 3, 4] == 0, 0.0, 1.0)
    masked = np.where(dropped == 0, np.nan, y)
    assert_allclose(
        metric(y, predicted, sample_weight=dropped, average=None), metric(masked, predicted, average=None), rtol=1e-12
    )
    doubled = metric(np.vstack([y, y[:20]]), np.vstack([predicted, predicted[:20]]), average=None)
    twice = np.where(np.arange(60) < 20, 2.0, 1.0)
    assert_allclose(metric(y, predicted, average=None, sample_weight=twice), doubled, rtol=1e-12)


def test_missing_marks_and_containers_are_one(labels):
    y, predicted, _ = labels
    expected = metrics.accuracy(y, predicted, average=None)
    nones = [[None if np.isnan(cell) else int(cell) for cell in row] for row in y]
    frame = pd.DataFrame(nones, columns=["a", "b", "c"], dtype="Int64")
    words = frame.astype("string")
    predicted_words = pd.DataFrame(predicted.astype(int).astype(str))
    for truth, guess in (
        (nones, predicted),
        (frame, predicted),
        (frame, pd.DataFrame(predicted, columns=frame.columns)),
        (pl.DataFrame(nones, orient="row", schema=["a", "b", "c"]), predicted),
        (words, predicted_words),
        (words, predicted_words.to_numpy(dtype=object)),
    ):
        assert_allclose(metrics.accuracy(truth, guess, average=None), expected)
    marked = np.where(np.isnan(y), -1, y).astype(int)
    assert_allclose(metrics.accuracy(marked, predicted, average=None, missing_label=-1), expected)
    assert metrics.accuracy(frame, predicted, average="b") == expected[1]
    assert metrics.accuracy(y, predicted, average="b", task_names=["a", "b", "c"]) == expected[1]


def test_one_dimension_is_one_task(labels, probabilities):
    y, predicted, weights = labels
    assert metrics.f1(y[:, 1], predicted[:, 1], sample_weight=weights[:, 1]) == metrics.f1(
        y[:, [1]], predicted[:, [1]], sample_weight=weights[:, [1]]
    )
    expected = metrics.log_loss(y, probabilities, average="task0")
    for scores in (probabilities[0], [probabilities[0]], probabilities[0].tolist(), probabilities[0][:, 1]):
        assert_allclose(metrics.log_loss(y[:, 0], scores), expected, rtol=1e-12)


def test_an_array_holds_the_scores_of_second_classes(rng):
    y = np.where(rng.random((50, 3)) < 0.2, np.nan, rng.integers(0, 2, (50, 3)))
    scores = rng.random((50, 3))
    both = [np.column_stack([1 - s, s]) for s in scores.T]
    for metric in (metrics.roc_auc, metrics.average_precision, metrics.brier, metrics.log_loss):
        assert_allclose(metric(y, scores, average=None), metric(y, both, average=None))


def test_ranks_of_second_classes_need_no_probabilities(rng):
    y, scores = rng.integers(0, 2, 50), rng.normal(scale=1e-20, size=50)
    assert metrics.roc_auc(y, scores) == pytest.approx(sk.roc_auc_score(y, scores), rel=1e-12)


def test_averages(labels):
    y, predicted, _ = labels
    scores = metrics.accuracy(y, predicted, average=None)
    counts = (~np.isnan(y)).sum(axis=0)
    assert metrics.accuracy(y, predicted, average="worst") == scores.min()
    assert metrics.rmse(y, predicted, average="worst") == metrics.rmse(y, predicted, average=None).max()
    assert_allclose(metrics.accuracy(y, predicted, average="weighted"), np.average(scores, weights=counts))
    for task_weights in ([1, 0, 3], {"task1": 0, "task2": 3}):
        weighted = metrics.accuracy(y, predicted, average="weighted", task_weights=task_weights)
        assert_allclose(weighted, np.average(scores, weights=[1, 0, 3]))


def test_undefined_tasks_are_left_out(labels, probabilities):
    y = labels[0].copy()
    y[:, 1] = np.nan
    y[y[:, 2] > 0, 2] = np.nan
    scores = metrics.roc_auc(y, probabilities, average=None, classes=[[0, 1], [0, 1, 2], [0, 1, 2, 3]])
    assert np.isnan(scores).tolist() == [False, True, True]
    assert metrics.roc_auc(y, probabilities) == scores[0]
    assert metrics.roc_auc(y, [probabilities[0], None, None]) == scores[0]
    assert np.isnan(metrics.accuracy(y, labels[1], average=None)).tolist() == [False, True, False]
    for average in (None, "macro", "worst"):
        with pytest.raises(ValueError, match=r"not defined for any task.*Score more rows"):
            metrics.roc_auc(np.where(y == 1, np.nan, y), probabilities, average=average)
    with pytest.raises(ValueError, match="score of task 'task2' is not defined"):
        metrics.roc_auc(y, probabilities, average="task2")


def test_r2_needs_two_cells():
    y = np.array([[1.0, 1.0], [np.nan, 2.0], [np.nan, 4.0]])
    assert np.isnan(metrics.r2(y, np.ones((3, 2)), average=None)).tolist() == [True, False]


def test_f1_of_a_class_that_is_absent_and_not_predicted_is_undefined():
    y, predicted = np.zeros((4, 2)), np.zeros((4, 2))
    y[0, 1] = 1
    scores = metrics.f1(y, predicted, average=None, classes=[[0, 1], [0, 1]])
    assert np.isnan(scores[0])
    assert scores[1] == 0


def test_balanced_accuracy_takes_predictions_of_unobserved_classes():
    assert metrics.balanced_accuracy([0, 0, 1, 1], [0, 2, 1, 1]) == 0.75
    assert metrics.balanced_accuracy([1, 1, 1], [1, 5, -3]) == pytest.approx(1 / 3)


def test_a_class_that_the_estimator_has_not_seen_has_probability_zero():
    y = np.array([0, 1, 2, 2])
    known = np.array([[0.75, 0.25], [0.5, 0.5], [0.5, 0.5], [0.25, 0.75]])
    padded = np.column_stack([known, np.zeros(4)])
    for metric in (metrics.brier, metrics.log_loss, metrics.roc_auc):
        assert metric(y, known, classes=[0, 1]) == metric(y, padded, classes=[0, 1, 2])
    assert metrics.brier(y, known, classes=[0, 1]) == pytest.approx(np.mean([0.125, 0.5, 1.5, 1.625]))


def test_arrmse(numbers):
    y, predicted, weights = numbers
    train = np.where(np.arange(30)[:, None] % 3 == 0, np.nan, np.arange(30)[:, None] + [0.0, 5.0, 9.0])
    expected = []
    for k in range(3):
        seen = ~np.isnan(y[:, k])
        truth, guess, w = y[seen, k], predicted[seen, k], weights[seen, k]
        expected.append(np.sqrt((w * (truth - guess) ** 2).sum() / (w * (truth - np.nanmean(train[:, k])) ** 2).sum()))
    found = metrics.arrmse(y, predicted, sample_weight=weights, y_train=train, average=None)
    assert_allclose(found, expected, rtol=1e-12)
    assert_allclose(metrics.arrmse(y, predicted, sample_weight=weights, y_train=train), np.mean(expected))
    own = metrics.arrmse(y, predicted, average=None)
    assert_allclose(own, np.sqrt(1 - metrics.r2(y, predicted, average=None)), rtol=1e-12)
    means = np.broadcast_to(np.nanmean(train, axis=0), y.shape)
    assert_allclose(metrics.arrmse(y, means, y_train=train, average=None), 1, rtol=1e-12)
    assert np.isnan(metrics.arrmse([[1.0, 1.0], [1.0, 2.0]], np.ones((2, 2)), average=None)).tolist() == [True, False]
    with pytest.raises(ValueError, match="Task 'task1' has no label in y_train"):
        metrics.arrmse(y, predicted, y_train=np.where([True, False, True], train, np.nan))


def test_levels_of_quantiles(numbers):
    y, predicted, _ = numbers
    high, half = (metrics.pinball_loss(y, predicted, level=level, average=None) for level in (0.9, 0.5))
    mixed = metrics.pinball_loss(y, predicted, level={"task1": 0.9}, average=None)
    assert_allclose(mixed, [half[0], high[1], half[2]])
    assert_allclose(half, metrics.mae(y, predicted, average=None) / 2)
    assert_allclose(metrics.pinball_loss([1.0, 1.0], [0.0, 3.0], level=0.9), (0.9 + 0.2) / 2)


def test_a_metric_of_a_single_task(labels, numbers):
    y, predicted, weights = labels
    found = metrics.masked_metric(sk.cohen_kappa_score, y, predicted, sample_weight=weights, average=None)
    assert_allclose(found, by_task(sk.cohen_kappa_score, y, predicted, weights))
    y, predicted, _ = numbers
    found = metrics.masked_metric(sk.d2_pinball_score, y, predicted, alpha=0.2, average="worst")
    assert found == by_task(lambda *a, **k: sk.d2_pinball_score(*a, **k, alpha=0.2), y, predicted).min()


def test_delta_m():
    assert metrics.delta_m([1.1, 2.0], [1.0, 2.0]) == pytest.approx(5)
    assert metrics.delta_m([1.1, 2.0], [1.0, 2.0], greater_is_better=False) == pytest.approx(-5)
    assert metrics.delta_m({"b": 1.0, "a": 3.0}, {"a": 2.0, "b": 2.0}, greater_is_better={"b": False}) == 50
    assert metrics.delta_m([np.nan, 3.0], [-1.0, 2.0]) == 50
    with pytest.raises(ValueError, match=r"Task 'task1': .*positive reference; got 0.0.*an error instead"):
        metrics.delta_m([1.0, 1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="scores lacks task 'b'"):
        metrics.delta_m({"a": 1.0}, {"a": 1.0, "b": 1.0})
    with pytest.raises(ValueError, match="unknown task 'c'"):
        metrics.delta_m({"a": 1.0, "c": 1.0}, {"a": 1.0})
    with pytest.raises(ValueError, match="No task has both"):
        metrics.delta_m([np.nan], [1.0])


Y = np.array([[0, 1], [1, 0], [0, np.nan]])
SECOND = np.array([0.5, np.nan, np.nan])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.accuracy(Y, Y[:2]), r"shape of y_true, \(3, 2\); got \(2, 2\)"),
        (lambda: metrics.accuracy(Y, Y[:, 0]), r"shape of y_true, \(3, 2\); got \(3, 1\)"),
        (lambda: metrics.accuracy(np.ones((3, 2)), Y), "Task 'task1': row 2 has a label and no y_pred"),
        (
            lambda: metrics.accuracy(Y, np.ones((3, 2)), average="mean"),
            "'macro', 'weighted', 'worst', None or the name",
        ),
        (lambda: metrics.accuracy(Y, np.ones((3, 2)), task_weights=[1, 2]), "use average='weighted'"),
        (
            lambda: metrics.accuracy(Y, np.ones((3, 2)), average="weighted", task_weights=[1]),
            "one weight for each of the 2 tasks",
        ),
        (
            lambda: metrics.accuracy(Y, np.ones((3, 2)), average="weighted", task_weights={"tusk": 1}),
            "task_weights names the unknown task 'tusk'",
        ),
        (
            lambda: metrics.accuracy(Y, np.ones((3, 2)), average="weighted", task_weights=[1, -1]),
            "got -1.0 for task 'task1'",
        ),
        (
            lambda: metrics.accuracy(Y, np.ones((3, 2)), average="weighted", task_weights=[0, 0]),
            "task_weights are zero",
        ),
        (lambda: metrics.accuracy(Y, np.ones((3, 2)), task_names=["a"]), "name the 2 tasks"),
        (lambda: metrics.accuracy(Y, np.ones((3, 2)), sample_weight=[-1, 1, 1]), "sample_weight must be finite"),
        (lambda: metrics.accuracy(Y + 0.5, Y + 0.5), "Task 'task0': .*continuous"),
        (lambda: metrics.poisson_deviance(Y, np.where(np.isnan(Y), 1, Y)), "Task 'task0': .*strictly positive y_pred"),
        (lambda: metrics.roc_auc(Y, [np.ones((3, 2))]), "1 tasks, y_true has 2 tasks"),
        (lambda: metrics.roc_auc(Y, [np.ones((3, 2)), np.ones((2, 2))]), "must have 3 rows"),
        (
            lambda: metrics.log_loss(Y, [np.ones((3, 2)), SECOND]),
            "'task1': row 1 has a label and no y_sc",
        ),
        (
            lambda: metrics.log_loss(Y[:, 0], np.ones((3, 3)) / 3),
            "Task 'task0': the scores are of 3 classes, .*Pass `cl",
        ),
        (lambda: metrics.log_loss(Y, [np.ones((3, 2)) / 2] * 2, classes=[[0, 1]]), "one entry for each of the 2 tasks"),
        (lambda: metrics.pinball_loss(Y, np.ones((3, 2)), level={"x": 0.5}), "level names the unknown task 'x'"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
