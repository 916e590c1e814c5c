"""Rows that are divided into folds, which takes them in memory."""

from __future__ import annotations

from typing import Any

from sklearn.utils import indexable

from skmtl.estimators._sources import require_in_memory


def read_rows(caller: str, X: Any, y: Any) -> tuple[Any, Any]:
    """X and y, of as many rows, so that rows can be taken of them by their indices.

    Raises
    ------
    TypeError
        If X is read in blocks.
    ValueError
        If the numbers of rows differ.
    """
    require_in_memory(
        caller, X, "Pass some of the rows, or all: X, y, sample_weight = skmtl.blocks.Source(...).read_all()."
    )
    X, y = indexable(X, y)
    return X, y
