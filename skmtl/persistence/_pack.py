"""From objects to JSON and tensors."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from skmtl.persistence._arrays import as_tensor
from skmtl.persistence._modules import module_state
from skmtl.persistence._objects import attributes_of
from skmtl.persistence._registry import CLASSES, FUNCTIONS, USERS_BASES
from skmtl.persistence._through_skops import dump

LONG = 32  # lists of numbers or strings with so many entries are tensors
_SPREAD = 4  # largest size of a tensor of strings, relative to one of equally long strings
_PLAIN = {int: np.int64, float: np.float64, str: np.str_}
_CLASS_NAMES = {cls: name for name, cls in CLASSES.items()}
_FUNCTION_NAMES = {function: name for name, function in FUNCTIONS.items()}


class Packer:
    """Turns values into JSON, with arrays beside it; an object that is met again is named by its number.

    Attributes
    ----------
    tensors : dict of str to ndarray
        By the names that the JSON has for them.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, np.ndarray] = {}
        self._objects: dict[int, int] = {}  # numbers of objects by id
        self._records: dict[int, dict[str, Any]] = {}  # of arrays by id
        self._kept: list[Any] = []  # so that no later object has the id of an earlier one

    def pack(self, value: Any, path: str) -> Any:
        """JSON for a value, an attribute called ``path``.

        Raises
        ------
        TypeError
            If it is something that no file can hold.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if type(value) in (list, tuple, set, frozenset):
            return {type(value).__name__: self._entries(list(value), path)}
        if type(value) is dict:
            return self._dict(value, path)
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), path)}
        if type(value) is np.ndarray:
            return self._object_array(value, path) if value.dtype == object else {"array": self._array(value, path)}
        if type(value) in _CLASS_NAMES or isinstance(value, USERS_BASES):
            return self._object(value, path)
        return self._other(value, path)

    def _dict(self, value: dict[Any, Any], path: str) -> Any:
        if len(value) < LONG and all(type(key) is str for key in value):
            return {"mapping": {key: self.pack(entry, f"{path}.{key}") for key, entry in value.items()}}
        return {"dict": [self._entries(list(value), f"{path} keys"), self._entries(list(value.values()), path)]}

    def _entries(self, values: Sequence[Any], path: str) -> Any:
        """A list, or a tensor where many values are of one plain type."""
        kinds = set(map(type, values))
        if len(values) >= LONG and len(kinds) == 1 and (dtype := _PLAIN.get(kinds.pop())) is not None:
            try:
                array: np.ndarray = np.array(values, dtype=dtype)
            except OverflowError:  # of large integers
                array = np.zeros(0)
            compact = dtype is not np.str_ or array.nbytes <= 4 * _SPREAD * (len(values) + sum(map(len, values)))
            if compact and (dtype is np.float64 or array.tolist() == values):  # strings lose NUL at their end
                return self._array(array, path)
        return [self.pack(entry, f"{path}.{k}") for k, entry in enumerate(values)]

    def _object_array(self, value: np.ndarray, path: str) -> Any:
        """An array of objects, of which many equal ones are kept once."""
        items, shape = value.ravel().tolist(), list(value.shape)
        plain = all(item is None or type(item) in (bool, int, float, str) for item in items)
        if len(items) < LONG or not plain:
            return {"objects": [shape, self._entries(items, path)]}
        codes: dict[Any, int] = {}
        numbers = [codes.setdefault((type(item), repr(item)), len(codes)) for item in items]
        distinct = [items[k] for k in np.unique(numbers, return_index=True)[1]]
        coded = self._array(np.array(numbers, dtype=np.uint32), f"{path} codes")
        return {"coded": [shape, self._entries(distinct, f"{path} distinct"), coded]}

    def _array(self, value: np.ndarray, path: str) -> dict[str, Any]:
        """What is said of an array, its tensor among it."""
        if id(value) not in self._records:
            record, tensor = as_tensor(value, path)
            self._records[id(value)] = {"tensor": self._keep(path, tensor), **record}
            self._kept.append(value)
        return self._records[id(value)]

    def _keep(self, path: str, tensor: np.ndarray) -> str:
        """Put a tensor beside the JSON, under a name that tells what it is, in characters that UTF-8 has."""
        path = path.encode("utf-8", "backslashreplace").decode()
        name = path if path not in self.tensors else f"{path} {len(self.tensors)}"
        self.tensors[name] = tensor
        return name

    def _object(self, value: Any, path: str) -> Any:
        """Name of the class, and attributes."""
        if id(value) in self._objects:
            return {"again": self._objects[id(value)]}
        self._objects[id(value)] = len(self._objects)
        self._kept.append(value)
        cls = type(value)
        name = _CLASS_NAMES.get(cls, f"user/{cls.__name__}")
        attributes = attributes_of(value)
        return {"object": [name, {key: self.pack(kept, f"{path}.{key}") for key, kept in attributes.items()}]}

    def _other(self, value: Any, path: str) -> Any:
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if isinstance(value, os.PathLike):  # where checkpoints are
            return os.fspath(value)
        if type(value).__name__ == "NAType":
            return {"missing": "pandas.NA"}
        if isinstance(value, nn.Module):
            state = module_state(value)
            records = {name: self._array(array, f"{path}.{name}") for name, array in state.items()}
            return {"module": [type(value).__name__, records]}
        if callable(value) and not hasattr(value, "fit") and hasattr(value, "__name__") and type(value) is not np.ufunc:
            if value in _FUNCTION_NAMES:
                return {"function": _FUNCTION_NAMES[value]}
            return {"module": [value.__name__, None]}
        return {"skops": self._keep(path, dump(value, path))}
