"""A fingerprint of any values: equal for equal values, in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import torch

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range)


def fingerprint(*values: Any) -> str:
    """Hexadecimal digest of the values of parameters, arrays, tensors and whatever pickles.

    It depends on values alone, not on which objects are one and the same, as a pickle does. What cannot be pickled
    counts as its type, a function as its name and code.
    """
    digest = _Digest()
    digest.add(values)
    return digest.hash.hexdigest()[:32]


class _Digest:
    """A hash that takes any value."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self._open: list[int] = []  # ids of the objects that the value lies in

    def _write(self, *texts: object) -> None:
        for text in texts:
            self.hash.update(f"{text}\0".encode())

    def add(self, value: Any) -> None:
        if isinstance(value, _PLAIN) and type(value).__module__ == "builtins":
            self._write(type(value).__name__, repr(value))
        elif isinstance(value, torch.Tensor):
            raw = value.detach().cpu().contiguous().flatten().view(torch.uint8)
            self._write("tensor", value.dtype, tuple(value.shape))
            self.hash.update(raw.numpy().data)
        elif isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            self._write("array", value.dtype.str, value.shape)
            self.hash.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
        elif isinstance(value, FunctionType):
            self._write("function", value.__module__, value.__qualname__, value.__code__.co_code.hex())
        elif isinstance(value, type | BuiltinFunctionType):
            self._write("named", value.__module__, value.__qualname__)
        elif value is np.random.mtrand._rand:  # whose state is another in each process
            self._write("numpy.random")
        elif id(value) in self._open:
            self._write("open", len(self._open) - self._open.index(id(value)))
        else:
            self._open.append(id(value))
            self._add_parts(value)
            self._open.pop()

    def _add_parts(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self._write("objects", value.shape)
            self._add_items(value.ravel().tolist())
        elif type(value) in (list, tuple):
            self._write(type(value).__name__, len(value))
            self._add_items(value)
        elif type(value) in (set, frozenset):
            self._write("set")
            self._add_items(sorted(fingerprint(item) for item in value))
        elif isinstance(value, Mapping) and type(value) is dict:
            self._write("dict", len(value))
            self._add_items(part for pair in value.items() for part in pair)
        else:
            self._add_reduced(value)

    def _add_items(self, items: Iterable[Any]) -> None:
        for item in items:
            self.add(item)

    def _add_reduced(self, value: Any) -> None:
        """Add an object by what pickle makes of it."""
        self._write("object", type(value).__module__, type(value).__qualname__)
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:
            return
        if isinstance(reduced, str):
            self._write(reduced)
            return
        made_of, contents = reduced[:3], reduced[3:5]  # the contents of lists and dicts come one by one
        self._add_items([*made_of, *(None if items is None else list(items) for items in contents)])
