"""What the parameters of encoders have in common: checks, and preferred lengths of training."""

from __future__ import annotations

import numbers
from collections.abc import Iterable

_MANY_ROWS = 2048

HIDDEN_LAYERS = {"activation": "relu", "dropout": 0.0}  # behind a learned encoding; "auto" was chosen on plain tables


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


def passes_over(rows_seen: int, n_samples: int) -> dict[str, int]:
    """Preferred ``max_iter`` and ``batch_size`` of a network that a step of many rows costs dear.

    ``rows_seen`` in all, but at least 5 and at most 40 passes; nothing for few rows, which the estimator's own rule
    serves.
    """
    if n_samples < _MANY_ROWS:
        return {}
    return {"max_iter": min(max(round(rows_seen / n_samples), 5), 40), "batch_size": 64}
