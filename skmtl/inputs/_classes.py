"""The ``classes`` of partial_fit."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from skmtl.inputs._containers import as_array
from skmtl.inputs._labels import LabelMatrix, read_column
from skmtl.inputs._marks import read_marks
from skmtl.inputs._names import by_task


def read_classes(classes: Any, labels: LabelMatrix, missing_label: object = None) -> list[np.ndarray | None]:
    """Sorted classes of each task, without what means "no label"; None where they are not given.

    Raises
    ------
    ValueError
        If ``classes`` has not one entry a task or names an unknown one, or an entry is empty or no list of labels.
    """
    if isinstance(classes, Mapping):
        classes = by_task("classes", classes, labels.names, None)
    elif classes is not None and labels.one_dimensional:
        classes = [classes]
    given: list[Any] = [None] * len(labels.names) if classes is None else list(classes)
    if len(given) != len(labels.names):
        raise ValueError(f"classes must have one entry for each of the {len(labels.names)} tasks; got {len(given)}.")
    marks = read_marks(missing_label)
    return [_of_task(name, entry, marks) for name, entry in zip(labels.names, given, strict=True)]


def _of_task(name: Any, entry: Any, marks: list[Any]) -> np.ndarray | None:
    if entry is None:
        return None
    if np.iterable(entry) and not isinstance(entry, str | bytes):
        array = as_array(list(entry) if isinstance(entry, Set) else entry, "classes")
        known, seen = read_column(name, array, marks) if array.ndim == 1 else (array, np.zeros(0, bool))
        if seen.any():
            distinct: np.ndarray = np.unique(known[seen])
            return distinct
    raise ValueError(f"classes of task {name!r} must be a list of labels, or None for numbers; got {entry!r}.")
