"""Checks of the ``classes`` of partial_fit against the tasks."""

from __future__ import annotations

import numpy as np

from skmtl.tasks import Task


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
