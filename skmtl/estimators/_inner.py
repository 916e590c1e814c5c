"""The net at the end of pipelines and searches, and what reaches it."""

from __future__ import annotations

import copy
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skmtl._sklearn import layers_of, preprocessing


def at_net(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The fitted net, and rows as the steps before it leave them.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If no estimator of skmtl is at the end of it.
    """
    layers = require_net(estimator)
    for layer in layers:
        for step in preprocessing(layer):
            X = step.transform(X)
    return layers[-1], X


def require_net(estimator: Any) -> list[Any]:
    """What an estimator wraps, from itself to the fitted net.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If no estimator of skmtl is at the end of it.
    """
    layers = layers_of(estimator)
    net = layers[-1]
    if not hasattr(net, "_predict_columns"):
        if hasattr(net, "fit"):
            check_is_fitted(net)
        raise TypeError(
            "An estimator of skmtl is needed, or a fitted pipeline, search or FrozenEstimator that ends in one; "
            f"got {type(estimator).__name__}, which ends in {type(net).__name__}. A search needs refit=True."
        )
    check_is_fitted(net, "network_")
    return layers


def detached(estimator: Any) -> Any:
    """The net with the steps before it, which later fits of the estimator do not change."""
    *outer, net = require_net(estimator)
    net = copy.copy(net)  # a later fit gives the estimator other weights, not the copy
    steps = [step for layer in outer for step in preprocessing(layer)]
    if not steps:
        return net
    return Pipeline([(f"step{k}", copy.deepcopy(step)) for k, step in enumerate(steps)] + [("net", net)])
