"""Objects that go from process to process."""

from __future__ import annotations

import pickle
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from joblib.externals.loky.backend.reduction import dumps
from torch import Tensor

T = TypeVar("T")


class LazyPickle(Generic[T]):
    """An object that is pickled where it leaves a process, and unpickled only where it is opened.

    Processes between do not look inside, and within one process nothing is pickled.

    Parameters
    ----------
    content : object
        What to send.
    """

    def __init__(self, content: T) -> None:
        self._content: T | None = content
        self._pickled: bytes | None = None

    def open(self) -> T:
        """Return the object."""
        if self._pickled is not None:
            self._content, self._pickled = pickle.loads(self._pickled), None
        assert self._content is not None
        return self._content

    def __getstate__(self) -> dict[str, Any]:
        pickled = self._pickled
        if pickled is None:
            reducers = {Tensor: _reduce_tensor}  # torch's own way takes ten times as long for small tensors
            pickled = bytes(dumps(self._content, reducers=reducers, protocol=pickle.HIGHEST_PROTOCOL))
        return {"_content": None, "_pickled": pickled}


def _reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """Values as an array; what repeats without taking memory is sent once."""
    if tensor.requires_grad or tensor.dtype == torch.bfloat16:
        reduced: tuple[Any, ...] = tensor.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return reduced
    once = tensor[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride())]
    return _tensor, (once.cpu().numpy(), str(tensor.device), tuple(tensor.shape))


def _tensor(values: np.ndarray, device: str, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(values).to(device).expand(shape)
