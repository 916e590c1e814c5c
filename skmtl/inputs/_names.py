"""Task names in parameters and of columns: whatever has names is read by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


class DefaultNames(list[str]):
    """Names of tasks that have none of their own and are known by their position."""


def default_names(n_tasks: int, n_before: int = 0) -> DefaultNames:
    """Names of tasks that have none of their own, numbered after ``n_before`` others."""
    return DefaultNames(f"task{n_before + k}" for k in range(n_tasks))


def plain_names(names: Iterable[Any]) -> list[Any]:
    """Names as they are, those that are numpy scalars as Python's; NaN, as which pandas keeps None, as None."""
    plain = [name.item() if isinstance(name, np.generic) else name for name in names]
    return [None if isinstance(name, float) and np.isnan(name) else name for name in plain]


def object_array(names: Sequence[Any]) -> np.ndarray:
    """Names as an array ``(n,)``, also where they are tuples."""
    return np.fromiter(names, dtype=object, count=len(names))


def are_names(columns: Sequence[Any]) -> bool:
    """Whether columns have names, which defaults and numbers counted from 0 are not."""
    return list(columns) not in (default_names(len(columns)), list(range(len(columns))))


def as_mapping(values: Any, names: Sequence[Any] = ()) -> Any:
    """Dict of a series that is labelled by names, of which ``names`` may be some; anything else as it is.

    Raises
    ------
    ValueError
        If the series has a name twice.
    """
    if isinstance(values, Mapping) or not (hasattr(values, "to_dict") and hasattr(values, "index")):
        return values
    labels = plain_names(values.index)
    if len(set(labels)) < len(labels):
        raise ValueError(f"A series by name has {labels} for names, some of them twice; give each once.")
    if are_names(labels) or set(labels) <= set(names):
        return dict(zip(labels, values.tolist(), strict=True))
    return values


def by_task(parameter: str, values: Any, names: Sequence[Any], default: Any) -> Any:
    """Values in the order of the tasks where they are given by name, in a dict or a series; else as they are.

    Raises
    ------
    ValueError
        If they name a task that does not exist.
    """
    values = as_mapping(values, names)
    if not isinstance(values, Mapping):
        return values
    require_known(parameter, values, names)
    return [values.get(name, default) for name in names]


def as_spelt(values: Any, names: Sequence[Any]) -> Any:
    """Dict by task with the tasks' names in place of their spelling, as which parameters name them."""
    if not isinstance(values, Mapping):
        return values
    spelt = {str(name): name for name in names if not isinstance(name, str)}
    return {name if name in names else spelt.get(name, name): value for name, value in values.items()}


def require_known(parameter: str, by_name: Mapping[Any, Any], names: Sequence[Any]) -> None:
    """Check that a dict by task names tasks that exist.

    Raises
    ------
    ValueError
        If it names another.
    """
    unknown = [name for name in by_name if name not in names]
    if unknown:
        hint = (
            " These names stand for those of a y without any; scikit-learn's cross_val_predict takes them from y where "
            "it asks for probabilities, and skmtl.model_selection.cross_val_predict keeps them."
        )
        raise ValueError(
            f"{parameter} names the unknown task {unknown[0]!r}; the tasks are {', '.join(map(repr, names))}."
            f"{hint if list(names) == default_names(len(names)) else ''}"
        )


def require_order(parameter: str, columns: Sequence[Any], names: Sequence[Any], of: str) -> None:
    """Check that columns, which are matched to tasks by position, have the tasks' names in the order of ``of``.

    Names are compared where both have some, or frames have the same in another order.

    Raises
    ------
    ValueError
        If a name or the order differs.
    """
    same = set(columns) == set(names)
    if isinstance(columns, DefaultNames):
        return
    if list(columns) != list(names) and (same or (are_names(columns) and are_names(names))):
        cure = "Put them in this order" if same else "Pass an array if they are in this order"
        raise ValueError(
            f"The columns of {parameter} must be the tasks in the order of {of}, {', '.join(map(repr, names))}; got "
            f"{', '.join(map(repr, columns))}. {cure}."
        )
