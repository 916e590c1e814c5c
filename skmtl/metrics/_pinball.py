"""Metric of predicted quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sklearn.metrics

from skmtl.inputs import require_known
from skmtl.metrics._average import averaged
from skmtl.metrics._cells import TaskCells, read_cells
from skmtl.metrics._documentation import documented


@documented(
    "no task has an observed cell",
    level=("float or dict", "Level of the quantile; a dict gives levels by task name, in which other tasks have 0.5."),
)
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
    """Mean pinball loss of a predicted quantile, in the units of each task; lower is better."""
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
