"""Parameters of strategy objects: the part of scikit-learn's protocol that cloning and grid searches need."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from math import inf
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

P = TypeVar("P", bound="Params")


class Params:
    """Base of all strategy objects: constructor arguments are parameters, stored unchanged under their own names.

    Gives ``get_params`` and ``set_params``, so that ``sharing__rank`` is an axis of a grid search and
    :func:`sklearn.base.clone` works, together with a readable ``repr`` and equality by value.
    """

    owner: ClassVar[str]  # parameter of the estimators that takes such an object
    strengths: ClassVar[tuple[str, ...]] = ()  # settings that each member of a network carries

    @classmethod
    @cache  # reading a signature takes long beside all else that a task costs
    def _parameter_names(cls) -> tuple[str, ...]:
        return () if cls.__init__ is object.__init__ else tuple(inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Accepted for compatibility; strategy objects do not nest.

        Returns
        -------
        dict
            Name to value.
        """
        return {name: getattr(self, name) for name in self._parameter_names()}

    @property
    def shared_settings(self) -> tuple[Any, ...]:
        """What the members of one network must have in common: all but the ``strengths``."""
        shared = [(name, value) for name, value in self.get_params().items() if name not in self.strengths]
        return type(self), repr(shared)

    def label(self, parameter: str) -> str:
        """How errors call a parameter."""
        return f"{parameter} of {self.owner}={type(self).__name__}"

    def set_params(self, **params: Any) -> Self:
        """Set parameters in place.

        Parameters
        ----------
        **params : dict
            Values by parameter name.

        Returns
        -------
        Self
            This object.

        Raises
        ------
        ValueError
            If a name is not a parameter.
        """
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                choices = ", ".join(map(repr, known)) or "none"
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; its parameters: {choices}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_params() == other.get_params()

    def __hash__(self) -> int:
        return hash((type(self), *map(repr, self.get_params().values())))


def resolve(parameter: str, value: object, choices: Mapping[str, type[P]], base: type[P]) -> P:
    """Return the strategy that ``value`` names: an object as it is, a string as that strategy with its defaults.

    Raises
    ------
    ValueError
        If a string is not among ``choices``.
    TypeError
        If ``value`` is neither a string nor an instance of ``base``.
    """
    if isinstance(value, base):
        return value
    names = ", ".join(map(repr, choices))
    if isinstance(value, str):
        if value in choices:
            return choices[value]()
        raise ValueError(
            f"{parameter}={value!r} is not known. Choose one of {names}, or pass a {base.__name__} object."
        )
    raise TypeError(
        f"{parameter} must be one of {names} or a {base.__name__} object; got {type(value).__name__}. "
        f"Pass an instance, not a class or a setting."
    )


MAX_INTEGER = 2**31 - 1  # what every size and number of torch takes


def is_number(value: object, low: float, high: float) -> bool:
    """Whether a value is a number between two others."""
    return isinstance(value, Real) and low < value < high  # type: ignore[operator]


def require_integer(name: str, value: object, minimum: int, alternative: str = "") -> None:
    """Check that a parameter is an integer of at least ``minimum``; errors name the ``alternative``, if there is one.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}{alternative}; got {value!r}.")
    if int(value) > MAX_INTEGER:
        raise ValueError(f"{name} must be an integer of at most {MAX_INTEGER}{alternative}; got {value!r}.")


def require_number(
    name: str, value: object, *, minimum: float = 0.0, positive: bool = False, below: float = inf, maximum: float = inf
) -> None:
    """Check that a parameter is a finite number from ``minimum`` to ``maximum`` and ``below`` a limit.

    Raises
    ------
    ValueError
        If it is not, or not above 0 where it must be ``positive``.
    """
    if isinstance(value, Integral) and abs(int(value)) > MAX_INTEGER:
        raise ValueError(f"{name} must be at most {MAX_INTEGER} where it is an integer; got {value!r}. Pass a float.")
    if isinstance(value, Real) and not isinstance(value, bool):
        found = float(value)
        if -inf < found and minimum <= found <= maximum and found < below and (found > 0 or not positive):
            return
    least = "a number above 0" if positive else "a number" if minimum == -inf else f"a number of at least {minimum:g}"
    limit = f"at most {maximum:g}" if maximum < inf else f"below {below:g}" if below < inf else "finite"
    raise ValueError(f"{name} must be {least} and {limit}; got {value!r}.")


def require_boolean(name: str, value: object) -> None:
    """Check that a parameter is True or False.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False; got {value!r}.")


def require_choice(name: str, value: object, choices: Iterable[str], alternative: str = "") -> None:
    """Check that a parameter is one of some names; errors name the ``alternative``, if there is one.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(value, str) or value not in list(choices):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}{alternative}; got {value!r}.")


def as_list(value: Any) -> list[Any]:
    """The entries of what holds several, or the one value, of which a string is one."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
