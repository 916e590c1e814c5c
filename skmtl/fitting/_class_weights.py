"""Weights of classes in the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.inputs import LabelledRows, as_numbers, by_task, is_missing
from skmtl.tasks import Task


def cell_weights(class_weight: Any, inputs: SharedInputs, rows: LabelledRows) -> np.ndarray | Any:
    """Weights of the cells with the class weights in them, ``(n, n_tasks)``; 0 where no label is.

    Raises
    ------
    ValueError
        If ``class_weight`` names an unknown task or class, has an entry for a regression task, is nothing that it may
        be, or a weight is negative or not finite.
    """
    if class_weight is None:
        return rows.weights

    def totals(k: int, task: Task) -> np.ndarray:
        _, labels, weights = rows.cells(k)
        index = task.kind.encode(task, labels).astype(int)
        assert task.classes is not None
        return np.bincount(index, weights, minlength=len(task.classes))

    return with_factors(rows, inputs.tasks, class_factors(class_weight, inputs, totals))


def class_factors(
    class_weight: Any, inputs: SharedInputs, totals: Callable[[int, Task], np.ndarray]
) -> list[np.ndarray | None]:
    """Factor of each class of each task, ``(n_classes,)``; None where all are 1.

    ``totals`` gives the total weight of each class, from the position of a task and the task.

    Raises
    ------
    ValueError
        As in :func:`cell_weights`.
    """
    by_class = class_weight_by_task(class_weight, inputs.tasks, inputs.one_dimensional)
    tasks = zip(inputs.tasks, by_class, strict=True)
    return [None if given is None else _factors(given, task, totals(k, task)) for k, (task, given) in enumerate(tasks)]


def with_factors(rows: LabelledRows, tasks: Sequence[Task], factors: Sequence[np.ndarray | None]) -> np.ndarray | Any:
    """Weights of the cells times the factors of their classes, ``(n, n_tasks)``."""
    if all(factor is None for factor in factors):
        return rows.weights
    weights: Any = rows.weights.astype(np.float64)
    for k, (task, factor) in enumerate(zip(tasks, factors, strict=True)):
        if factor is not None:
            seen, labels, _ = rows.cells(k)
            of_labels = factor[task.kind.encode(task, labels).astype(int)]
            if rows.keeps_stored:
                weights.data[weights.indptr[k] : weights.indptr[k + 1]] *= of_labels
            else:
                weights[seen, k] *= of_labels
    return weights


def class_weight_by_task(class_weight: Any, tasks: Sequence[Task], one_dimensional: bool) -> list[Any]:
    """What ``class_weight`` says of each task: None, "balanced" or a dict by class.

    Raises
    ------
    ValueError
        As in :func:`cell_weights`.
    """
    if class_weight is None or _is_balanced(class_weight):
        return [class_weight if task.kind.is_classifier else None for task in tasks]
    given = _as_dict(class_weight)
    if isinstance(given, Mapping):
        values = [given] if one_dimensional else by_task("class_weight", given, [task.name for task in tasks], None)
    elif isinstance(given, list | tuple):
        values = list(given)
    else:
        raise ValueError(f"class_weight must be None, 'balanced', a dict or a list by task; got {class_weight!r}.")
    if len(values) != len(tasks):
        raise ValueError(f"class_weight must have one entry for each of the {len(tasks)} tasks; got {len(values)}.")
    return [_of_task(task, value) for task, value in zip(tasks, values, strict=True)]


def _of_task(task: Task, value: Any) -> Any:
    value = _as_dict(value)
    if value is None or is_missing(value):  # as in a series
        return None
    if not task.kind.is_classifier:
        raise ValueError(f"class_weight has an entry for task {task.name!r}, which is a regression task; leave it out.")
    if not isinstance(value, Mapping) and not _is_balanced(value):
        raise ValueError(f"class_weight of task {task.name!r} must be 'balanced' or a dict; got {value!r}.")
    return value


def _as_dict(class_weight: Any) -> Any:
    """Dict of a series by class or by task; anything else as it is."""
    return class_weight.to_dict() if hasattr(class_weight, "to_dict") else class_weight


def _is_balanced(class_weight: Any) -> bool:
    return isinstance(class_weight, str) and class_weight == "balanced"


def _factors(class_weight: Any, task: Task, totals: np.ndarray) -> np.ndarray:
    """Factor of each class, ``(n_classes,)``, from the total weight of each."""
    assert task.classes is not None
    if _is_balanced(class_weight):
        balanced: np.ndarray = totals.sum() / np.maximum(totals, 1e-300) / max(np.count_nonzero(totals), 1)
        return balanced
    labels = task.classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise ValueError(
            f"class_weight names {unknown[0]!r}, which is not among the classes {labels} of task {task.name!r}."
        )
    factors = as_numbers([class_weight.get(label, 1.0) for label in labels], f"class_weight of task {task.name!r}")
    for label, factor in zip(labels, factors, strict=True):
        if not 0 <= factor < np.inf:
            raise ValueError(
                f"class_weight must be finite and not negative; got {factor} for class {label!r} of task {task.name!r}."
            )
    return factors
