"""Whether labels can be those of fitted tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skmtl.inputs import LabelMatrix, StoredColumns, cells_of_column, require_comparable
from skmtl.tasks._kind import Task

_NUMBER = np.zeros(1)


def require_labels_of(tasks: Sequence[Task], labels: LabelMatrix, parameter: str = "y") -> None:
    """Check that labels, which may be of classes that a task has not seen, are of the type that it was fitted to.

    Raises
    ------
    ValueError
        If they are strings for numbers, say, or fractions for classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.inputs import read_labels
    >>> from skmtl.tasks import Binary, require_labels_of
    >>> task = Binary().fit("task0", np.array([0, 1, 1]), np.ones(3))
    >>> require_labels_of([task], read_labels([0, 1]))  # no error
    """
    for task, given in zip(tasks, _given(labels), strict=True):
        known = _NUMBER if task.classes is None else task.classes
        require_comparable(task.name, given, known, parameter, "fit")
        if task.classes is not None and given.dtype.kind == "f" and (given % 1 != 0).any():
            raise ValueError(
                f"Task {task.name!r} was fitted as one of classes, {known[:5].tolist()}, but {parameter} holds the "
                f"fraction {given[given % 1 != 0][0]}. For a task of numbers pass tasks={{{task.name!r}: "
                f"'regression'}} to MultiTaskNet, or use MultiTaskNetRegressor."
            )


def _given(labels: LabelMatrix) -> Iterator[np.ndarray]:
    """Labels of each task that are known."""
    if isinstance(labels.columns, StoredColumns):
        stored = labels.columns.stored
        return (cells_of_column(stored, k)[1] for k in range(stored.shape[1]))
    return (column[seen] for column, seen in zip(labels.columns, labels.observed.T, strict=True))
