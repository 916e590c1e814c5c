"""The user's own torch modules: their tensors are kept, their code is not."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from skmtl.persistence._errors import ContentError


def module_state(module: nn.Module) -> dict[str, np.ndarray]:
    """Parameters and buffers of a module by name, without those that have no shape yet."""
    return {name: _as_array(value) for name, value in module.state_dict().items() if not is_lazy(value)}


def _as_array(value: torch.Tensor) -> np.ndarray:
    value = value.detach().cpu().contiguous()
    array: np.ndarray = (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy()
    return array


def restore_module(name: str, state: Mapping[str, np.ndarray] | None, modules: Mapping[str, Any], place: str) -> Any:
    """The user's module with the tensors of a file; ``state`` is None for a function, which is given back as it is.

    Raises
    ------
    ContentError
        If there is none of this name, or its tensors have other names, shapes or types.
    """
    if name not in modules:
        raise ContentError(
            place,
            f"It needs {name!r}, code of yours that no file holds.",
            f"Pass it: skmtl.load(path, modules={{{name!r}: {name}}}).",
        )
    given = modules[name]
    if state is None:
        return given
    module = copy.deepcopy(given) if isinstance(given, nn.Module) else given()
    if not isinstance(module, nn.Module):
        cure = "Pass a torch.nn.Module, or a class or function without arguments that makes one."
        raise ContentError(place, f"modules[{name!r}] makes {type(module).__name__}.", cure)
    own = {key: _kind(_as_array(value)) for key, value in module.state_dict().items() if not is_lazy(value)}
    found = {key: _kind(value) for key, value in state.items()}
    if any(found.get(key) != kind for key, kind in own.items()) or module.state_dict().keys() < found.keys():
        odd = sorted(key for key in own.keys() | found.keys() if own.get(key) != found.get(key))
        raise ContentError(
            place,
            f"modules[{name!r}] has other tensors than the module of the fit: {', '.join(odd[:3])}.",
            "Pass a module of the same layers and types.",
        )
    kinds = {key: value.dtype for key, value in module.state_dict().items()}
    tensors = {key: torch.from_numpy(value.copy()) for key, value in state.items()}
    module.load_state_dict({k: t.view(torch.bfloat16) if kinds[k] == torch.bfloat16 else t for k, t in tensors.items()})
    return module


def _kind(array: np.ndarray) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return array.shape, array.dtype
