"""Fitted estimators of several kinds and sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetRegressor


def table(n_rows: int = 600, n_features: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and the labels of two classes and of a number that depends on them in waves."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_features))
    return X, np.column_stack([X[:, 0] + X[:, 1] > 0, np.sin(4 * X[:, 2]) + X[:, 3]])


def models() -> dict[str, tuple[Any, Any]]:
    """Name to estimator and rows."""
    X, y = table()
    images = np.random.default_rng(0).integers(0, 256, (200, 1, 8, 8)).astype(np.uint8)
    short = {"max_iter": 2, "random_state": 0}  # what the weights are does not matter here
    wide = {"hidden_layer_sizes": (1000, 1000), "n_estimators": 4}
    return {
        "table": (MultiTaskNet(**short).fit(X, y), X),
        "corrected": (MultiTaskNet(**short, local_correction=True).fit(X, y), X),
        "images": (MultiTaskNetRegressor(**short, encoder="convolution").fit(images, y[:200]), images),
        "pipeline": (make_pipeline(StandardScaler(), MultiTaskNetRegressor(**short)).fit(X, y), X),
        "wide": (MultiTaskNetRegressor(**short, **wide).fit(X, y), X),
    }
