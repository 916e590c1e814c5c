"""Loss weights and class weights: from what users write to arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skmtl.balancing.static import GeometricWeights
from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.inputs import LabelledRows, as_numbers, by_task, require_known
from skmtl.tasks import Task


def read_loss_weights(loss_weights: Any, tasks: Sequence[Task]) -> np.ndarray:
    """Weights of the tasks, normalised to sum 1, ``(n_tasks,)`` float64.

    Raises
    ------
    ValueError
        If the number of weights or a name is wrong, a weight is negative or not finite, or all are zero.
    """
    names, n_tasks = [task.name for task in tasks], len(tasks)
    if isinstance(loss_weights, GeometricWeights):
        loss_weights = loss_weights.expand(n_tasks)
    weights = as_numbers(by_task("loss_weights", loss_weights, names, 1.0), "loss_weights")
    if weights.shape != (n_tasks,):
        raise ValueError(
            f"loss_weights must have one weight for each of the {n_tasks} tasks ({', '.join(map(str, names[:5]))}"
            f"{', ...' if n_tasks > 5 else ''}); got {weights.size}."
        )
    for name, weight in zip(names, weights, strict=True):
        if not 0 <= weight < np.inf:
            raise ValueError(f"loss_weights must be finite and not negative; got {weight} for task {name!r}.")
    if not weights.any():
        raise ValueError("loss_weights are all zero; at least one task needs a positive weight.")
    weights = weights / weights.max()
    normalised: np.ndarray = weights / weights.sum()
    return normalised


def class_weight_factors(
    class_weight: Any, tasks: list[Task], columns: list[np.ndarray], weights: np.ndarray, one_dimensional: bool
) -> np.ndarray:
    """Factor of each cell's weight by its class, ``(n, n_tasks)``; ``weights`` is 0 where no label is.

    Raises
    ------
    ValueError
        If ``class_weight`` names an unknown task or class, is neither None, "balanced" nor a dict, or a weight is
        negative or not finite.
    """
    factors = np.ones_like(weights)
    if class_weight is None:
        return factors
    class_weight = _as_dict(class_weight)
    if not isinstance(class_weight, Mapping) and not _is_balanced(class_weight):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict; got {class_weight!r}.")
    if isinstance(class_weight, Mapping) and not one_dimensional:
        require_known("class_weight", class_weight, [task.name for task in tasks])
    for k, task in enumerate(tasks):
        of_task = class_weight
        if isinstance(class_weight, Mapping) and not one_dimensional:
            of_task = class_weight.get(task.name)
        if task.classes is not None and of_task is not None:
            seen = weights[:, k] > 0
            index = task.kind.encode(task, columns[k][seen]).astype(int)
            factors[seen, k] = _by_class(of_task, task, index, weights[seen, k])[index]
    return factors


def _as_dict(class_weight: Any) -> Any:
    """Dict of a series by class or by task; anything else as it is."""
    return class_weight.to_dict() if hasattr(class_weight, "to_dict") else class_weight


def _is_balanced(class_weight: Any) -> bool:
    return isinstance(class_weight, str) and class_weight == "balanced"


def _by_class(class_weight: Any, task: Task, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
    assert task.classes is not None
    class_weight = _as_dict(class_weight)
    if not isinstance(class_weight, Mapping):
        if not _is_balanced(class_weight):
            raise ValueError(f"class_weight of task {task.name!r} must be 'balanced' or a dict; got {class_weight!r}.")
        totals = np.bincount(index, weights, minlength=len(task.classes))
        balanced: np.ndarray = weights.sum() / np.maximum(totals, 1e-300) / np.count_nonzero(totals)
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


def cell_weights(class_weight: Any, inputs: SharedInputs, rows: LabelledRows) -> np.ndarray:
    """Weights of the cells with the class weights in them, ``(n, n_tasks)``."""
    if class_weight is None:
        return rows.weights
    columns, one_dimensional = rows.labels.columns, inputs.one_dimensional
    factors = class_weight_factors(class_weight, inputs.tasks, columns, rows.weights, one_dimensional)
    weights: np.ndarray = rows.weights * factors
    return weights
