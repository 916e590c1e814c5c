"""Truth and predictions by task, on the observed cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmtl.inputs import (
    LabelMatrix,
    are_names,
    from_tensor,
    plain_names,
    read_labels,
    read_sample_weight,
    require_comparable,
    require_order,
)


@dataclass(frozen=True)
class TaskCells:
    """The observed cells of one task.

    Attributes
    ----------
    name : hashable
        Name of the task.
    y_true : ndarray of shape (n_observed,)
        Labels.
    y_pred : ndarray of shape (n_observed,) or (n_observed, n_classes)
        Predicted labels, or scores of the classes.
    weights : ndarray of shape (n_observed,)
        Positive sample weights.
    classes : ndarray of shape (n_classes,), optional
        What the columns of scores stand for, where that is known.
    """

    name: Any
    y_true: np.ndarray
    y_pred: np.ndarray
    weights: np.ndarray
    classes: np.ndarray | None = None

    @property
    def known_classes(self) -> np.ndarray:
        """The classes, or where these are not known the observed ones."""
        return np.unique(self.y_true) if self.classes is None else self.classes


def read_cells(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    missing_label: object = None,
    task_names: Any = None,
    classes: Any = None,
) -> list[TaskCells]:
    """Read predicted labels, one entry a task.

    Raises
    ------
    ValueError
        If shapes, names or types do not go together, or a prediction is missing where there is a label.
    """
    truth, weights, names = _read_truth(y_true, sample_weight, missing_label, task_names)
    if _are_probabilities(y_pred):
        raise ValueError(
            "y_pred must hold labels, as predict returns them; got a list of 2-D arrays, as predict_proba returns "
            "them. Metrics of probabilities are roc_auc, average_precision, log_loss and brier."
        )
    predicted = read_labels(y_pred)
    if predicted.observed.shape[1] == len(names) > 1:
        require_order("y_pred", predicted.names, names, "y_true")
    if predicted.observed.shape != truth.observed.shape:
        raise ValueError(
            f"y_pred must have the shape of y_true, {truth.observed.shape}; got {predicted.observed.shape}. "
            "Pass what predict returns for these rows."
        )
    lost = (weights > 0) & ~predicted.observed
    if lost.any():
        row, task = np.argwhere(lost)[0]
        raise ValueError(
            f"Task {truth.names[task]!r}: row {row} has a label and no y_pred. Predict every labelled row."
        )
    cells = _cut(truth, predicted.columns, weights, classes)
    for task in cells:
        require_comparable(task.name, task.y_true, task.y_pred, "y_true", "y_pred")
    return cells


def _are_probabilities(y_pred: Any) -> bool:
    return isinstance(y_pred, list) and any(getattr(of_task, "ndim", 0) == 2 for of_task in y_pred)


def read_score_cells(
    y_true: Any,
    y_score: Any,
    sample_weight: Any = None,
    missing_label: object = None,
    task_names: Any = None,
    classes: Any = None,
) -> list[TaskCells]:
    """Read scores of classes, one entry a task; a task whose scores are None has no cell.

    Raises
    ------
    ValueError
        If shapes do not go together.
    """
    truth, weights, _ = _read_truth(y_true, sample_weight, missing_label, task_names)
    scores = _score_columns(y_score, *truth.observed.shape)
    weights = weights * [score is not None for score in scores]
    for name, score, of_task in zip(truth.names, scores, weights.T, strict=True):
        lost = (of_task > 0) & (score is not None and np.isnan(score).reshape(len(of_task), -1).any(axis=1))
        if lost.any():
            raise ValueError(
                f"Task {name!r}: row {lost.argmax()} has a label and no y_score. Score every labelled row, or give the "
                "others weight 0."
            )
    nothing = np.zeros(len(weights))
    return _cut(truth, [nothing if score is None else score for score in scores], weights, classes)


def _read_truth(
    y_true: Any, sample_weight: Any, missing_label: object, task_names: Any
) -> tuple[LabelMatrix, np.ndarray, list[Any]]:
    """Labels under their tasks' names, weights that are 0 where no label is, and the names that predictions have."""
    truth = read_labels(y_true, missing_label)
    weights = read_sample_weight(sample_weight, len(truth.observed), truth.names, truth.one_dimensional)
    own = list(truth.names)
    if task_names is not None:
        n_tasks = len(truth.names)
        if len(task_names) != n_tasks:
            raise ValueError(f"task_names must name the {n_tasks} tasks of y_true; got {len(task_names)} names.")
        truth.names[:] = plain_names(task_names)
    return truth, weights * truth.observed, own if are_names(own) else truth.names


def _cut(truth: LabelMatrix, predicted: Sequence[np.ndarray], weights: np.ndarray, classes: Any) -> list[TaskCells]:
    known = read_known_classes(classes, len(truth.names))
    columns = zip(truth.names, map(_signed, truth.columns), map(_signed, predicted), weights.T, known, strict=True)
    return [
        TaskCells(name, labels[w > 0], y_pred[w > 0], w[w > 0], of_task) for name, labels, y_pred, w, of_task in columns
    ]


def _signed(labels: np.ndarray) -> np.ndarray:
    """Unsigned integers as signed ones, where these hold them: numpy joins the two to floats."""
    if labels.dtype.kind == "u" and labels.max(initial=0) <= np.iinfo(np.int64).max:
        return labels.astype(np.int64)
    return labels


def read_known_classes(classes: Any, n_tasks: int) -> list[np.ndarray | None]:
    """Classes of each task as ``classes_`` holds them: an array for one task, else a list.

    Raises
    ------
    ValueError
        If there is not one entry a task.
    """
    if classes is None:
        return [None] * n_tasks
    if n_tasks == 1 and not any(np.ndim(entry) for entry in classes):
        classes = [classes]
    if len(classes) != n_tasks:
        raise ValueError(
            f"classes must have one entry for each of the {n_tasks} tasks; got {len(classes)}. "
            "Pass the classes_ of the estimator that gave the scores."
        )
    return [None if entry is None else _signed(np.asarray(entry)) for entry in classes]


def _score_columns(y_score: Any, n_rows: int, n_tasks: int) -> list[np.ndarray | None]:
    """Scores of each task, ``(n,)`` or ``(n, n_classes)``."""
    by_task = isinstance(y_score, Sequence) and all(s is None or getattr(s, "ndim", 0) > 0 for s in y_score)
    columns = list(y_score) if by_task else _columns_of_array(np.asarray(from_tensor(y_score)), n_tasks)
    if len(columns) != n_tasks:
        raise ValueError(f"y_score has an entry for {len(columns)} tasks, y_true has {n_tasks} tasks.")
    scores = [None if column is None else np.asarray(from_tensor(column)) for column in columns]
    for score in scores:
        if score is not None and (score.ndim > 2 or len(score) != n_rows):
            raise ValueError(
                f"y_score must have {n_rows} rows, those of y_true, in each task; got an array of shape {score.shape}."
            )
    return scores


def _columns_of_array(array: np.ndarray, n_tasks: int) -> list[Any]:
    """One array: of all classes of one task, or of the second class of each of several."""
    return [array] if n_tasks == 1 or array.ndim != 2 else list(array.T)
