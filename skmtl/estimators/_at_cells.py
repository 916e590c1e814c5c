"""Predictions and scores of the stored cells of a sparse matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from skmtl.fitting import count_threads, labels_at_cells, predicts_single_cells
from skmtl.inputs import LabelledRows, cells_of_column, count_rows, stored_by_column


def predict_cells(estimator: Any, X: Any, cells: Any) -> sparse.csr_array:
    """Predicted labels of the stored cells, as a sparse array of the same cells.

    Raises
    ------
    TypeError
        If ``cells`` is not sparse.
    ValueError
        If it has another shape than the predictions, or labels are no numbers.
    """
    check_is_fitted(estimator, "network_")
    if not hasattr(cells, "tocsr"):
        raise TypeError(f"cells must be a sparse matrix that stores the cells to predict; got {type(cells).__name__}.")
    expected = count_rows(X), len(estimator.tasks_)
    if cells.shape != expected:
        raise ValueError(
            f"cells must have the shape {expected}, a row for each of X and a column a task; got {cells.shape}."
        )
    pattern = stored_by_column(cells)
    found = columns_at(estimator, X, pattern)
    values = np.concatenate(found)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"A sparse matrix holds numbers, and predicted labels are of type {values.dtype}; leave cells out, or "
            f"number the classes."
        )
    return sparse.csc_array((values, pattern.indices, pattern.indptr), shape=pattern.shape).tocsr()


def columns_at(estimator: Any, X: Any, cells: Any) -> list[np.ndarray]:
    """Predicted labels of the stored cells, one array ``(n_stored,)`` a task."""
    together = estimator._tasks_together()
    if not predicts_single_cells(together):
        columns = estimator._predict_columns(X)
        return [column[cells_of_column(cells, k)[0]] for k, column in enumerate(columns)]
    estimator._check_columns(X)
    thresholds = getattr(estimator, "thresholds_", {})
    return labels_at_cells(together[0], estimator.encoder_, X, cells, thresholds, count_threads(estimator.n_jobs))


def scores_at(estimator: Any, observed: LabelledRows) -> dict[Any, float]:
    """Score of each task on the labels that are kept."""
    found = columns_at(estimator, observed.X, observed.weights)
    scores = {}
    for k, (task, predicted) in enumerate(zip(estimator.tasks_, found, strict=True)):
        _, labels, weights = observed.cells(k)
        scores[task.name] = task.kind.metric(labels, predicted, weights)
    return scores
