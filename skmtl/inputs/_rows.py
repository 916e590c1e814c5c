"""Sample weights, and the rows of X that have a label of positive weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from skmtl._sklearn import _num_samples, _safe_indexing
from skmtl.inputs._cells import from_tensor
from skmtl.inputs._labels import LabelMatrix, read_labels
from skmtl.inputs._names import plain_names, require_order
from skmtl.inputs._stored import StoredColumns, cells_of_column, with_values


def read_sample_weight(
    sample_weight: Any,
    n_rows: int,
    names: Sequence[Any],
    one_dimensional: bool,
    parameter: str = "sample_weight",
    *,
    of_block: bool = False,
) -> np.ndarray:
    """Weights of all cells, ``(n, n_tasks)`` float64, not to be written to: equal ones share memory.

    Those of a block of rows may all be zero.

    Raises
    ------
    ValueError
        If the shape does not fit, the columns of a data frame have the names of other tasks than ``names`` or in
        another order, a weight is negative or not finite, or all are zero.
    """
    n_tasks = len(names)
    if sample_weight is None:
        return np.broadcast_to(1.0, (n_rows, n_tasks))
    weights = as_numbers(sample_weight, parameter)
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.ndim > 1 and one_dimensional:
        raise ValueError(f"Sample weights must be 1D array or scalar where y is 1-D; got shape {weights.shape}.")
    if weights.shape not in ((n_rows,), (n_rows, n_tasks)):
        raise ValueError(
            f"{parameter} must have shape ({n_rows},) or ({n_rows}, {n_tasks}), a weight for each row or each cell "
            f"of y; got {weights.shape}."
        )
    if weights.ndim > 1 and len(names) > 1 and hasattr(sample_weight, "columns"):
        require_order(parameter, plain_names(sample_weight.columns), names, "y")
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(f"{parameter} must be finite and not negative; got {weights[bad][0]} in row {row}.")
    if not (of_block or weights.any()):
        raise ValueError(f"{parameter}: all weights are zero; at least one row needs a positive weight.")
    columns = weights[:, None] if weights.ndim == 1 else weights
    return np.broadcast_to(columns, (n_rows, n_tasks))


def as_numbers(values: Any, parameter: str) -> np.ndarray:
    """Values as float64.

    Raises
    ------
    ValueError
        If they are no numbers, or a masked array.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(
            f"{parameter} is a masked array, whose mask would be lost; pass {parameter}.filled(0) instead."
        )
    try:
        return np.asarray(from_tensor(values), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{parameter} must hold numbers: {error}.") from error


@dataclass(frozen=True)
class LabelledRows:
    """Rows of X with their labels and weights.

    Rows without any label are among them only where a fit uses them.

    Attributes
    ----------
    X : array-like of n rows
        As the user gave it, without the rows that carry nothing.
    labels : LabelMatrix
        Their labels.
    weights : ndarray or csc_array of shape (n, n_tasks)
        Sample weight of each cell, 0 where no label is; sparse where only cells with a label are kept.
    kept_mask : ndarray of shape (n_samples,), bool
        Which rows of what the user gave they are.
    """

    X: Any
    labels: LabelMatrix
    weights: np.ndarray | Any
    kept_mask: np.ndarray

    @property
    def row_weights(self) -> np.ndarray:
        """Weight of each row: the largest over its observed cells, ``(n,)``; 0 for rows without any label."""
        largest: Any = self.weights.max(axis=1)
        of_rows: np.ndarray = largest.toarray() if self.keeps_stored else largest
        return of_rows

    @property
    def keeps_stored(self) -> bool:
        """Whether only cells with a label are kept."""
        return bool(sp.issparse(self.weights))

    def cells(self, task: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, labels and weights ``(n_observed,)`` of the cells of a task whose weight is positive."""
        if isinstance(self.labels.columns, StoredColumns):
            rows, labels = cells_of_column(self.labels.columns.stored, task)
            return rows, labels, cells_of_column(self.weights, task)[1]
        weights = self.weights[:, task]
        rows = np.flatnonzero(weights > 0)
        return rows, self.labels.columns[task][rows], weights[rows]


def read_labelled_rows(
    X: Any,
    y: Any,
    sample_weight: Any,
    missing_label: object,
    estimator_name: str,
    suffix: str = "",
    *,
    keep_unlabeled: bool = False,
    of_block: bool = False,
    keep_stored: bool = False,
    n_before: int = 0,
) -> LabelledRows:
    """Read labels and weights and drop the rows without any; a weight of 0 is the same as no label.

    ``suffix`` ends the names of the parameters, as in "y_val". With ``keep_unlabeled`` rows without any label are kept,
    but those whose weight is 0. Rows ``of_block``, which are some of many, may be without any label.
    With ``keep_stored`` only the stored cells of a large sparse y are kept. Tasks without a name are numbered after
    ``n_before`` others.

    Raises
    ------
    ValueError
        If y is missing, its length is not that of X, there are no rows, or no label is left.
    """
    if y is None:
        raise ValueError(f"{estimator_name} requires y{suffix} to be passed, but the target y{suffix} is None.")
    n_rows = count_rows(X)
    labels = read_labels(y, missing_label, keep_stored=keep_stored, n_before=n_before)
    if labels.observed.shape[0] != n_rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X{suffix} has {n_rows} rows, "
            f"y{suffix} has {labels.observed.shape[0]}."
        )
    if not (n_rows or of_block):
        raise ValueError(f"X{suffix} has 0 rows, while a minimum of 1 is required.")
    if labels.one_dimensional and not (of_block or labels.observed.any()):
        raise ValueError(f"Input y{suffix} contains NaN: no row of it has a label.")
    of_cells = labels.names, labels.one_dimensional, f"sample_weight{suffix}"
    weights = read_sample_weight(sample_weight, n_rows, *of_cells, of_block=of_block)
    if sp.issparse(labels.observed):
        return _with_stored(X, labels, weights, sample_weight is not None, keep_unlabeled)
    counts = np.any(weights > 0, axis=1)
    if not labels.observed.all():
        weights = weights * labels.observed
    if sample_weight is not None:
        labels = replace(labels, observed=weights > 0)
    kept_mask: np.ndarray = np.any(weights > 0, axis=1)
    if not (of_block or kept_mask.any()):
        raise ValueError(f"No label is left: every cell of y{suffix} is missing or has sample weight zero.")
    if keep_unlabeled:
        kept_mask = counts
    if not kept_mask.all():
        rows = np.flatnonzero(kept_mask)
        X, labels, weights = take_rows(X, rows), labels.take(rows), weights[rows]
    return LabelledRows(X, labels, weights, kept_mask)


def _with_stored(
    X: Any, labels: LabelMatrix, weights: np.ndarray, weighted: bool, keep_unlabeled: bool
) -> LabelledRows:
    """The same where only the stored cells are kept; those of weight 0 go."""
    stored = labels.columns.stored  # type: ignore[attr-defined]
    own = with_values(stored, np.broadcast_to(np.float32(1), stored.nnz))
    if weighted:
        columns = np.repeat(np.arange(stored.shape[1]), np.diff(stored.indptr))
        own = with_values(stored, weights[stored.indices, columns])
        if not own.data.all():
            raise ValueError(
                "sample_weight is 0 for labels of a large sparse y; take these labels out of y, or these rows out of X."
            )
    kept_mask = np.diff(own.tocsr().indptr) > 0
    if not kept_mask.any():
        raise ValueError("No label is left: y stores none.")
    if not kept_mask.all() and not keep_unlabeled:
        rows = np.flatnonzero(kept_mask)
        X, labels, own = take_rows(X, rows), labels.take(rows), own[rows]
    return LabelledRows(X, labels, own, kept_mask)


def take_rows(X: Any, rows: np.ndarray) -> Any:
    """Rows of whatever X is, by their indices."""
    return _safe_indexing(_indexable(X), rows)


def _indexable(X: Any) -> Any:
    if hasattr(X, "tocsr"):
        return X.tocsr()
    return X if hasattr(X, "shape") or isinstance(X, list) else np.asarray(X)


def sliceable(X: Any) -> Any:
    """Whatever gives rows of X when it is sliced."""
    return X.iloc if hasattr(X, "iloc") else _indexable(X)


def count_rows(X: Any) -> int:
    """Return the number of rows of whatever X is.

    Raises
    ------
    TypeError
        If X is no table at all.
    """
    if X is None or (isinstance(X, dict | str) and not hasattr(X, "tocsr")):  # a dok_matrix is a dict
        raise TypeError(f"X must be a 2-D array, a sparse matrix or a data frame; got {type(X).__name__}.")
    return int(_num_samples(X))


class TaskLabels(NamedTuple):
    """The observed labels of one task.

    Attributes
    ----------
    name : hashable
        Name of the task.
    labels, weights : ndarray of shape (n_observed,)
        Labels and their sample weights.
    categorical : bool
        Whether the labels came with a categorical type.
    """

    name: Any
    labels: np.ndarray
    weights: np.ndarray
    categorical: bool = False


def require_same_tasks(parameter: str, labels: LabelMatrix, names: Sequence[Any]) -> None:
    """Check that labels are those of the fitted tasks; the name of a series is not compared.

    Raises
    ------
    ValueError
        If their number, their names or the order of their names differs.
    """
    if len(labels.names) != len(names):
        raise ValueError(f"{parameter} has {len(labels.names)} tasks; the estimator was fitted to {len(names)}.")
    if not labels.one_dimensional:
        require_order(parameter, labels.names, names, "fit")


def all_labels_by_task(labels: LabelMatrix) -> list[TaskLabels]:
    """Observed labels of each task, of weight 1; none where a task has none."""
    by_task = zip(labels.names, labels.columns, labels.observed.T, labels.categories, strict=True)
    return [
        TaskLabels(name, cells[seen], np.ones(seen.sum()), typed is not None) for name, cells, seen, typed in by_task
    ]


def labels_by_task(observations: LabelledRows, classes: list[np.ndarray | None]) -> list[TaskLabels]:
    """Observed labels of each task; where ``classes`` gives the classes of a task, these.

    Raises
    ------
    ValueError
        If a task has neither a label nor classes.
    """
    labels, columns = observations.labels, []
    per_task = zip(labels.names, labels.categories, classes, strict=True)
    for task, (name, categories, known) in enumerate(per_task):
        _, seen, weights = observations.cells(task)
        if known is not None:
            columns.append(TaskLabels(name, known, np.ones(len(known)), categorical=True))
        elif len(seen):
            columns.append(TaskLabels(name, seen, weights, categories is not None))
        else:
            raise ValueError(
                f"Task {name!r} has no label: every cell of its column is missing or has weight zero. "
                f"Drop the column, or give it at least one label; in partial_fit, a batch with one has to come first."
            )
    return columns
