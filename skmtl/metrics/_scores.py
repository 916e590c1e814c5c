"""Metrics of the scores and probabilities of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.metrics

from skmtl.metrics._average import Average, averaged
from skmtl.metrics._cells import TaskCells, read_score_cells
from skmtl.metrics._documentation import documented


@documented("no task has two observed classes")
def roc_auc(
    y_true: Any,
    y_score: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    classes: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Area under the ROC curve of the second class; with more than two, the mean of each class against the rest.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import roc_auc
    >>> y_true = np.array([[0, 1], [1, np.nan], [1, 0], [0, 1]])
    >>> second_class = [np.array([0.2, 0.6, 0.7, 0.65]), np.array([0.9, 0.5, 0.2, 0.7])]
    >>> roc_auc(y_true, second_class, average=None)
    array([0.75, 1.  ])
    """
    cells = read_score_cells(y_true, y_score, sample_weight, missing_label, task_names, classes)
    return averaged(_roc_auc, cells, average, task_weights)


@documented("no task has two observed classes")
def average_precision(
    y_true: Any,
    y_score: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    classes: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Average precision of the second class; with more than two, the mean of each class against the rest.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import average_precision
    >>> y_true = np.array([[0, 1], [1, np.nan], [1, 0], [0, 1]])
    >>> second_class = [np.array([0.2, 0.6, 0.7, 0.65]), np.array([0.9, 0.5, 0.2, 0.7])]
    >>> average_precision(y_true, second_class, average=None).round(2)
    array([0.83, 1.  ])
    """
    cells = read_score_cells(y_true, y_score, sample_weight, missing_label, task_names, classes)
    return averaged(_average_precision, cells, average, task_weights)


@documented("no task has two classes")
def log_loss(
    y_true: Any,
    y_score: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    classes: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean negative log-likelihood of the observed labels; lower is better.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import log_loss
    >>> y_true = np.array([[0, 1], [1, np.nan]])
    >>> probabilities = [np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([[0.1, 0.9], [0.5, 0.5]])]
    >>> log_loss(y_true, probabilities, classes=[[0, 1], [0, 1]], average=None).round(3)
    array([0.367, 0.105])
    """
    cells = read_score_cells(y_true, y_score, sample_weight, missing_label, task_names, classes)
    return averaged(_log_loss, cells, average, task_weights, greater_is_better=False)


@documented("no task has two classes")
def brier(
    y_true: Any,
    y_score: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    classes: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Brier score: mean squared error of the probabilities, halved for two classes; lower is better.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import brier
    >>> y_true = np.array([[0, 1], [1, np.nan]])
    >>> probabilities = [np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([[0.1, 0.9], [0.5, 0.5]])]
    >>> brier(y_true, probabilities, classes=[[0, 1], [0, 1]], average=None).round(3)
    array([0.1 , 0.01])
    """
    cells = read_score_cells(y_true, y_score, sample_weight, missing_label, task_names, classes)
    return averaged(_brier, cells, average, task_weights, greater_is_better=False)


def _roc_auc(task: TaskCells) -> float:
    return _against_the_rest(sklearn.metrics.roc_auc_score, task)


def roc_auc_by_frequency(task: TaskCells) -> float:
    """ROC-AUC, of more than two classes the mean in which each counts as often as it is observed."""
    return _against_the_rest(sklearn.metrics.roc_auc_score, task, by_frequency=True)


def _average_precision(task: TaskCells) -> float:
    return _against_the_rest(sklearn.metrics.average_precision_score, task)


def _log_loss(task: TaskCells) -> float:
    codes, codes_true, probabilities = codes_of_scores(task)
    if len(codes) < 2:
        return float("nan")
    return float(sklearn.metrics.log_loss(codes_true, probabilities, labels=codes, sample_weight=task.weights))


def _brier(task: TaskCells) -> float:
    codes, codes_true, probabilities = codes_of_scores(task)
    if len(codes) < 2:
        return float("nan")
    score = sklearn.metrics.brier_score_loss(codes_true, probabilities, labels=codes, sample_weight=task.weights)
    return float(score)


def _against_the_rest(metric: Callable[..., float], task: TaskCells, *, by_frequency: bool = False) -> float:
    """Mean of a metric of two classes over the observed classes, each against the rest; of two, the second alone."""
    if len(np.unique(task.y_true)) < 2:
        return float("nan")
    codes, codes_true, scores = codes_of_scores(task)
    positive = [1] if len(codes) == 2 else np.unique(codes_true)
    found = [metric(codes_true == c, scores[:, c], sample_weight=task.weights) for c in positive]
    frequencies = [task.weights[codes_true == c].sum() for c in positive] if by_frequency else None
    return float(np.average(found, weights=frequencies))


def codes_of_scores(task: TaskCells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of all classes, labels in codes, scores ``(n, n_classes)``; a class that has no column scores 0."""
    known = task.known_classes
    scores = _both_classes(task.y_pred) if len(known) == 2 else task.y_pred.reshape(len(task.y_pred), -1)
    if scores.shape[1] != len(known):
        raise ValueError(
            f"the scores are of {max(scores.shape[1], 2)} classes, but the classes are {known.tolist()}. "
            "Pass `classes`, the classes_ of the estimator that gave the scores."
        )
    classes = np.union1d(known, task.y_true)
    aligned = np.zeros((len(scores), len(classes)), dtype=scores.dtype)
    aligned[:, np.searchsorted(classes, known)] = scores
    return np.arange(len(classes)), np.searchsorted(classes, task.y_true), aligned


def _both_classes(scores: np.ndarray) -> np.ndarray:
    if scores.ndim == 2 and scores.shape[1] != 1:
        return scores
    second = scores.reshape(-1)
    return np.column_stack([1 - second, second])
