"""Validation rows that did not go through the steps of a pipeline as the training rows did."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_CURE = (
    "X_val must be as X is where it reaches the network. In a Pipeline its steps transform X alone; they transform "
    "X_val too with Pipeline(..., transform_input=['X_val']), set_fit_request(X_val=True, y_val=True) of the network "
    "and sklearn.set_config(enable_metadata_routing=True): then call fit(X, y, X_val=..., y_val=...) of the pipeline."
)


@contextmanager
def told_of_pipelines() -> Iterator[None]:
    """Tell in errors and warnings about the features of X_val how it goes through the steps of a pipeline."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=".*feature names", category=UserWarning)
        try:
            yield
        except ValueError as error:
            if "feature" not in str(error):
                raise
            raise ValueError(f"X_val: {error} {_CURE}") from error
    for warning in caught:
        told = f"X_val: {warning.message}. {_CURE}" if "feature names" in str(warning.message) else warning.message
        warnings.warn(told, warning.category, stacklevel=5)


def warn_of_other_ranges(X: Any, X_val: Any) -> None:
    """Warn where most columns of X_val lie outside of those of X, as rows do that were not scaled."""
    if not all(isinstance(rows, np.ndarray) or hasattr(rows, "columns") for rows in (X, X_val)):
        return
    arrays = [np.asarray(rows) for rows in (X, X_val)]
    if any(array.ndim != 2 or array.dtype.kind not in "iuf" or not array.size for array in arrays):
        return
    seen, new = arrays
    low, high, middle = np.fmin.reduce(seen), np.fmax.reduce(seen), np.median(new, axis=0)
    outside = np.count_nonzero((middle < low) | (middle > high))
    if outside > len(low) / 2:
        warnings.warn(
            f"The median of X_val lies outside the range of X in {outside} of {len(low)} columns. {_CURE}", stacklevel=5
        )
