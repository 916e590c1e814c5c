"""Parameters within parameters, where scikit-learn's nesting does not reach."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from sklearn.base import BaseEstimator

from skmtl._params import Params
from skmtl.balancing import BALANCERS
from skmtl.encoders import ENCODERS
from skmtl.estimators._encoding import as_encoder
from skmtl.sharing import SHARINGS
from skmtl.tasks import LOSSES
from skmtl.training import OPTIMIZERS

STRATEGIES: dict[str, dict[str, Any]] = {
    "encoder": ENCODERS,
    "sharing": SHARINGS,
    "balancing": BALANCERS,
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
}


class NestedParamsMixin(BaseEstimator):
    """Lets a grid search reach into ``loss_weights`` and the strategies."""

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
            return {**(current if isinstance(current, Mapping) else {}), inner: value}
        owners = [name for name in STRATEGIES if hasattr(self, name) and not isinstance(getattr(self, name), Mapping)]
        if owner in owners:
            current = as_encoder(self.encoder) if owner == "encoder" else getattr(self, owner)
            strategy = STRATEGIES[owner][current]() if isinstance(current, str) else copy.copy(current)
            return strategy.set_params(**{inner: value})
        raise ValueError(
            f"Invalid parameter {owner + '__' + inner!r} for {type(self).__name__}: only loss_weights, "
            f"{', '.join(owners)} have parameters of their own."
        )
