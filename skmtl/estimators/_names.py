"""Task names in parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def require_known(parameter: str, by_task: Mapping[str, Any], names: list[str]) -> None:
    """Check that a dict by task names tasks that exist.

    Raises
    ------
    ValueError
        If it names another.
    """
    unknown = [name for name in by_task if name not in names]
    if unknown:
        raise ValueError(
            f"{parameter} names the unknown task {unknown[0]!r}; the tasks are {', '.join(map(repr, names))}."
        )
