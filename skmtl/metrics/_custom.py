"""Any metric of a single task on a label matrix with holes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skmtl.metrics._average import averaged
from skmtl.metrics._cells import TaskCells, read_cells, read_score_cells


def masked_metric(
    metric: Callable[..., float],
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
    greater_is_better: bool = True,
    of_scores: bool = False,
    **settings: Any,
) -> Any:
    """Apply a metric of a single task, say one of :mod:`sklearn.metrics`, to the observed cells of each task.

    Parameters
    ----------
    metric : callable
        Called as ``metric(y_true, y_pred, sample_weight=..., **settings)`` with a task's observed cells; NaN means that
        the task is left out.
    y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels; NaN, None and pandas.NA mean "no label".
    y_pred : array-like or data frame of the same shape, or list of array-like
        Predictions; with ``of_scores`` scores or probabilities as ``predict_proba`` gives them.
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
    greater_is_better : bool, default=True
        Whether "worst" is the smallest.
    of_scores : bool, default=False
        Whether ``y_pred`` holds scores of classes.
    **settings : dict
        Further arguments of the metric.

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
    >>> from sklearn.metrics import median_absolute_error
    >>> from skmtl.metrics import masked_metric
    >>> y_true = np.array([[1, 10], [2, np.nan], [4, 20]])
    >>> masked_metric(median_absolute_error, y_true, np.zeros((3, 2)), average=None)
    array([ 2., 15.])
    """
    read = read_score_cells if of_scores else read_cells

    def of_task(task: TaskCells) -> float:
        return metric(task.y_true, task.y_pred, sample_weight=task.weights, **settings)

    cells = read(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(of_task, cells, average, task_weights, greater_is_better=greater_is_better)
