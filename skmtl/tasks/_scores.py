"""Weighted scores of one task on its observed cells, NaN where they are not defined; numpy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

MIN_CELLS_OF_R2 = 2
TOO_FEW = "too few of its cells are observed, or they hold one class only. Score more rows."


def accuracy(y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray) -> float:
    """Weighted fraction of equal labels; all arrays ``(n_observed,)``."""
    return float(np.average(y_true == y_pred, weights=weights)) if len(y_true) else float("nan")


def r2(y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray) -> float:
    """Coefficient of determination, which needs two cells; all arrays ``(n_observed,)``.

    As in scikit-learn, a constant truth scores 1 if predicted exactly, else 0.
    """
    if len(y_true) < MIN_CELLS_OF_R2:
        return float("nan")
    y_true, y_pred = y_true.astype(np.float64), y_pred.astype(np.float64)
    unit = float(np.abs(y_true).max()) or 1.0  # squares of very large or small numbers would leave the range of floats
    y_true, y_pred = y_true / unit, y_pred / unit
    residual = float((weights * (y_true - y_pred) ** 2).sum())
    total = float((weights * (y_true - (weights * y_true).sum() / weights.sum()) ** 2).sum())
    if total == 0:
        return 1.0 if residual == 0 else 0.0
    return 1.0 - residual / total


def require_defined(scores: np.ndarray) -> np.ndarray:
    """Check that the score of a task is defined.

    Raises
    ------
    ValueError
        If all are NaN.
    """
    if np.isnan(scores).all():
        raise ValueError(f"The score is not defined for any task: {TOO_FEW}")
    return scores


def mean_score(scores: Iterable[float]) -> float:
    """Mean over the tasks whose score is defined."""
    return float(np.nanmean(require_defined(np.array(list(scores)))))
