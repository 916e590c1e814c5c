"""Objects on their way between the processes that work on them in turn."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from joblib.externals.loky.backend.reduction import dumps
from torch import Tensor

from skmtl.layers import ParameterSpec, Workspace
from skmtl.network import Network

T = TypeVar("T")


class Parcel(Generic[T]):
    """An object that is packed where it leaves a process, and unpacked only where it is opened.

    Processes between do not look inside, and within one process nothing is packed. Networks in training stay what they
    are: tensors that share memory go on sharing it, which costs an array a memory, and generators of random numbers go
    on where they were.

    Parameters
    ----------
    content : object
        What to send.
    """

    def __init__(self, content: T) -> None:
        self._content: T | None = content
        self._packed: bytes | None = None

    def open(self) -> T:
        """Return the object."""
        if self._packed is not None:
            self._content, self._packed = pickle.loads(self._packed), None
        assert self._content is not None
        return self._content

    def __getstate__(self) -> dict[str, Any]:
        packed = self._packed
        if packed is None:
            packed = bytes(dumps(self._content, reducers=_reducers(), protocol=pickle.HIGHEST_PROTOCOL))
        return {"_content": None, "_packed": packed}


def _reducers() -> dict[type, Callable[[Any], tuple[Any, ...]]]:
    """Ways to take objects apart. What every step or pass writes anew is left out: gradients, activations."""
    blank: set[int] = set()  # addresses

    def reduce_network(network: Network) -> tuple[Any, ...]:
        """The very object; its own pickle is meant for keeping a result."""
        blank.add(network.buffer.gradient.untyped_storage().data_ptr())
        return object.__new__, (Network,), vars(network), None, None, _set_attributes

    def reduce_storage(storage: torch.UntypedStorage) -> tuple[Any, ...]:
        device = str(storage.device)
        if storage.data_ptr() in blank:
            return _blank_storage, (storage.nbytes(), device)
        held = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
        return _storage, (held.cpu().numpy(), device)

    return {
        Network: reduce_network,
        ParameterSpec: lambda spec: (ParameterSpec, (spec.name, spec.shape, _drawn, spec.owner)),
        Workspace: lambda workspace: (object.__new__, (Workspace,), vars(workspace) | {"saved": {}, "_memory": {}}),
        Tensor: _reduce_tensor,
        torch.UntypedStorage: reduce_storage,
        torch.Generator: _reduce_generator,
    }


def _drawn(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    raise AssertionError("Parameters in training have been drawn; functions that draw take long to send.")


def _set_attributes(instance: Any, attributes: dict[str, Any]) -> None:
    vars(instance).update(attributes)


def _reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    place = tensor.dtype, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
    reduced = _tensor, (tensor.untyped_storage(), *place)
    if tensor.requires_grad and tensor.is_leaf:
        return *reduced, tensor.grad, None, None, _make_leaf
    return reduced


def _tensor(
    storage: torch.UntypedStorage, dtype: torch.dtype, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
) -> Tensor:
    tensor: Tensor = torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, shape, stride)
    return tensor


def _make_leaf(tensor: Tensor, gradient: Tensor | None) -> None:
    tensor.requires_grad_().grad = gradient


def _storage(held: np.ndarray, device: str) -> torch.UntypedStorage:
    return torch.from_numpy(held).to(device).untyped_storage()


def _blank_storage(n_bytes: int, device: str) -> torch.UntypedStorage:
    return torch.zeros(n_bytes, dtype=torch.uint8, device=device).untyped_storage()


def _reduce_generator(generator: torch.Generator) -> tuple[Any, ...]:
    device, seed, state = str(generator.device), generator.initial_seed(), generator.get_state()
    drawn = not torch.equal(torch.Generator(device).manual_seed(seed).get_state(), state)
    return _generator, (device, seed, state.numpy() if drawn else None)


def _generator(device: str, seed: int, state: np.ndarray | None) -> torch.Generator:
    generator = torch.Generator(device).manual_seed(seed)
    return generator if state is None else generator.set_state(torch.from_numpy(state))
