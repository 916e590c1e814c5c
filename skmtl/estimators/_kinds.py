"""From parameters and observed labels to the kind of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skmtl._params import resolve
from skmtl.inputs import TaskLabels, as_mapping, require_known
from skmtl.tasks import KINDS, LOSSES, Binary, Kind, Multiclass, SquaredError

_BINARY, _MULTICLASS = Binary(), Multiclass()  # of all tasks, which may be many


def classification_kind(column: TaskLabels) -> Kind:
    """Binary for up to two classes, else multiclass.

    Raises
    ------
    ValueError
        If the labels are numbers with fractions.
    """
    if column.labels.dtype.kind == "f" and (column.labels % 1 != 0).any():
        fraction = column.labels[column.labels % 1 != 0][0]
        raise ValueError(
            f"Unknown label type: continuous. Task {column.name!r} is a classification task, but has the label "
            f"{fraction}. Use MultiTaskNetRegressor for numbers, or MultiTaskNet for tasks of both kinds."
        )
    return _BINARY if len(np.unique(column.labels)) <= 2 else _MULTICLASS


def numeric_kinds(loss: Any, columns: list[TaskLabels]) -> list[Kind]:
    """Losses of the tasks of a regressor.

    Raises
    ------
    ValueError
        If a loss or task is not known, or a task has labels that are not numbers.
    """
    for column in columns:
        _require_numbers(column)
    return list(given_losses(loss, [column.name for column in columns]).values())


def given_losses(loss: Any, names: list[Any]) -> dict[Any, Kind]:
    """Loss of each task.

    Raises
    ------
    ValueError
        If a loss or task is not known.
    """
    loss = as_mapping(loss, names)
    if not isinstance(loss, Mapping):
        return dict.fromkeys(names, resolve("loss", loss, LOSSES, Kind))
    require_known("loss", loss, names)
    return {name: resolve(f"loss[{name!r}]", loss.get(name, "squared_error"), LOSSES, Kind) for name in names}


def mixed_kinds(tasks: Any, columns: list[TaskLabels]) -> list[Kind]:
    """Kinds given by ``tasks``, or inferred from the labels.

    Raises
    ------
    ValueError
        If a kind or task is not known, the labels do not suit the kind, or the kind cannot be inferred.
    TypeError
        If ``tasks`` is neither a dict nor a sequence.
    """
    given = given_kinds(tasks, [column.name for column in columns])
    return [_checked(given[c.name], c) if c.name in given else _inferred(c) for c in columns]


def given_kinds(tasks: Any, names: list[Any]) -> dict[Any, Kind]:
    """Kinds of the tasks that ``tasks`` names.

    Raises
    ------
    ValueError
        If a kind or task is not known.
    TypeError
        If ``tasks`` is neither a dict nor a sequence.
    """
    given = tasks = {} if tasks is None else as_mapping(tasks, names)
    if not isinstance(tasks, Mapping):
        if not _is_sequence(tasks):
            raise TypeError(f"tasks must be a dict by task name or a sequence with an entry a task; got {tasks!r}.")
        if len(tasks) != len(names):
            raise ValueError(f"tasks must have one entry for each of the {len(names)} tasks; got {len(tasks)}.")
        given = dict(zip(names, tasks, strict=True))
    require_known("tasks", given, names)
    return {name: resolve(f"tasks[{name!r}]", kind, KINDS, Kind) for name, kind in given.items()}


def may_have_classes(tasks: Any) -> bool:
    """Whether ``tasks`` names a kind of classes, or is a dict, which may leave tasks to be inferred."""
    if isinstance(tasks, Mapping) or not _is_sequence(tasks):
        return True
    kinds = [KINDS.get(given, Binary)() if isinstance(given, str) else given for given in tasks]
    return any(getattr(kind, "is_classifier", True) for kind in kinds)


def _is_sequence(tasks: Any) -> bool:
    return isinstance(tasks, Sequence | np.ndarray) and not isinstance(tasks, str)  # the order of a set is arbitrary


def _checked(kind: Kind, column: TaskLabels) -> Kind:
    if not kind.is_classifier:
        _require_numbers(column)
        return kind
    found = classification_kind(column)
    if isinstance(kind, Binary) and not isinstance(found, Binary):
        raise ValueError(
            f"Task {column.name!r} is declared binary, but has the {len(np.unique(column.labels))} labels "
            f"{np.unique(column.labels)[:5].tolist()}{'...' if len(np.unique(column.labels)) > 5 else ''}. "
            f"Declare it 'multiclass'."
        )
    return kind


def _inferred(column: TaskLabels) -> Kind:
    distinct = np.unique(column.labels)
    if column.categorical:
        return classification_kind(column)
    if column.labels.dtype.kind in "USb" or len(distinct) <= 2:
        return (
            classification_kind(column)
            if column.labels.dtype.kind != "f" or not (distinct % 1).any()
            else SquaredError()
        )
    if column.labels.dtype.kind == "f" and (distinct % 1 != 0).any():
        return SquaredError()
    raise ValueError(
        f"Task {column.name!r} has {len(distinct)} different integers, which may be classes or numbers: pass "
        f"tasks={{{column.name!r}: 'multiclass'}} or tasks={{{column.name!r}: 'regression'}}."
    )


def _require_numbers(column: TaskLabels) -> None:
    if column.labels.dtype.kind not in "biuf":
        raise ValueError(
            f"Task {column.name!r} is a regression task, but has the label {column.labels[0].item()!r}. Use "
            f"MultiTaskNetClassifier for classes, or MultiTaskNet for tasks of both kinds."
        )
