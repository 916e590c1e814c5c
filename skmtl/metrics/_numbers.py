"""Metrics of predicted numbers."""

from __future__ import annotations

from typing import Any

import sklearn.metrics

from skmtl.metrics._average import Average, averaged
from skmtl.metrics._cells import TaskCells, read_cells
from skmtl.metrics._documentation import documented
from skmtl.tasks import _scores


@documented("no task has two observed cells")
def r2(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Coefficient of determination.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import r2
    >>> y_true = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]])
    >>> y_pred = np.array([[1.0, 10.0], [2.0, 20.0], [2.0, 30.0]])
    >>> r2(y_true, y_pred, average=None)
    array([0.5, 1. ])
    >>> r2(y_true, y_pred)
    0.75
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_r2, cells, average, task_weights)


@documented("no task has an observed cell")
def rmse(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Root of the mean squared error, in the units of each task; lower is better.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import rmse
    >>> y_true = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]])
    >>> y_pred = np.array([[4.0, 10.0], [2.0, 20.0], [3.0, 34.0]])
    >>> rmse(y_true, y_pred, average=None).round(2)
    array([1.73, 2.83])
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_rmse, cells, average, task_weights, greater_is_better=False)


@documented("no task has an observed cell")
def mae(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean absolute error, in the units of each task; lower is better.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import mae
    >>> y_true = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]])
    >>> y_pred = np.array([[4.0, 10.0], [2.0, 20.0], [3.0, 34.0]])
    >>> mae(y_true, y_pred, average=None)
    array([1., 2.])
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_mae, cells, average, task_weights, greater_is_better=False)


@documented("no task has an observed cell")
def poisson_deviance(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean Poisson deviance of counts; lower is better.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import poisson_deviance
    >>> y_true = np.array([[1, 0], [2, np.nan], [3, 4]])
    >>> y_pred = np.array([[1.0, 0.5], [2.5, 1.0], [3.0, 3.0]])
    >>> poisson_deviance(y_true, y_pred, average=None).round(3)
    array([0.036, 0.651])
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
