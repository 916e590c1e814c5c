"""Any metric of a single task on a label matrix with holes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from skmtl.metrics._average import Average, averaged
from skmtl.metrics._cells import TaskCells, read_cells, read_score_cells
from skmtl.metrics._documentation import documented


@documented(
    "no task has an observed cell",
    metric=(
        "callable",
        "Called as ``metric(y_true, y_pred, sample_weight=..., **settings)`` with the observed cells of one task; NaN "
        "leaves the task out.",
    ),
    y_pred=(
        "array-like or data frame of the same shape, or list of array-like",
        "Predictions; with ``of_scores`` scores or probabilities as ``predict_proba`` gives them.",
    ),
    greater_is_better=("bool", 'Whether ``average="worst"`` is the smallest score.'),
    of_scores=("bool", "Whether ``y_pred`` holds scores of classes."),
    settings=("dict", "Further arguments of the metric."),
)
def masked_metric(
    metric: Callable[..., float],
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
    greater_is_better: bool = True,
    of_scores: bool = False,
    **settings: Any,
) -> Any:
    """Apply a metric of a single task, say one of :mod:`sklearn.metrics`, to the observed cells of each task.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics import median_absolute_error
    >>> from skmtl.metrics import masked_metric
    >>> y_true = np.array([[1, 10], [2, np.nan], [4, 20]])
    >>> masked_metric(median_absolute_error, y_true, np.zeros((3, 2)), average=None)
    array([ 2., 15.])
    """

    def of_task(task: TaskCells) -> float:
        return metric(task.y_true, task.y_pred, sample_weight=task.weights, **settings)

    read = {"sample_weight": sample_weight, "missing_label": missing_label, "task_names": task_names}
    summed = {"average": average, "task_weights": task_weights, "greater_is_better": greater_is_better}
    return over_tasks(of_task, y_true, y_pred, of_scores=of_scores, **read, **summed)


def over_tasks(
    score: Callable[..., float],
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Any = "macro",
    task_weights: Any = None,
    classes: Any = None,
    missing_label: object = None,
    task_names: Any = None,
    greater_is_better: bool = True,
    of_scores: bool = False,
    **settings: Any,
) -> Any:
    """Apply ``score(cells, **settings)`` to the cells of each task; the rest is as in :func:`masked_metric`."""
    read = read_score_cells if of_scores else read_cells
    cells = read(y_true, y_pred, sample_weight, missing_label, task_names, classes)
    return averaged(partial(score, **settings), cells, average, task_weights, greater_is_better=greater_is_better)
