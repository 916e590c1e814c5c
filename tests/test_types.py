"""Names that parameters take are in their types, for completion, and every package is at hand after one import."""

import importlib
import inspect
import re
import typing

import pandas as pd
import polars as pl
import pytest
from numpydoc.docscrape import NumpyDocString

import skmtl
from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor, network, training
from skmtl.balancing import BALANCERS
from skmtl.collaboration import COLLABORATIONS
from skmtl.encoders import ENCODERS
from skmtl.metrics._registry import KNOWN
from skmtl.postprocess import CALIBRATIONS
from skmtl.sharing import SHARINGS
from skmtl.tasks import KINDS, LOSSES, TARGET_TRANSFORMS
from skmtl.training.optimizers import OPTIMIZERS
from skmtl.training.peer_sharing import PEER_SHARINGS

NAMES = {
    "activation": {"auto", *network.ACTIVATIONS},
    "balancing": set(BALANCERS),
    "batch_size": {"auto"},
    "calibration": set(CALIBRATIONS),
    "collaboration": set(COLLABORATIONS),
    "device": {"auto", "cpu", "cuda"},
    "effort": {"default", "fast", "best", "fixed"},
    "encoder": set(ENCODERS),
    "hidden_layer_sizes": {"auto"},
    "learning_rate": {"auto", *training.SCHEDULES},
    "loss": set(LOSSES),
    "optimizer": set(OPTIMIZERS),
    "peer_sharing": set(PEER_SHARINGS),
    "sharing": set(SHARINGS),
    "target_transform": set(TARGET_TRANSFORMS),
    "tasks": set(KINDS),
    "threshold_metric": set(KNOWN),
}
PACKAGES = [name for name in skmtl.__all__ if inspect.ismodule(getattr(skmtl, name))]
LOCAL = {"pd": pd, "pl": pl}  # which are imported for type checkers only


def names_in(annotation):
    """Strings of all literals in an annotation."""
    if typing.get_origin(annotation) is typing.Literal:
        return {name for name in typing.get_args(annotation) if isinstance(name, str)}
    return set().union(*map(names_in, typing.get_args(annotation)))


def hints(function):
    return typing.get_type_hints(inspect.unwrap(function), localns=LOCAL)


@pytest.mark.parametrize("cls", [MultiTaskNetClassifier, MultiTaskNetRegressor, MultiTaskNet])
def test_parameters_of_the_estimators_have_the_names_that_are_known(cls):
    found = {name: names_in(hint) for name, hint in hints(cls.__init__).items()}
    assert {name: found[name] for name in NAMES if name in found} == {n: s for n, s in NAMES.items() if n in found}
    for name, parameter in inspect.signature(cls).parameters.items():
        assert not isinstance(parameter.default, str) or parameter.default in found[name], name
        constraints = cls._parameter_constraints.get(name, [])
        accepted = set().union(*(getattr(constraint, "options", set()) for constraint in constraints))
        assert {option for option in accepted if isinstance(option, str)} <= found[name], name


def test_metrics_have_the_names_that_are_known():
    assert names_in(hints(skmtl.metrics.make_task_scorer)["metric"]) == set(KNOWN)


def public():
    """Public functions, constructors and methods, with their docstrings."""
    for package in PACKAGES:
        module = importlib.import_module(f"skmtl.{package}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing):
                yield f"{package}.{name}", thing.__init__, thing.__doc__
                for method, function in vars(thing).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield f"{package}.{name}.{method}", function, function.__doc__
            elif inspect.isfunction(thing):
                yield f"{package}.{name}", thing, thing.__doc__


def test_documented_names_are_in_the_types():
    wrong, checked = {}, 0
    for where, function, text in public():
        for parameter in NumpyDocString(inspect.cleandoc(text or ""))["Parameters"]:
            sets = re.findall(r"\{(\"[^}]*)\}", parameter.type)
            if sets and parameter.name in inspect.signature(function).parameters:
                documented = set(re.findall(r'"([^"]+)"', ",".join(sets)))
                found = names_in(hints(function).get(parameter.name))
                checked += 1
                if not documented <= found:
                    wrong[f"{where}: {parameter.name}"] = documented - found
    assert wrong == {}
    assert checked > 30


def test_packages_are_at_hand():
    for name in PACKAGES:
        assert getattr(skmtl, name) is importlib.import_module(f"skmtl.{name}")
        assert name in dir(skmtl)
    assert set(skmtl.__all__) <= set(dir(skmtl))
    with pytest.raises(AttributeError, match="module 'skmtl' has no attribute 'metric'"):
        skmtl.metric  # noqa: B018
