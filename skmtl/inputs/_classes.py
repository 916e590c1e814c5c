"""The ``classes`` of partial_fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmtl.inputs._labels import LabelMatrix


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
