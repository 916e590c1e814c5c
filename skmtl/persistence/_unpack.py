"""From JSON and tensors to objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from skmtl.persistence._arrays import as_array
from skmtl.persistence._errors import ContentError
from skmtl.persistence._json import MAX_VALUES
from skmtl.persistence._modules import restore_module
from skmtl.persistence._objects import make_object
from skmtl.persistence._registry import CLASSES, FUNCTIONS
from skmtl.persistence._through_skops import restore

MAX_DEPTH = 64
_FLOATS = {text: float(text) for text in ("nan", "inf", "-inf")}
_CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_UNFINISHED = object()


class Unpacker:
    """Makes the values that :class:`Packer` was given; each tensor must serve.

    Parameters
    ----------
    tensors : dict of str to ndarray
        Of the file.
    modules : mapping of str to object
        Modules and functions of the user's, by name.
    classes : mapping of str to type
        Classes of the user's, by name.
    trusted : sequence of str
        Types that skops may make beside those that it trusts.
    """

    def __init__(
        self,
        tensors: dict[str, np.ndarray],
        modules: Mapping[str, Any],
        classes: Mapping[str, type],
        trusted: Sequence[str],
    ) -> None:
        self._tensors, self._modules, self._trusted = tensors, modules, trusted
        self._classes = CLASSES | {f"user/{name}": cls for name, cls in classes.items()}
        self._objects: list[Any] = []
        self._arrays: dict[str, tuple[Any, np.ndarray]] = {}
        self._n_entries = 0
        self._forms: dict[str, Callable[[Any, str], Any]] = {
            "again": self._again,
            "array": self._array,
            "coded": self._coded,
            "device": lambda content, place: torch.device(content),
            "dict": self._dict,
            "float": lambda content, place: _FLOATS[content],
            "function": lambda content, place: FUNCTIONS[content],
            "mapping": self._mapping,
            "missing": self._missing,
            "module": self._module,
            "object": self._object,
            "objects": self._object_array,
            "scalar": lambda content, place: self._array(content, place)[()],
            "skops": self._foreign,
        }

    def unpack_all(self, content: Any) -> Any:
        """The value of the whole content.

        Raises
        ------
        ContentError
            If it does not fit, or there is a tensor that it does not name.
        """
        value = self._unpack(content, "estimator")
        if unused := self._tensors.keys() - self._arrays.keys():
            raise ContentError("tensors", f"{sorted(unused)[0]!r} is no part of the estimator.")
        return value

    def _unpack(self, packed: Any, place: str) -> Any:
        if not isinstance(packed, dict | list):
            return packed
        if place.count(".") > MAX_DEPTH:
            raise ContentError(place, "Nested too deep.")
        if not isinstance(packed, dict) or len(packed) != 1:
            raise ContentError(place, "A value of no known form.")
        ((form, content),) = packed.items()
        if form not in self._forms and form not in _CONTAINERS:
            raise ContentError(place, f"A value of the unknown form {form!r}.")
        try:
            if form in _CONTAINERS:
                return _CONTAINERS[form](self._entries(content, place))
            return self._forms[form](content, place)
        except ContentError:
            raise
        except (AttributeError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
            raise ContentError(place, f"Its content does not fit ({type(error).__name__}: {error}).") from error

    def _entries(self, content: Any, place: str) -> list[Any]:
        if isinstance(content, dict):
            values = self._array(content, place)
            self._n_entries += values.size
            if values.ndim != 1 or self._n_entries > MAX_VALUES:
                raise ContentError(place, f"No list, or one of more than {MAX_VALUES} entries.")
            entries: list[Any] = values.tolist()
            return entries
        return [self._unpack(entry, f"{place}.{k}") for k, entry in enumerate(_list(content, place))]

    def _mapping(self, content: Any, place: str) -> dict[str, Any]:
        return {key: self._unpack(entry, f"{place}.{key}") for key, entry in content.items()}

    def _dict(self, content: Any, place: str) -> dict[Any, Any]:
        keys, values = (self._entries(part, place) for part in _list(content, place, 2))
        found = dict(zip(keys, values, strict=True))
        if len(found) < len(keys):
            raise ContentError(place, "A key occurs twice.")
        return found

    def _array(self, content: Any, place: str) -> np.ndarray:
        name = content["tensor"]
        if name not in self._arrays:
            self._arrays[name] = content, as_array(content, self._tensors[name], place)
        record, array = self._arrays[name]
        if record != content:
            raise ContentError(place, f"The tensor {name!r} is described in two ways.")
        return array

    def _object_array(self, content: Any, place: str) -> np.ndarray:
        shape, items = _list(content, place, 2)
        entries = self._entries(items, place)
        found = np.empty(len(entries), dtype=object)
        found[:] = entries
        return found.reshape(shape)

    def _coded(self, content: Any, place: str) -> np.ndarray:
        shape, distinct, codes = _list(content, place, 3)
        entries = self._entries(distinct, place)
        found = np.empty(len(entries), dtype=object)
        found[:] = entries
        numbers = self._array(codes, place)
        if numbers.dtype != np.uint32:
            raise ContentError(place, f"Codes of type {numbers.dtype}.")
        array: np.ndarray = found[numbers].reshape(shape)
        return array

    def _object(self, content: Any, place: str) -> Any:
        name, attributes = _list(content, place, 2)
        if name not in self._classes:
            self._refuse(name, place)
        number = len(self._objects)
        self._objects.append(_UNFINISHED)
        found = make_object(self._classes[name], self._mapping(attributes, place), f"{place} ({name})")
        self._objects[number] = found
        return found

    def _refuse(self, name: Any, place: str) -> None:
        own = str(name).removeprefix("user/")
        if str(name).startswith("user/"):
            raise ContentError(
                place,
                f"It needs {own!r}, a class of yours that no file holds.",
                f"Pass it: skmtl.load(path, classes={{{own!r}: {own}}}).",
            )
        raise ContentError(place, f"The class {name!r} is unknown.", "Install the version of skmtl that wrote it.")

    def _again(self, content: Any, place: str) -> Any:
        found = self._objects[range(len(self._objects)).index(content)]
        if found is _UNFINISHED:
            raise ContentError(place, "An object within itself.")
        return found

    def _module(self, content: Any, place: str) -> Any:
        name, records = _list(content, place, 2)
        state = None if records is None else {key: self._array(record, place) for key, record in records.items()}
        return restore_module(name, state, self._modules, place)

    def _foreign(self, content: Any, place: str) -> Any:
        tensor = self._tensors[content]
        self._arrays[content] = None, tensor
        if tensor.dtype != np.uint8 or tensor.ndim != 1:
            raise ContentError(place, "No bytes of skops.")
        return restore(tensor, self._trusted, place)

    def _missing(self, content: Any, place: str) -> Any:
        if content != "pandas.NA":
            raise ContentError(place, "An unknown mark of missing labels.")
        import pandas as pd

        return pd.NA


def _list(content: Any, place: str, length: int | None = None) -> list[Any]:
    if not isinstance(content, list) or len(content) != (len(content) if length is None else length):
        raise ContentError(place, "No list of the right length.")
    return content
