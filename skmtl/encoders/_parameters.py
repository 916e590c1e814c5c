"""Checks of the parameters of encoders."""

from __future__ import annotations

import numbers
from collections.abc import Iterable


def require_count(name: str, value: object) -> None:
    """Check that a parameter is an integer of at least 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")


def require_share(name: str, value: object) -> None:
    """Check that a parameter is a number from 0 to below 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(value, float | int) or isinstance(value, bool) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number from 0 to below 1; got {value!r}.")


def require_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Check that a parameter is one of some names.

    Raises
    ------
    ValueError
        If it is not.
    """
    if value not in list(choices):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")
