"""Objects of registered classes: which attributes are kept of them, and how they are made of these."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from sklearn import config_context
from sklearn.base import BaseEstimator

from skmtl._params import Params
from skmtl.fitting import OutOfFold
from skmtl.network import Network
from skmtl.persistence._errors import ContentError
from skmtl.persistence._network import make_network
from skmtl.persistence._registry import ESTIMATORS, FITTED
from skmtl.tasks import TaskLayout

Attributes = dict[str, Any]
_NEEDED = object()
_NETS = tuple(ESTIMATORS.values())
_STATES: dict[type, tuple[str, ...]] = {  # of classes that are made of something else than their attributes
    Network: ("architecture", "parameters"),
    TaskLayout: ("tasks",),
    OutOfFold: ("tasks", "scores", "conformal", "responses", "thresholds", "judged"),
}
_FOLDERS = {"checkpoint", "memory"}  # parameters that name folders of one machine, in which estimators write
_OF_A_PROCESS = ("_sklearn_version", "_skmtl_version", "_skl_callbacks", "_training")  # of no use in another one


def attributes_of(value: Any) -> Attributes:
    """What is kept of an object.

    Raises
    ------
    TypeError
        If it has an attribute that is not kept.
    """
    cls = type(value)
    if cls is TaskLayout:
        return {"tasks": [value.tasks[position] for position in value.order.argsort()]}
    if cls is Network:  # without a copy of the parameters
        views = value.buffer.views.items()
        return {"architecture": value.architecture, "parameters": {name: v.cpu().numpy() for name, v in views}}
    if cls in _STATES:
        state: Attributes = value.__getstate__()
        return state
    if issubclass(cls, tuple):
        attributes: Attributes = value._asdict()
    elif dataclasses.is_dataclass(cls):
        attributes = {field.name: getattr(value, field.name) for field in dataclasses.fields(cls)}
    else:
        attributes = {name: kept for name, kept in vars(value).items() if name not in _OF_A_PROCESS}
    attributes |= dict.fromkeys(_FOLDERS & attributes.keys())
    if "_metadata_request" in attributes:
        attributes["_metadata_request"] = value._metadata_request._serialize()
    for name in attributes:
        if not _may_have(cls, name):  # type: ignore[arg-type]  # a class is hashable
            raise TypeError(
                f"{cls.__name__} has the attribute {name!r}, which skmtl.save does not keep. Delete it, or pickle the "
                "estimator."
            )
    return attributes


def make_object(cls: type, attributes: Attributes, place: str) -> Any:
    """An object of a class with these attributes; parameters and fields that they lack have their defaults.

    Raises
    ------
    ContentError
        If an attribute is unknown or missing, or the object cannot have it.
    """
    for name in attributes:
        if not _may_have(cls, name):
            raise ContentError(place, f"The attribute {name!r} is unknown.")
        if name in _FOLDERS and attributes[name] is not None:
            raise ContentError(place, f"{name!r} names a folder.")
    attributes = {name: default for name, default in _defaults(cls).items() if name not in attributes} | attributes
    for name, value in attributes.items():
        if value is _NEEDED:
            raise ContentError(place, f"The attribute {name!r} is missing.")
    if cls is Network:
        return make_network(attributes["architecture"], attributes["parameters"], place)
    if cls is TaskLayout or issubclass(cls, tuple):
        return cls(**attributes)
    requests = attributes.pop("_metadata_request", {})
    made = object.__new__(cls)
    vars(made).update(attributes)
    if requests:
        with config_context(enable_metadata_routing=True):  # requests can only be set where it is
            for method, names in requests.items():
                getattr(made, f"set_{method}_request")(**names)
    return made


@lru_cache(maxsize=4096)  # files may have any names
def _may_have(cls: type, name: str) -> bool:
    """Whether an object may have an attribute: never one that hides a method."""
    if name in _defaults(cls):
        return True
    if cls in _STATES or issubclass(cls, tuple) or dataclasses.is_dataclass(cls):
        return False
    if issubclass(cls, BaseEstimator) and name == "_metadata_request":
        return True
    if issubclass(cls, _NETS):
        return name in FITTED
    of_class = inspect.getattr_static(cls, name, None)
    return name.isidentifier() and not name.startswith("__") and not hasattr(of_class, "__get__")


@cache
def _defaults(cls: type) -> Mapping[str, Any]:
    """Parameters or fields that an object has at least, with their defaults."""
    if cls in _STATES:
        return dict.fromkeys(_STATES[cls], _NEEDED)
    if issubclass(cls, tuple):
        names: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
        return {name: cls._field_defaults.get(name, _NEEDED) for name in names}  # type: ignore[attr-defined]
    if dataclasses.is_dataclass(cls):
        return {field.name: _default_of(field) for field in dataclasses.fields(cls)}
    if issubclass(cls, Params | BaseEstimator) and cls.__init__ is not object.__init__:
        parameters = inspect.signature(cls).parameters
        return {name: _NEEDED if p.default is p.empty else p.default for name, p in parameters.items()}
    return {}


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return _NEEDED if field.default_factory is dataclasses.MISSING else field.default_factory()
