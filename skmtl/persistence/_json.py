"""JSON read strictly: no name twice, no NaN, finite numbers, nothing deep or of many values."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_VALUES = 500_000  # of JSON and of lists in tensors: each takes up to 100 bytes of memory, far more than of a file
_VALUES = b",[{:"


def write_json(value: Any) -> str:
    """JSON of a value, all of whose floats are finite."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def count_values(text: bytes) -> int:
    """Upper bound of the number of values in JSON text."""
    return sum(text.count(mark) for mark in _VALUES)


def read_json(text: str | bytes) -> Any:
    """Value of JSON text.

    Raises
    ------
    ValueError
        If it is no JSON, or holds a name twice, NaN or a number that is not finite.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_number
        )  # the depth is limited by the interpreter
    except RecursionError:
        raise ValueError("The JSON text is nested too deep.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"The name {next(name for name in names if names.count(name) > 1)!r} occurs twice.")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"The number {text[:20]} is not finite.")
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON.")
