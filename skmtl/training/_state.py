"""Run state as data, from which training goes on as if there had been no break."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl.balancing import map_leaves


class Resumable:
    """Base of objects with run state: some attributes change in training, the others follow from what it began with.

    Attributes
    ----------
    saved : tuple of str
        Names of the attributes that change: tensors, arrays and numbers, or containers of them.
    """

    saved: ClassVar[tuple[str, ...]] = ()

    def state(self) -> State:
        """Run state between two epochs.

        Returns
        -------
        dict
            What ``json.dumps`` takes.
        dict of str to ndarray
            What ``numpy.savez`` takes.
        """
        return pack({name: _leaves(getattr(self, name)) for name in self.saved}, "state", {})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device) -> None:
        """Go on from a state, in an object that was made as the one that gave it.

        Parameters
        ----------
        state : dict
            From JSON.
        arrays : mapping of str to ndarray
            The arrays.
        device : torch.device
            Where tensors belong.
        """
        for name, leaves in unpack(state, arrays, {}, {}).items():
            setattr(self, name, _filled(getattr(self, name), leaves, device))


def _leaves(value: Any) -> list[Any]:
    """Everything in a value, tensors as arrays of their own on the CPU."""
    leaves: list[Any] = []
    map_leaves(leaves.append, value)
    return [leaf.detach().cpu().numpy().copy() if isinstance(leaf, Tensor) else leaf for leaf in leaves]


def _filled(template: Any, leaves: list[Any], device: torch.device) -> Any:
    """The value that gave the leaves, in the containers of a value like it."""
    rest = iter(leaves)

    def fill(old: Any) -> Any:
        new = next(rest)
        tensor = isinstance(new, np.ndarray) and not isinstance(old, np.ndarray)
        return torch.from_numpy(new.copy()).to(device) if tensor else new

    return map_leaves(fill, template)


def join(states: Mapping[str, State]) -> State:
    """Put states together under their names."""
    arrays = {f"{name}/{key}": array for name, (_, held) in states.items() for key, array in held.items()}
    return {name: state for name, (state, _) in states.items()}, arrays


def split(state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, State]:
    """Take apart what :func:`join` has put together."""
    parts: dict[str, State] = {name: (part, {}) for name, part in state.items()}
    for key, array in arrays.items():
        name, _, own = key.partition("/")
        parts[name][1][own] = array
    return parts
