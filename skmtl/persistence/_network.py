"""Networks from files: built only where the parameters have the sizes of the architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from skmtl._params import Params
from skmtl._torch_state import torch_settings
from skmtl.network import Architecture, Network
from skmtl.network._layers import Layers
from skmtl.persistence._arrays import is_finite
from skmtl.persistence._errors import ContentError

LARGE = 65_536  # what a size of a layer or a number of parts may be in a network with fewer parameters


@torch_settings()
def make_network(architecture: Any, parameters: Any, place: str) -> Network:
    """A network on the CPU.

    Raises
    ------
    ContentError
        If the parameters are not those of the architecture, or one is not finite.
    """
    if not isinstance(architecture, Architecture) or not isinstance(parameters, Mapping):
        raise ContentError(place, "No architecture with parameters.")
    n_values = sum(values.size for values in parameters.values())
    largest = max(_numbers(vars(architecture)), default=0)
    if largest > max(n_values, LARGE):
        raise ContentError(place, f"A size of {largest} in a network of {n_values} parameters.")
    if len(architecture.dropout) != architecture.members:
        raise ContentError(place, f"{len(architecture.dropout)} rates of dropout for {architecture.members} members.")
    specs = Layers(architecture, torch.device("cpu")).specs  # layers without parameters, which take little memory
    expected = {spec.name: (architecture.members, *spec.shape) for spec in specs}
    found = {name: values.shape for name, values in parameters.items()}
    if found != expected:
        odd = sorted(str(name) for name, _ in found.items() ^ expected.items())
        raise ContentError(
            place,
            f"The parameters {', '.join(odd[:3])} do not have the shapes that the architecture gives them.",
            "If the estimator has an encoder of yours, pass the same module as in the fit; else take another copy.",
        )
    for name, values in parameters.items():
        if str(values.dtype) != architecture.dtype or not is_finite(values):
            raise ContentError(f"{place}, parameter {name}", f"Not all are finite numbers of {architecture.dtype}.")
    return Network(architecture, torch.device("cpu"), parameters)


def _numbers(value: Any) -> Iterator[int]:
    """All integers among the settings of an architecture, its sharing and its encoder."""
    if isinstance(value, Params):
        value = value.get_params()
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _numbers(entry)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value
