"""Labels of several data sets: their names, their kinds, and all of them in one frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from skmtl.inputs import read_labels
from skmtl.inputs._cells import family_of

_TYPES = {
    frozenset({bool}): "boolean",
    frozenset({int}): "Int64",
    frozenset({float}): "float64",
    frozenset({int, float}): "float64",
}


def read_named_labels(name: str, y: Any) -> dict[Any, np.ndarray]:
    """Labels of each task as objects, None where missing."""
    try:
        matrix = read_labels(y)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Data set {name!r}: {error}") from error
    own = [name] if matrix.one_dimensional else [f"{name}_{k}" for k in range(len(matrix.names))]
    cells = {}
    for k, task in enumerate(matrix.names if _has_names(y) else own):
        cells[task] = matrix.columns[k].astype(object)
        cells[task][~matrix.observed[:, k]] = None
    return cells


def _has_names(y: Any) -> bool:
    return hasattr(y, "columns") or getattr(y, "name", None) is not None


def require_own_names(labels: Mapping[str, Any], tasks: Mapping[str, Mapping[Any, np.ndarray]]) -> None:
    """Check that tasks which are called by their data set, as their labels have no names, are those of no other."""
    owners = {task: name for name, own in tasks.items() for task in own if not _has_names(labels[name])}
    for name, own in tasks.items():
        for task in own:
            owner = owners.get(task, name)
            if owner != name:
                raise ValueError(
                    f"Data set {name!r} has a task {task!r}. So are labels of data set {owner!r} called, which have no "
                    f"names. Pass y of {owner!r} as a series or frame with names, or rename one of the two."
                )


def family(cells: np.ndarray) -> str | None:
    """What the labels of a task are; None where there is none."""
    known = [cell for cell in cells if cell is not None]
    return f"{family_of(np.asarray(known).dtype)}s" if known else None


def stack_labels(labels: Mapping[str, Mapping[Any, np.ndarray]], sizes: Mapping[str, int], X: Any) -> Any:
    """Frame of all tasks, of the library of X, of pandas for arrays."""
    tasks = dict.fromkeys(task for own in labels.values() for task in own)

    def cells(task: Any) -> Iterator[Any]:
        for name, own in labels.items():
            yield from own[task].tolist() if task in own else [None] * sizes[name]

    columns = {task: list(cells(task)) for task in tasks}
    if hasattr(X, "columns") and not hasattr(X, "loc"):
        import polars as pl

        return pl.DataFrame({task: pl.Series(column, strict=False) for task, column in columns.items()})
    import pandas as pd

    return pd.DataFrame({task: pd.Series(column, dtype=_nullable(column)) for task, column in columns.items()})


def _nullable(cells: list[Any]) -> str:
    """Type of pandas that holds the labels of a task as they are, beside missing ones."""
    return _TYPES.get(frozenset(type(cell) for cell in cells if cell is not None), "object")
