"""Parameters within parameters, where scikit-learn's nesting does not reach."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Self

from sklearn.base import BaseEstimator, clone

from skmtl._params import Params
from skmtl.balancing import BALANCERS
from skmtl.collaboration import COLLABORATIONS
from skmtl.encoders import ENCODERS
from skmtl.estimators._encoding import as_encoder
from skmtl.sharing import SHARINGS
from skmtl.tasks import LOSSES
from skmtl.training import AVERAGES, OPTIMIZERS, PEER_SHARINGS, as_device

STRATEGIES: dict[str, dict[str, Any]] = {
    "encoder": ENCODERS,
    "sharing": SHARINGS,
    "balancing": BALANCERS,
    "collaboration": COLLABORATIONS,
    "peer_sharing": PEER_SHARINGS,
    "optimizer": OPTIMIZERS,
    "weight_average": AVERAGES,
    "loss": LOSSES,
    "device": {},
    "checkpoint": {},
}
READERS: dict[str, Callable[[Any], Params]] = {"encoder": as_encoder, "device": as_device}


class NestedParamsMixin(BaseEstimator):
    """Lets a grid search reach into ``loss_weights``, the strategies and a transformer of targets."""

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        """Names of the parameters, read from the signature once: a search asks thousands of times."""
        names: list[str] = super()._get_param_names()
        return names

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``loss_weights__<task>`` and ``sharing__<parameter>`` reach into them.

        Parameters
        ----------
        **params : dict
            Values by name. A weight set on None or a sequence begins a dict in which unnamed tasks weigh 1; a parameter
            set on a strategy's name builds that strategy.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            If a name is unknown, or reaches into a value that has no parameters.
        """
        nested = {name: value for name, value in params.items() if "__" in name}
        super().set_params(**{name: value for name, value in params.items() if name not in nested})
        for name, value in nested.items():
            owner, _, inner = name.partition("__")
            setattr(self, owner, self._with_inner(owner, inner, value))
        return self

    def _with_inner(self, owner: str, inner: str, value: Any) -> Any:
        if owner == "loss_weights":
            current = self.loss_weights
            if isinstance(current, Params) and inner in current.get_params():
                return copy.copy(current).set_params(**{inner: value})
            by_name = dict(current) if isinstance(current, Mapping) else {}
            return by_name | {next((name for name in by_name if str(name) == inner), inner): value}
        if owner == "target_transform" and hasattr(getattr(self, owner, None), "set_params"):
            return clone(self.target_transform).set_params(**{inner: value})
        owners = [name for name in STRATEGIES if hasattr(self, name) and not isinstance(getattr(self, name), Mapping)]
        if owner in owners:
            given = getattr(self, owner)
            return _with_setting(owner, READERS[owner](given) if owner in READERS else given, inner, value)
        raise ValueError(
            f"Invalid parameter {owner + '__' + inner!r} for {type(self).__name__}: only loss_weights, "
            f"{', '.join(owners)} have parameters of their own."
        )


def _with_setting(parameter: str, strategy: Any, name: str, value: Any) -> Any:
    """Copy of a strategy, by name or as an object, with a setting changed, which may be one of a strategy within it."""
    known = STRATEGIES[parameter]
    if not (strategy in known if isinstance(strategy, str) else isinstance(strategy, Params)):
        names = ", ".join(map(repr, known))
        choice = f"to one of {names} or an object" if known else "to an object"
        raise ValueError(
            f"{parameter}__{name} cannot be set, as {parameter}={strategy!r} has no parameters. Set {parameter} "
            f"{choice} before."
        )
    changed = known[strategy]() if isinstance(strategy, str) else copy.copy(strategy)
    outer, _, inner = name.partition("__")
    if inner and outer in STRATEGIES:
        value = _with_setting(outer, getattr(changed, outer), inner, value)
    return changed.set_params(**{outer: value})
