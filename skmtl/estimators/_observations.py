"""What a fit sees: the rows that carry a label and a weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skmtl.estimators._weights import read_sample_weight
from skmtl.tasks import LabelMatrix, read_labels


@dataclass(frozen=True)
class Observations:
    """Rows of X with their labels and weights.

    Attributes
    ----------
    X : array-like of n rows
        As the user gave it, without the rows that carry nothing.
    labels : LabelMatrix
        Their labels.
    weights : ndarray of shape (n, n_tasks)
        Sample weight of each cell, 0 where no label is.
    """

    X: Any
    labels: LabelMatrix
    weights: np.ndarray

    @property
    def row_weights(self) -> np.ndarray:
        """Weight of each row: the largest over its observed cells, ``(n,)``."""
        largest: np.ndarray = self.weights.max(axis=1)
        return largest


def read_observations(X: Any, y: Any, sample_weight: Any, missing_label: object, estimator_name: str) -> Observations:
    """Read labels and weights and drop the rows without any; a weight of 0 is the same as no label.

    Raises
    ------
    ValueError
        If y is missing, its length is not that of X, or no label is left.
    """
    if y is None:
        raise ValueError(f"{estimator_name} requires y to be passed, but the target y is None.")
    n_rows = count_rows(X)
    labels = read_labels(y, missing_label)
    if len(labels.observed) != n_rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_rows} rows, y has "
            f"{len(labels.observed)}."
        )
    if labels.one_dimensional and not labels.observed.any():
        raise ValueError("Input y contains NaN: no row of it has a label.")
    n_tasks = len(labels.names)
    weights = read_sample_weight(sample_weight, n_rows, n_tasks, labels.one_dimensional) * labels.observed
    carries = (weights > 0).any(axis=1)
    if not carries.any():
        raise ValueError("No label is left: every cell of y is missing or has sample weight zero.")
    if not carries.all():
        rows = np.flatnonzero(carries)
        indexable = X if hasattr(X, "iloc") or hasattr(X, "shape") or isinstance(X, list) else np.asarray(X)
        X, labels, weights = _safe_indexing(indexable, rows), labels.take(rows), weights[rows]
    return Observations(X, labels, weights)


def count_rows(X: Any) -> int:
    """Return the number of rows of whatever X is.

    Raises
    ------
    TypeError
        If X is no table at all.
    """
    if X is None or isinstance(X, dict | str):
        raise TypeError(f"X must be a 2-D array, a sparse matrix or a data frame; got {type(X).__name__}.")
    return int(_num_samples(X))


class Column(NamedTuple):
    """The observed labels of one task.

    Attributes
    ----------
    name : str
        Name of the task.
    labels, weights : ndarray of shape (n_observed,)
        Labels and their sample weights.
    """

    name: str
    labels: np.ndarray
    weights: np.ndarray


def observed_columns(observations: Observations, classes: Any = None) -> list[Column]:
    """Observed labels of each task; where ``classes`` gives the classes of a task, these.

    Raises
    ------
    ValueError
        If a task has neither a label nor classes, or ``classes`` has not one entry a task.
    """
    labels = observations.labels
    if classes is not None and labels.one_dimensional:
        classes = [classes]
    given = [None] * len(labels.names) if classes is None else list(classes)
    if len(given) != len(labels.names):
        raise ValueError(f"classes must have one entry for each of the {len(labels.names)} tasks; got {len(given)}.")
    columns = []
    for name, column, weights, known in zip(labels.names, labels.columns, observations.weights.T, given, strict=True):
        seen = weights > 0
        if known is not None:
            values = np.unique(np.asarray(known))
            columns.append(Column(name, values, np.ones(len(values))))
        elif seen.any():
            columns.append(Column(name, column[seen], weights[seen]))
        else:
            raise ValueError(
                f"Task {name!r} has no label: every cell of its column is missing or has weight zero. "
                f"Drop the column, or give it at least one label."
            )
    return columns
