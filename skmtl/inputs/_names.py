"""Task names in parameters and of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def require_order(parameter: str, columns: Sequence[str], names: Sequence[str], of: str) -> None:
    """Check that columns, which are matched to tasks by position, have the tasks' names in the order of ``of``.

    Raises
    ------
    ValueError
        If a name or the order differs.
    """
    if list(columns) != list(names):
        cure = "Put them in this order" if set(columns) == set(names) else "Pass an array if they are in this order"
        raise ValueError(
            f"The columns of {parameter} must be the tasks in the order of {of}, {', '.join(map(repr, names))}; got "
            f"{', '.join(map(repr, columns))}. {cure}."
        )
