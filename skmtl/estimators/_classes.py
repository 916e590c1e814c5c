"""The ``classes`` of partial_fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmtl.tasks import LabelMatrix, Task


def read_classes(classes: Any, labels: LabelMatrix) -> list[np.ndarray | None]:
    """Sorted classes of each task; None where they are not given.

    Raises
    ------
    ValueError
        If ``classes`` has not one entry a task, or an entry is empty or no list of labels.
    """
    if classes is not None and labels.one_dimensional:
        classes = [classes]
    given: list[Any] = [None] * len(labels.names) if classes is None else list(classes)
    if len(given) != len(labels.names):
        raise ValueError(f"classes must have one entry for each of the {len(labels.names)} tasks; got {len(given)}.")
    arrays = [None if entry is None else np.unique(np.asarray(entry)) for entry in given]
    for name, entry, array in zip(labels.names, given, arrays, strict=True):
        if array is not None and (np.ndim(entry) != 1 or not len(array)):
            raise ValueError(f"classes of task {name!r} must be a list of labels, or None for numbers; got {entry!r}.")
    return arrays


def require_classifier(task: Task, given: np.ndarray | None) -> None:
    """Check that only a classification task is given classes.

    Raises
    ------
    ValueError
        If it is not.
    """
    if given is not None and not task.kind.is_classifier:
        raise ValueError(f"classes has an entry for task {task.name!r}, which is a regression task; pass None for it.")


def require_same_classes(task: Task, given: np.ndarray | None) -> None:
    """Check that later calls give the classes of the first.

    Raises
    ------
    ValueError
        If they do not.
    """
    require_classifier(task, given)
    if given is not None and task.classes is not None and not np.array_equal(given, task.classes):
        raise ValueError(
            f"classes of task {task.name!r} are {given.tolist()}, but were {task.classes.tolist()} in the first call; "
            f"they cannot change. Fit anew with all classes."
        )
