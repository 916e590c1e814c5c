"""One kind of each task for all folds."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from skmtl._sklearn import final_model


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
