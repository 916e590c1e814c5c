"""Weighted scores of one task on its observed cells; numpy only."""

from __future__ import annotations

import numpy as np


def accuracy(y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray) -> float:
    """Weighted share of equal labels; all arrays ``(n_observed,)``."""
    return float(np.average(y_true == y_pred, weights=weights))


def r2(y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray) -> float:
    """Coefficient of determination; all arrays ``(n_observed,)``.

    As in scikit-learn, a constant truth scores 1 if predicted exactly, else 0.
    """
    unit = float(np.abs(y_true).max()) or 1.0  # squares of very large or small numbers would leave the range of floats
    y_true, y_pred = y_true / unit, y_pred / unit
    residual = float((weights * (y_true - y_pred) ** 2).sum())
    total = float((weights * (y_true - (weights * y_true).sum() / weights.sum()) ** 2).sum())
    if total == 0:
        return 1.0 if residual == 0 else 0.0
    return 1.0 - residual / total
