"""Metrics of predicted numbers."""

from __future__ import annotations

from typing import Any

import sklearn.metrics

from skmtl.metrics._average import averaged
from skmtl.metrics._cells import TaskCells, read_cells
from skmtl.tasks import _scores


def r2(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Coefficient of determination.

    Parameters
    ----------
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Values; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape
        Predictions.
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
        If no task has two observed cells, or an argument is not usable.
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_r2, cells, average, task_weights)


def rmse(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Root of the mean squared error, in the units of each task; lower is better.

    Parameters
    ----------
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Values; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape
        Predictions.
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
    return averaged(_rmse, cells, average, task_weights, greater_is_better=False)


def mae(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean absolute error, in the units of each task; lower is better.

    Parameters
    ----------
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Values; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape
        Predictions.
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
    return averaged(_mae, cells, average, task_weights, greater_is_better=False)


def poisson_deviance(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean Poisson deviance of counts; lower is better.

    Parameters
    ----------
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Values; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape
        Predictions.
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
    return averaged(_poisson_deviance, cells, average, task_weights, greater_is_better=False)


def _r2(task: TaskCells) -> float:
    return _scores.r2(task.y_true, task.y_pred, task.weights)


def _rmse(task: TaskCells) -> float:
    return float(sklearn.metrics.root_mean_squared_error(task.y_true, task.y_pred, sample_weight=task.weights))


def _mae(task: TaskCells) -> float:
    return float(sklearn.metrics.mean_absolute_error(task.y_true, task.y_pred, sample_weight=task.weights))


def _poisson_deviance(task: TaskCells) -> float:
    return float(sklearn.metrics.mean_poisson_deviance(task.y_true, task.y_pred, sample_weight=task.weights))
