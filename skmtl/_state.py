"""State of objects as data: a dict that JSON can hold, and arrays beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

State: TypeAlias = tuple[dict[str, Any], dict[str, np.ndarray]]


class Stateful:
    """Base of objects whose attributes are data: numbers, strings, arrays, containers and named helper objects.

    Attributes
    ----------
    state_types : dict of str to type
        Classes of objects that attributes hold, by the names that stand for them in the state.
    state_external : frozenset of str
        Attributes that are left out of the state and given back by the caller.
    """

    state_types: ClassVar[Mapping[str, type]] = {}
    state_external: ClassVar[frozenset[str]] = frozenset()

    def state(self) -> State:
        """Attributes as data.

        Returns
        -------
        dict
            What ``json.dumps`` takes.
        dict of str to ndarray
            What ``numpy.savez`` takes, no array of objects among them.

        Raises
        ------
        TypeError
            If an attribute holds something else than data.
        """
        return pack(self, type(self).__name__, {"self": type(self), **self.state_types}, self.state_external)

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: Mapping[str, np.ndarray], external: Mapping[str, Any] | None = None
    ) -> Self:
        """Make an object from what :meth:`state` gave.

        Parameters
        ----------
        state : dict
            From JSON.
        arrays : mapping of str to ndarray
            The arrays.
        external : mapping of str to object, optional
            The attributes that are not in the state.

        Returns
        -------
        Self
            Equal to the object that gave the state, bit by bit.

        Raises
        ------
        ValueError
            If ``external`` lacks an attribute.
        """
        made: Self = unpack(state, arrays, {"self": cls, **cls.state_types}, external or {})
        return made


def pack(value: Any, name: str, types: Mapping[str, type], external: frozenset[str] = frozenset()) -> State:
    """Turn a value into data: objects of ``types`` by name and attributes, without the attributes in ``external``.

    Raises
    ------
    TypeError
        If the value holds an object of a class that is not in ``types``.
    """
    arrays: dict[str, np.ndarray] = {}
    names = {kind: name for name, kind in types.items()}

    def packed(value: Any, path: str) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufSU":
            arrays[path] = np.asarray(value)
            return {"array" if isinstance(value, np.ndarray) else "scalar": path}
        if isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim == 1:
            return {"objects": [packed(item, f"{path}.{i}") for i, item in enumerate(value)]}
        if kind in names:
            attributes = value._asdict() if issubclass(kind, tuple) else vars(value)
            left_out = {n for n, v in attributes.items() if n in external and v is not None}
            kept = {n: packed(v, f"{path}.{n}") for n, v in attributes.items() if n not in left_out}
            return {"object": [names[kind], kept | {n: {"external": n} for n in left_out}]}
        if kind in (list, tuple):
            return {kind.__name__: [packed(item, f"{path}.{i}") for i, item in enumerate(value)]}
        if kind is dict and all(type(key) is str for key in value):
            return {"mapping": {key: packed(item, f"{path}.{key}") for key, item in value.items()}}
        if kind is dict:
            return {"dict": [packed(pair, f"{path}.{i}") for i, pair in enumerate(value.items())]}
        raise TypeError(
            f"{path} holds {value!r} of type {kind.__name__}, which cannot be kept as data. Use numbers, strings, "
            f"arrays or objects of {' or '.join(known.__name__ for known in names)}, or pickle the whole."
        )

    return packed(value, name), arrays


def unpack(state: Any, arrays: Mapping[str, np.ndarray], types: Mapping[str, type], external: Mapping[str, Any]) -> Any:
    """Turn data back into the value that :func:`pack` was given.

    Raises
    ------
    ValueError
        If the state names an attribute that ``external`` lacks, or a class that ``types`` lacks.
    """

    def unpacked(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((form, content),) = value.items()
        if form == "external":
            if content not in external:
                raise ValueError(
                    f"The state does not hold {content!r}, an object of the user's. Pass it beside the state."
                )
            return external[content]
        if form in ("array", "scalar"):
            return arrays[content] if form == "array" else arrays[content][()]
        if form == "object":
            name, attributes = content
            if name not in types:
                raise ValueError(f"The state holds a {name!r}; known are {', '.join(map(repr, types))}.")
            return _made(types[name], {n: unpacked(v) for n, v in attributes.items()})
        if form == "mapping":
            return {key: unpacked(item) for key, item in content.items()}
        items = [unpacked(item) for item in content]
        if form == "objects":
            found = np.empty(len(items), dtype=object)
            found[:] = items
            return found
        return {"list": list, "tuple": tuple, "dict": dict}[form](items)

    return unpacked(state)


def _made(kind: type, attributes: dict[str, Any]) -> Any:
    if issubclass(kind, tuple):
        return kind(**attributes)
    made = object.__new__(kind)
    vars(made).update(attributes)
    return made
