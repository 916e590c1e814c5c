"""What tells the fits of an estimator from those of others."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from skmtl._sklearn import final_model
from skmtl.blocks import Source
from skmtl.checkpoints import NoCheckpoints
from skmtl.processes import current

WITHOUT_INFLUENCE = {"checkpoint": None, "n_jobs": None, "verbose": 0}  # on what is learned


def identity_of(estimator: Any, *data: Any) -> tuple[Any, ...]:
    """Class and parameters of an estimator that ends in a net, as far as a fit depends on them, beside its data.

    In a group of processes each has checkpoints of its own.
    """
    world = current().world
    data = tuple(part.identity() if isinstance(part, Source) else part for part in data)
    data = data if world.size == 1 else (*data, world.rank, world.size)
    if estimator is final_model(estimator):  # whose parameters need not be such as can be cloned
        return type(estimator), estimator.get_params(deep=False) | WITHOUT_INFLUENCE, data
    return _with_parameters(estimator, **WITHOUT_INFLUENCE), data


def seeded(estimator: Any, checkpoints: NoCheckpoints) -> Any:
    """An estimator that ends in a net, with the seed that stands for a ``random_state`` of None."""
    given = getattr(final_model(estimator), "random_state", None)
    seed = checkpoints.seed(given)
    return estimator if seed is given else _with_parameters(estimator, random_state=seed)


def _with_parameters(estimator: Any, **params: Any) -> Any:
    cloned = clone(estimator)
    final_model(cloned).set_params(**params)
    return cloned
