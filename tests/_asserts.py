"""What several tests of fitted estimators check."""

from typing import Any

import numpy as np
from numpy.testing import assert_array_equal


def assert_same_predictions(first: Any, second: Any, X: Any) -> None:
    """Check that two fits predict the same bits."""
    assert_array_equal(first.predict(X), second.predict(X))
    if hasattr(first, "predict_proba"):
        for one, other in zip(first.predict_proba(X), second.predict_proba(X), strict=True):
            assert_array_equal(one, other)


def finite_predictions(model: Any, X: Any) -> np.ndarray:
    """Check that all that a model says of X is finite, and return it as one array."""
    predicted = model.predict(X)
    parts = [predicted.reshape(len(predicted), -1)]
    if hasattr(model, "predict_proba"):
        proba = model.predict_proba(X)
        parts += [p for p in (proba if isinstance(proba, list) else [proba]) if p is not None]
    together = np.column_stack([part.astype(float) for part in parts])
    assert np.isfinite(together).all()
    return together
