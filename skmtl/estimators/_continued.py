"""Training that goes on: whether the parameters still describe what it goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from skmtl._params import resolve
from skmtl.defaults import ROW_CORRECTIONS, is_auto
from skmtl.estimators._encoding import as_encoder
from skmtl.fitting import read_sizes
from skmtl.sharing import SHARINGS, Sharing
from skmtl.tasks import Kind

# The network may be without what they ask for, so what they were when training began counts, too
REMEMBERED = ("encoder", "input_dropout", "input_scaling", *ROW_CORRECTIONS, "target_transform")


def require_unchanged(estimator: Any) -> None:
    """Check that parameters that cannot change while training goes on are as they were.

    Raises
    ------
    ValueError
        If one has changed.
    """
    for name, before, now in _changes(estimator):
        raise ValueError(
            f"{name} was {before!r} when training began and is now {now!r}; it cannot change while training goes on. "
            f"Set it back, or fit with warm_start=False."
        )


def _changes(estimator: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name of each parameter that has changed, what was trained with and what it is now."""
    begun = estimator._begun_with
    for name, (fitted, now) in _settings(estimator).items():
        given = getattr(estimator, name)
        as_before = name in REMEMBERED and _same(begun[name], given)
        if not (is_auto(given) or as_before or _same(fitted, now)):
            yield name, fitted, now
    kinds = {task.name: task.kind for task in estimator.tasks_}
    for name, kind in estimator._given_kinds(list(kinds)).items():
        if not _same_kind(kinds[name], kind):
            yield f"{'loss' if hasattr(estimator, 'loss') else 'tasks'} of task {name!r}", kinds[name], kind
    transforms = begun["target_transform"], getattr(estimator, "target_transform", None)
    if not (_same(*transforms) or repr(transforms[0]) == repr(transforms[1])):  # transformers equal themselves only
        yield "target_transform", *transforms
    if not is_auto(estimator.encoder):
        fitted, now = estimator.encoder_, as_encoder(estimator.encoder)
        if not _same_encoder(fitted, now, given_again=estimator.encoder is begun["encoder"]):
            yield "encoder", fitted, now


def _settings(estimator: Any) -> dict[str, tuple[Any, Any]]:
    """What was trained with and what the parameter says now, by name."""
    network, params = estimator.network_.architecture, estimator.get_params(deep=False)
    dtype = "float32" if params["dtype"] == "bfloat16" else params["dtype"]
    settings = {
        "sharing": (network.sharing, resolve("sharing", params["sharing"], SHARINGS, Sharing)),
        "n_estimators": (network.members // estimator.n_peers_, params["n_estimators"]),
        "n_peers": (estimator.n_peers_, params["n_peers"]),
        "dtype": (network.dtype, dtype),
        "dropout": (network.dropout[0], params["dropout"]),
        "input_scaling": (network.input_scale is not None, params["input_scaling"]),
    }
    plain = {name: (getattr(network, name), params[name]) for name in ("activation", "input_dropout")}
    names = ("hidden_layer_sizes", "task_layer_sizes")
    sizes = {name: (getattr(network, name), read_sizes(params, name)) for name in names if not is_auto(params[name])}
    none = {name: (False, params[name]) for name in ROW_CORRECTIONS}
    return sizes | settings | plain | none


def _same_kind(fitted: Kind, now: Kind) -> bool:
    before = fitted.get_params()
    return type(fitted) is type(now) and all(is_auto(v) or v == before[name] for name, v in now.get_params().items())


def _same_encoder(fitted: Any, now: Any, *, given_again: bool) -> bool:
    """Whether the parameters of encoders are equal; functions ``given_again`` are, though they have been copied."""
    if type(fitted) is not type(now):
        return False
    before = fitted.get_params()
    return all(
        _same(before[name], value) or (given_again and callable(value)) for name, value in now.get_params().items()
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, nn.Module) and isinstance(other, nn.Module):
        return _same_modules(one, other)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return one is other or bool(one == other)


def _same_modules(one: nn.Module, other: nn.Module) -> bool:
    weights, others = one.state_dict(), other.state_dict()
    return repr(one) == repr(other) and all(torch.equal(weight, others[name]) for name, weight in weights.items())
