"""Metric of predicted quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sklearn.metrics

from skmtl.inputs import require_known
from skmtl.metrics._average import averaged
from skmtl.metrics._cells import TaskCells, read_cells


def pinball_loss(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    task_weights: Any = None,
    level: float | Mapping[str, float] = 0.5,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean pinball loss of a predicted quantile, in the units of each task; lower is better.

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
    level : float or dict, default=0.5
        The quantile's level, or a dict of levels by task name in which unnamed tasks have 0.5.
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
    levels = _levels(level, [task.name for task in cells])

    def of_task(task: TaskCells) -> float:
        alpha = levels[task.name]
        return float(
            sklearn.metrics.mean_pinball_loss(task.y_true, task.y_pred, sample_weight=task.weights, alpha=alpha)
        )

    return averaged(of_task, cells, average, task_weights, greater_is_better=False)


def _levels(level: float | Mapping[str, float], names: list[str]) -> dict[str, float]:
    if not isinstance(level, Mapping):
        return dict.fromkeys(names, level)
    require_known("level", level, names)
    return {name: level.get(name, 0.5) for name in names}
