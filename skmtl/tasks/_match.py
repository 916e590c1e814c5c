"""Whether labels can be those of fitted tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skmtl.inputs import LabelMatrix, require_comparable
from skmtl.tasks._kind import Task

_NUMBER = np.zeros(1)


def require_labels_of(tasks: Sequence[Task], labels: LabelMatrix, parameter: str = "y") -> None:
    """Check that labels, which may be of classes that a task has not seen, are of the type that it was fitted to.

    Raises
    ------
    ValueError
        If they are strings for numbers, say, or fractions for classes.
    """
    for task, column, seen in zip(tasks, labels.columns, labels.observed.T, strict=True):
        given = column[seen]
        known = _NUMBER if task.classes is None else task.classes
        require_comparable(task.name, given, known, parameter, "fit")
        if task.classes is not None and given.dtype.kind == "f" and (given % 1 != 0).any():
            raise ValueError(
                f"Task {task.name!r} was fitted as one of classes, {known[:5].tolist()}, but {parameter} holds the "
                f"fraction {given[given % 1 != 0][0]}. For a task of numbers pass tasks={{{task.name!r}: "
                f"'regression'}} to MultiTaskNet, or use MultiTaskNetRegressor."
            )
