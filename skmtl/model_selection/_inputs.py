"""What is divided into folds: rows in memory, and estimators that take the tasks of all folds for the same."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone
from sklearn.utils import indexable

from skmtl._sklearn import final_model
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


def settle_kinds(estimator: Any, y: Any) -> Any:
    """Clone whose inferred kinds are those of all labels, where folds of them could be taken for others.

    Anything that infers none, or finds no kind in ``y`` (which its fits will tell), is returned as it is.
    """
    if not hasattr(final_model(estimator), "_infer_kinds"):
        return estimator
    try:
        kinds = final_model(estimator)._infer_kinds(y)
    except (TypeError, ValueError):
        return estimator
    settled = clone(estimator)
    final_model(settled).set_params(tasks=kinds)
    return settled
