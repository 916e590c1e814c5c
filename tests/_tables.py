"""Tables of cases, and what their entries are made with."""

from typing import Any

import numpy as np
import pytest


def entries(table: dict[str, tuple[Any, ...]]) -> list[Any]:
    """Parameters of a test, whose ids are the names of the entries."""
    return [pytest.param(*entry, id=name) for name, entry in table.items()]


def with_cell(array: np.ndarray, value: Any, row: int = 3, column: int = 1, dtype: Any = None) -> np.ndarray:
    """Return the array with another value in one cell."""
    changed = array.astype(dtype) if dtype else array.copy()
    changed[row, column] = value
    return changed
