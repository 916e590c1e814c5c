"""Metrics of predicted classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, recall_score

from skmtl.metrics._average import averaged
from skmtl.metrics._cells import TaskCells, read_cells


def accuracy(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Share of the observed labels that are predicted.

    Parameters
    ----------
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape
        Predicted labels.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or cell.
    average : {"macro", "weighted", "worst"}, str or None, default="macro"
        Mean over the tasks, mean weighted by ``task_weights``, the worst task, the task of that name, or every task.
    task_weights : array-like of shape (n_tasks,) or dict, default=None
        With "weighted": weight of each task; None for the tasks' observed weight.
    missing_label : object, default=None
        A further value of ``y_true`` that means "no label".
    task_names : sequence of str, default=None
        Names of the tasks; None for those of a frame's columns, else ``task0``, ``task1``, ...

    Returns
    -------
    float or ndarray of shape (n_tasks,)
        Average over the tasks where it is defined, or with ``average=None`` each task's, NaN where it is not.

    Raises
    ------
    ValueError
        If no task has an observed cell, or an argument is not usable.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import accuracy
    >>> y_true = np.array([[0, 1], [1, np.nan], [1, 0], [0, np.nan]])
    >>> y_pred = np.array([[0, 1], [1, 1], [0, 1], [0, 0]])
    >>> accuracy(y_true, y_pred, average=None)
    array([0.75, 0.5 ])
    >>> accuracy(y_true, y_pred), accuracy(y_true, y_pred, average="worst")
    (0.625, 0.5)
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_accuracy, cells, average, task_weights)


def balanced_accuracy(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean over the observed classes of the share of their labels that are predicted.

    Parameters
    ----------
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape
        Predicted labels.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or cell.
    average : {"macro", "weighted", "worst"}, str or None, default="macro"
        Mean over the tasks, mean weighted by ``task_weights``, the worst task, the task of that name, or every task.
    task_weights : array-like of shape (n_tasks,) or dict, default=None
        With "weighted": weight of each task; None for the tasks' observed weight.
    missing_label : object, default=None
        A further value of ``y_true`` that means "no label".
    task_names : sequence of str, default=None
        Names of the tasks; None for those of a frame's columns, else ``task0``, ``task1``, ...

    Returns
    -------
    float or ndarray of shape (n_tasks,)
        Average over the tasks where it is defined, or with ``average=None`` each task's, NaN where it is not.

    Raises
    ------
    ValueError
        If no task has an observed cell, or an argument is not usable.
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_balanced_accuracy, cells, average, task_weights)


def f1(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    classes: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """F1 score: of the second of two classes, the mean over the classes of more.

    Parameters
    ----------
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape
        Predicted labels.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or cell.
    average : {"macro", "weighted", "worst"}, str or None, default="macro"
        Mean over the tasks, mean weighted by ``task_weights``, the worst task, the task of that name, or every task.
    task_weights : array-like of shape (n_tasks,) or dict, default=None
        With "weighted": weight of each task; None for the tasks' observed weight.
    classes : array-like (one task) or list of array-like, default=None
        Classes, so that a class absent from ``y_true`` counts too: the ``classes_`` of the estimator.
    missing_label : object, default=None
        A further value of ``y_true`` that means "no label".
    task_names : sequence of str, default=None
        Names of the tasks; None for those of a frame's columns, else ``task0``, ``task1``, ...

    Returns
    -------
    float or ndarray of shape (n_tasks,)
        Average over the tasks where it is defined, or with ``average=None`` each task's, NaN where it is not.

    Raises
    ------
    ValueError
        If no task has a second class, or nothing of it is observed or predicted, or an argument is not usable.
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names, classes)
    return averaged(_f1, cells, average, task_weights)


def _accuracy(task: TaskCells) -> float:
    return float(accuracy_score(task.y_true, task.y_pred, sample_weight=task.weights))


def _balanced_accuracy(task: TaskCells) -> float:
    # scikit-learn's balanced accuracy is this, with a warning where a class is predicted that is not observed
    observed, codes_true, codes_pred = _codes(task, np.unique(task.y_true))
    recall = recall_score(codes_true, codes_pred, labels=observed, average="macro", sample_weight=task.weights)
    return float(recall)


def _f1(task: TaskCells) -> float:
    known = task.y_true if task.classes is None else task.classes
    codes, codes_true, codes_pred = _codes(task, np.union1d(np.union1d(known, task.y_true), task.y_pred))
    if len(codes) < 2:
        return float("nan")
    binary = len(codes) == 2
    return float(
        f1_score(
            codes_true,
            codes_pred,
            labels=None if binary else codes,
            average="binary" if binary else "macro",
            sample_weight=task.weights,
            zero_division=np.nan,
        )
    )


def _codes(task: TaskCells, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the codes of the classes, and truth and predictions in them; -1 is a prediction of none of these."""
    place = np.searchsorted(classes, task.y_pred).clip(max=len(classes) - 1)
    codes_pred = np.where(classes[place] == task.y_pred, place, -1)
    return np.arange(len(classes)), np.searchsorted(classes, task.y_true), codes_pred
