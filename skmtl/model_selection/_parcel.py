"""Objects on their way between the processes that work on them in turn."""

from __future__ import annotations

import pickle
from typing import Any, Generic, TypeVar

import torch
from joblib.externals.loky.backend.reduction import dumps
from torch import Tensor

from skmtl.layers import Scratch
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
            packed = bytes(dumps(self._content, reducers=_REDUCERS, protocol=pickle.HIGHEST_PROTOCOL))
        return {"_content": None, "_packed": packed}


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


def _reduce_storage(storage: torch.UntypedStorage) -> tuple[Any, ...]:
    held = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
    return _storage, (held.cpu().numpy(), str(storage.device))


def _storage(held: Any, device: str) -> torch.UntypedStorage:
    return torch.from_numpy(held).to(device).untyped_storage()


def _reduce_generator(generator: torch.Generator) -> tuple[Any, ...]:
    return _generator, (str(generator.device), generator.get_state().numpy())


def _generator(device: str, state: Any) -> torch.Generator:
    return torch.Generator(device).set_state(torch.from_numpy(state))


def _reduce_as_it_is(instance: Any) -> tuple[Any, ...]:
    """The very object, where its own pickle is meant for keeping a result."""
    return object.__new__, (type(instance),), vars(instance), None, None, _set_attributes


def _reduce_scratch(scratch: Scratch) -> tuple[Any, ...]:
    """Without the memory that every pass writes anew."""
    return object.__new__, (Scratch,), vars(scratch) | {"saved": {}, "_memory": {}}


def _set_attributes(instance: Any, attributes: dict[str, Any]) -> None:
    vars(instance).update(attributes)


_REDUCERS = {
    Tensor: _reduce_tensor,
    torch.UntypedStorage: _reduce_storage,
    torch.Generator: _reduce_generator,
    Network: _reduce_as_it_is,
    Scratch: _reduce_scratch,
}
