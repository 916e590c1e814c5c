"""Metrics of predicted classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmtl.metrics._average import Average, averaged
from skmtl.metrics._cells import TaskCells, read_cells
from skmtl.metrics._documentation import documented
from skmtl.metrics._tables import balanced_accuracy_of, f1_of


@documented("no task has an observed cell")
def accuracy(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Fraction of the observed labels that are predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import accuracy
    >>> y_true = np.array([[0, 1], [1, np.nan], [1, 0], [0, np.nan]])
    >>> y_pred = np.array([[0, 1], [1, 1], [0, 1], [0, 0]])
    >>> accuracy(y_true, y_pred, average=None)
    array([0.75, 0.5 ])
    >>> accuracy(y_true, y_pred), accuracy(y_true, y_pred, average="worst")
    (0.625, 0.5)
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_accuracy, cells, average, task_weights)


@documented("no task has an observed cell")
def balanced_accuracy(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """Balanced accuracy: mean over the observed classes of the fraction of their labels that are predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import balanced_accuracy
    >>> y_true = np.array([[0, 1], [0, np.nan], [0, 0], [1, 1]])
    >>> y_pred = np.array([[0, 1], [0, 1], [0, 1], [0, 1]])
    >>> balanced_accuracy(y_true, y_pred, average=None)
    array([0.5, 0.5])
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names)
    return averaged(_balanced_accuracy, cells, average, task_weights)


@documented("no task has a second class, or nothing of it is observed or predicted")
def f1(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: Average | str | None = "macro",
    task_weights: Any = None,
    classes: Any = None,
    missing_label: object = None,
    task_names: Any = None,
) -> Any:
    """F1 score of the second class; with more than two classes, the mean over all.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import f1
    >>> y_true = np.array([[0, 1], [1, np.nan], [1, 0], [0, 1]])
    >>> y_pred = np.array([[0, 1], [1, 1], [0, 0], [0, 1]])
    >>> f1(y_true, y_pred, average=None).round(2)
    array([0.67, 1.  ])
    """
    cells = read_cells(y_true, y_pred, sample_weight, missing_label, task_names, classes)
    return averaged(_f1, cells, average, task_weights)


def _accuracy(task: TaskCells) -> float:
    return float(np.average(_require_labels(task).y_true == task.y_pred, weights=task.weights))


def _balanced_accuracy(task: TaskCells) -> float:
    # scikit-learn's balanced accuracy is this, with a warning where a class is predicted that is not observed
    return float(balanced_accuracy_of(_table(task, np.unique(task.y_true))))


def _f1(task: TaskCells) -> float:
    classes = classes_of_labels(task)
    return float("nan") if len(classes) < 2 else float(f1_of(_table(task, classes)[:, :-1]))


def _table(task: TaskCells, classes: np.ndarray) -> np.ndarray:
    """Weights by true and predicted class, ``(n_classes, n_classes + 1)``; the last column is of any other label."""
    codes_true, codes_pred = codes_of_labels(task, classes)
    table = np.zeros((len(classes), len(classes) + 1))
    np.add.at(table, (codes_true, codes_pred), task.weights)
    return table


def classes_of_labels(task: TaskCells) -> np.ndarray:
    """Classes that are known, observed or predicted, sorted."""
    return np.unique(np.concatenate([task.known_classes, task.y_true, task.y_pred]))


def codes_of_labels(task: TaskCells, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth and predictions as positions in the sorted classes; -1 is a prediction of none of these."""
    _require_labels(task)
    index = np.searchsorted(classes, task.y_pred).clip(max=len(classes) - 1)
    codes_pred = np.where(classes[index] == task.y_pred, index, -1)
    return np.searchsorted(classes, task.y_true), codes_pred


def _require_labels(task: TaskCells) -> TaskCells:
    """Check that truth and predictions are labels of classes, which numbers with fractions are not."""
    for parameter, labels in {"y_true": task.y_true, "y_pred": task.y_pred}.items():
        if labels.dtype.kind == "f" and (labels % 1 != 0).any():
            raise ValueError(
                f"{parameter} is continuous: it holds {labels[labels % 1 != 0][0]}, which is the label of no class. "
                "Pass what predict returns; roc_auc, average_precision, log_loss and brier take probabilities."
            )
    return task
