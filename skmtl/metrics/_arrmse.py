"""Error relative to that of the mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmtl.inputs import read_labels, require_same_tasks
from skmtl.metrics._average import Average, averaged
from skmtl.metrics._cells import TaskCells, read_cells
from skmtl.metrics._documentation import documented


@documented(
    "no task has observed cells that differ from the reference",
    y_train=(
        "array-like or data frame of shape (n_train,) or (n_train, n_tasks)",
        "Labels that the model was trained on, whose means are the reference; NaN as in ``y_true``. None: the means of "
        "``y_true``, which no model could have known; the score of a task is then the root of 1 - R2.",
    ),
)
def arrmse(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    y_train: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Average relative root mean squared error.

    Each task's error over that of predicting its training mean, mean over the
    tasks; lower is better, and 1 is no better than the mean.

    Notes
    -----
    With y and p the labels and predictions of a task's observed cells, w their weights and m the mean of the task's
    observed training labels, the score of the task is ``sqrt(sum(w (y - p)**2) / sum(w (y - m)**2))`` [1]_.

    References
    ----------
    .. [1] E. Spyromitros-Xioufis, G. Tsoumakas, W. Groves and I. Vlahavas, "Multi-target regression via input space
       expansion: treating targets as inputs", Machine Learning 104, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import arrmse
    >>> y_true = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]])
    >>> y_pred = np.array([[1.0, 20.0], [2.0, 20.0], [3.0, 20.0]])
    >>> arrmse(y_true, y_pred, average=None)
    array([0., 1.])
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    names = [task.name for task in cells]
    means = {} if y_train is None else _training_means(y_train, missing_label, names)

    def of_task(task: TaskCells) -> float:
        return _relative_error(task, means.get(task.name, np.average(task.y_true, weights=task.weights)))

    return averaged(of_task, cells, average, task_weights, greater_is_better=False)


def _training_means(y_train: Any, missing_label: object, names: list[Any]) -> dict[Any, float]:
    columns = training_labels(y_train, missing_label, names)
    return {name: float(column.mean()) for name, column in zip(names, columns, strict=True)}


def training_labels(y_train: Any, missing_label: object, names: list[Any]) -> list[np.ndarray]:
    """Observed labels that each task was trained on.

    Raises
    ------
    ValueError
        If the tasks are not those of ``names``, or one has no label.
    """
    labels = read_labels(y_train, missing_label)
    require_same_tasks("y_train", labels, names)
    unlabelled = ~labels.observed.any(axis=0)
    if unlabelled.any():
        raise ValueError(
            f"Task {names[unlabelled.argmax()]!r} has no label in y_train, so that nothing is known of it."
        )
    return [column[seen] for column, seen in zip(labels.columns, labels.observed.T, strict=True)]


def _relative_error(task: TaskCells, mean: float) -> float:
    of_mean = np.sum(task.weights * (task.y_true - mean) ** 2)
    return float(np.sqrt(np.sum(task.weights * (task.y_true - task.y_pred) ** 2) / of_mean)) if of_mean else np.nan
