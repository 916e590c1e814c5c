"""Metric of predicted quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.metrics

from skmtl.inputs import by_task
from skmtl.metrics._average import Average, averaged
from skmtl.metrics._cells import TaskCells, read_cells
from skmtl.metrics._documentation import documented


@documented(
    "no task has an observed cell",
    level=(
        "float, dict or Series",
        "Level of the quantile; a dict gives levels by task name, in which other tasks have 0.5.",
    ),
)
def pinball_loss(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    level: Any = 0.5,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Mean pinball loss of a predicted quantile, in the units of each task; lower is better.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import pinball_loss
    >>> y_true = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]])
    >>> y_pred = y_true + 2  # too high
    >>> pinball_loss(y_true, y_pred, level={"task0": 0.9, "task1": 0.1}, average=None).round(2)
    array([0.2, 1.8])
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    levels = _levels(level, [task.name for task in cells])

    def of_task(task: TaskCells) -> float:
        alpha = levels[task.name]
        return float(
            sklearn.metrics.mean_pinball_loss(task.y_true, task.y_pred, sample_weight=task.weights, alpha=alpha)
        )

    return averaged(of_task, cells, average, task_weights, greater_is_better=False)


def _levels(level: Any, names: list[Any]) -> dict[Any, float]:
    levels = by_task("level", level, names, 0.5)
    return dict.fromkeys(names, levels) if np.ndim(levels) == 0 else dict(zip(names, levels, strict=True))
