"""What members of one network may differ in: said once, at each field of a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, fields
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


class Role(Enum):
    """What a field is to the members of one network.

    Attributes
    ----------
    MEMBER
        Each member has its own; stacked and selected along the first axis.
    NETWORK
        Must be equal for all members of a network.
    FIT
        Belongs to one fit and has done its work before the first step; fits of one network may differ in it.
    """

    MEMBER = "member"
    NETWORK = "network"
    FIT = "fit"


def role(
    which: Role, *, parameter: str | None = None, key: Callable[[Any], Any] | None = None, step: bool = False
) -> dict[str, Any]:
    """Metadata of a field.

    Parameters
    ----------
    which : Role
        Role of the field.
    parameter : str, optional
        Parameter of the estimators that it comes from, by default of the same name.
    key : callable, optional
        What of a value must be equal within a network, by default all of it.
    step : bool, default=False
        Whether a step depends on it: training that is resumed needs the same value.
    """
    return {"role": which, "parameter": parameter, "key": key, "step": step}


def classified(cls: type[T]) -> type[T]:
    """Check that every field of a dataclass has a role.

    Raises
    ------
    TypeError
        If one has none.
    """
    for one in fields(cls):  # type: ignore[arg-type]
        if not isinstance(one.metadata.get("role"), Role):
            raise TypeError(f"{cls.__name__}.{one.name} needs a role: field(metadata=role(Role.MEMBER)).")
    return cls


def names_of(cls: type, *roles: Role) -> tuple[str, ...]:
    """Names of the fields with one of the roles."""
    return tuple(one.name for one in fields(cls) if one.metadata["role"] in roles)


def parameters_of(cls: type, *roles: Role) -> frozenset[str]:
    """Estimator parameters that the fields with one of the roles come from."""
    return frozenset(_parameter(one) for one in fields(cls) if one.metadata["role"] in roles)


def step_names(cls: type) -> tuple[str, ...]:
    """Names of the fields that a step depends on and members share."""
    return tuple(one.name for one in fields(cls) if one.metadata["step"])


def _parameter(one: Field[Any]) -> str:
    return one.metadata["parameter"] or one.name
