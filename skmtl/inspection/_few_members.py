"""Networks of few members in place of large ensembles, where many networks are compared."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from skmtl._params import require_integer
from skmtl._sklearn import final_model
from skmtl.model_selection.search._candidates import require_net


def with_few_members(estimator: Any, n_estimators: int | None, user: str) -> Any:
    """Clone of an estimator whose net has at most so many members; ``user`` is named in errors.

    Raises
    ------
    TypeError
        If it is not one of skmtl's.
    ValueError
        If the number is not usable.
    """
    members = require_net(estimator, user).n_estimators
    cloned = clone(estimator)
    if n_estimators is not None:
        require_integer("n_estimators", n_estimators, 1, " or None")
        final_model(cloned).set_params(n_estimators=min(n_estimators, members))
    return cloned
