"""From scores of single tasks to one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from skmtl.inputs import as_numbers, by_task
from skmtl.metrics._cells import TaskCells
from skmtl.tasks._scores import TOO_FEW, require_defined

Average: TypeAlias = Literal["macro", "weighted", "worst"]
AVERAGES = get_args(Average)


@dataclass(frozen=True)
class OneTask:
    """In place of an average: the score of one task, whatever its name is."""

    name: Any


class EachTask:
    """In place of an average: the scores of all tasks, also where none is defined."""


def averaged(
    metric: Callable[[TaskCells], float],
    cells: Sequence[TaskCells],
    average: Any,
    task_weights: Any = None,
    *,
    greater_is_better: bool = True,
) -> Any:
    """Score the tasks and sum them up.

    Parameters
    ----------
    metric : callable
        Gives the score of one task; NaN where it is not defined.
    cells : sequence of TaskCells
        The tasks.
    average : {"macro", "weighted", "worst"}, name, OneTask, EachTask or None
        "macro": plain mean; "weighted": mean by ``task_weights``, or without these by the tasks' observed weight;
        "worst": of the tasks the one that does worst; a task's name: that task alone; None: all of them, of which one
        at least must be defined.
    task_weights : array-like of shape (n_tasks,), dict or Series, default=None
        With "weighted": weight of each task; tasks that are not named weigh 1.
    greater_is_better : bool, default=True
        Which end is the worst.

    Returns
    -------
    float or ndarray of shape (n_tasks,)
        The average over the tasks whose score is defined, or each task's score.

    Raises
    ------
    ValueError
        If ``average`` is unknown, a weight is not usable, or no score is defined.
    """
    names = [task.name for task in cells]
    if (one := task_alone(average, names)) is not None:
        return _single(metric, cells[one])
    scores = np.array([score_of(metric, task) for task in cells])
    if isinstance(average, EachTask):
        return scores
    totals = np.array([task.weights.sum() for task in cells])
    return summed_up(scores, names, average, task_weights, totals, greater_is_better=greater_is_better)


def summed_up(
    scores: np.ndarray,
    names: list[Any],
    average: str | None,
    task_weights: Any,
    totals: np.ndarray,
    *,
    greater_is_better: bool,
) -> Any:
    """Average of the scores ``(n_tasks,)``, or with None the scores; ``totals`` are the tasks' observed weights.

    Raises
    ------
    ValueError
        If a weight is not usable, or no score is defined.
    """
    if task_weights is not None and average != "weighted":
        raise ValueError(f"task_weights has no meaning with average={average!r}; use average='weighted'.")
    defined = ~np.isnan(require_defined(scores))
    if average is None:
        return scores
    if average == "worst":
        return float(np.min(scores[defined]) if greater_is_better else np.max(scores[defined]))
    weights = totals if average == "weighted" else np.ones(len(scores))
    if task_weights is not None:
        weights = _read_task_weights(task_weights, names)
    if not weights[defined].any():
        raise ValueError("task_weights are zero for every task whose score is defined; give one of them a weight.")
    return float(np.average(scores[defined], weights=weights[defined]))


def score_of(metric: Callable[[TaskCells], float], task: TaskCells) -> float:
    """Score of one task, NaN without an observed cell; errors name the task."""
    if not len(task.y_true):
        return float("nan")
    try:
        return float(metric(task))
    except ValueError as error:
        raise ValueError(f"Task {task.name!r}: {error}") from error


def task_alone(average: Any, names: list[Any]) -> int | None:
    """Position of the task whose score alone is asked for; None where those of several are.

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if isinstance(average, EachTask) or average is None or average in AVERAGES:
        return None
    name = average.name if isinstance(average, OneTask) else average
    if name not in names:
        raise ValueError(
            f"average must be one of {', '.join(map(repr, AVERAGES))}, None or the name of a task "
            f"({', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}); got {name!r}."
        )
    return names.index(name)


def _single(metric: Callable[[TaskCells], float], task: TaskCells) -> float:
    score = score_of(metric, task)
    if np.isnan(score):
        raise ValueError(f"The score of task {task.name!r} is not defined: {TOO_FEW}")
    return score


def _read_task_weights(task_weights: Any, names: list[Any]) -> np.ndarray:
    weights = as_numbers(by_task("task_weights", task_weights, names, 1.0), "task_weights")
    if weights.shape != (len(names),):
        raise ValueError(f"task_weights must have one weight for each of the {len(names)} tasks; got {weights.shape}.")
    for name, weight in zip(names, weights, strict=True):
        if not 0 <= weight < np.inf:
            raise ValueError(f"task_weights must be finite and not negative; got {weight} for task {name!r}.")
    return weights
