"""Sample weights: from what users write to an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmtl.inputs._containers import from_tensor
from skmtl.inputs._names import plain_names, require_order


def read_sample_weight(
    sample_weight: Any,
    n_rows: int,
    names: Sequence[Any],
    one_dimensional: bool,
    parameter: str = "sample_weight",
) -> np.ndarray:
    """Weights of all cells, ``(n, n_tasks)`` float64, not to be written to: equal ones share memory.

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
    if not weights.any():
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
