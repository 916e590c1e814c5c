"""Several data sets as one, whose tasks have labels in the rows of their own data set only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from skmtl._params import require_choice
from skmtl.datasets._stacked_labels import family, read_named_labels, require_own_names, stack_labels
from skmtl.encoders import read_table

Weighting: TypeAlias = Literal["sets", "rows", "sqrt"]
_POWERS = {"rows": 0.0, "sqrt": 0.5, "sets": 1.0}  # of the size of a data set, by which weights of its rows fall


@dataclass(frozen=True)
class StackedDatasets:
    """Data sets below one another, as :func:`stack_datasets` makes them.

    Attributes
    ----------
    X : ndarray or data frame of shape (n_samples, ...)
        Rows of all data sets. A cell is missing where a data set does not have the column.
    y : data frame of shape (n_samples, n_tasks)
        Labels of all tasks. A cell is missing where a data set does not have the task.
    source_ : ndarray of shape (n_samples,)
        Name of the data set of each row.
    sample_weight : ndarray of shape (n_samples,)
        Weight of each row, of mean 1.
    columns_, tasks_ : dict of str to list
        Columns of X and tasks that each data set has; columns are empty for arrays.
    """

    X: Any
    y: Any
    source_: np.ndarray
    sample_weight: np.ndarray
    columns_: dict[str, list[Any]]
    tasks_: dict[str, list[Any]]

    def split(self, values: Any) -> dict[str, Any]:
        """Take rows apart again.

        Parameters
        ----------
        values : array-like or data frame of shape (n_samples, ...)
            X, y, predictions or anything else with a row for each row of X. Of a frame with the columns of X or the
            tasks of y, each data set gets those that it has.

        Returns
        -------
        dict of str to array or data frame
            Data set to its rows, in their order.

        Raises
        ------
        ValueError
            If the number of rows is another.

        Examples
        --------
        >>> import pandas as pd
        >>> from skmtl.datasets import stack_datasets
        >>> uci = pd.DataFrame({"age": [40.0, 50.0], "bmi": [20.0, 25.0]}), pd.Series([0, 1], name="sick")
        >>> clinic = pd.DataFrame({"age": [60.0]}), pd.Series([3.5], name="stay")
        >>> stacked = stack_datasets({"uci": uci, "clinic": clinic})
        >>> stacked.split(stacked.y)["clinic"]
           stay
        2   3.5
        """
        if len(values) != len(self.source_):
            raise ValueError(
                f"values has {len(values)} rows, X has {len(self.source_)}. Pass one row for each row of X, in order."
            )
        return {name: self._part(values, name) for name in self.tasks_}

    def _part(self, values: Any, name: str) -> Any:
        mask = self.source_ == name
        if not hasattr(values, "columns"):
            return np.asarray(values)[mask]
        rows = values.loc[mask] if hasattr(values, "loc") else values.filter(mask)
        for own in (self.columns_, self.tasks_):
            if set(rows.columns) == {column for columns in own.values() for column in columns}:
                return rows[[column for column in rows.columns if column in own[name]]]
        return rows


def stack_datasets(
    datasets: Mapping[str, tuple[Any, Any]],
    *,
    weighting: Weighting = "sqrt",
    encoder: Callable[[Any], Any] | None = None,
) -> StackedDatasets:
    """Put several data sets below one another, to learn them in one network.

    Columns of X and tasks with equal names become one; whatever a data set does not have is missing in its rows. The
    network shares what the data sets have in common, and a task learns from the rows that have its label.

    Parameters
    ----------
    datasets : dict of str to tuple
        Name of each data set to its ``(X, y)``. All X are pandas frames, all are polars frames, or all are arrays with
        rows of one shape, such as images or token ids. Each y is a frame or a series with names, or an array: its tasks
        are then of this data set alone and called by its name, with ``_0``, ``_1`` behind it if they are several.
    weighting : {"sqrt", "sets", "rows"}, default="sqrt"
        Weights of rows: "rows" all alike; "sets" such that each data set weighs as much as any other; "sqrt" between
        these, by the root of the number of rows, so that a small data set is not drowned and a large one not ignored.
        The loss of a task is a mean over its own labels, so that weights matter to tasks that data sets have in common.
    encoder : callable, default=None
        What is applied to each X ahead of stacking, say ``transform`` of a fitted transformer that gives all of them
        the same columns.

    Returns
    -------
    StackedDatasets
        With ``X``, ``y``, ``source_`` and ``sample_weight``, and the method ``split``.

    Raises
    ------
    ValueError
        If there are fewer than two data sets, X and y of one have different numbers of rows, a data set has no column
        in common with any other, arrays have rows of different shapes, a column or task is there twice, one of equal
        name is of different kinds, or a task is called as the labels without names of another data set.
    TypeError
        If an entry is no pair, or frames and arrays are mixed.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmtl.datasets import stack_datasets
    >>> uci = pd.DataFrame({"age": [40.0, 50.0], "bmi": [20.0, 25.0]}), pd.Series([0, 1], name="sick")
    >>> clinic = pd.DataFrame({"age": [60.0]}), pd.Series([3.5], name="stay")
    >>> stacked = stack_datasets({"uci": uci, "clinic": clinic})
    >>> stacked.X
        age   bmi
    0  40.0  20.0
    1  50.0  25.0
    2  60.0   NaN
    >>> stacked.y
       sick  stay
    0     0   NaN
    1     1   NaN
    2  <NA>   3.5
    """
    require_choice("weighting", weighting, _POWERS)
    _require_pairs(datasets)
    tables = {name: X if encoder is None else encoder(X) for name, (X, _) in datasets.items()}
    labels = {name: read_named_labels(name, y) for name, (_, y) in datasets.items()}
    sizes = {name: len(X) for name, X in tables.items()}
    for name, own in labels.items():
        n_labels = len(next(iter(own.values())))
        if n_labels != sizes[name]:
            raise ValueError(f"Data set {name!r}: X has {sizes[name]} rows and y has {n_labels}. Pass equally many.")
    require_own_names({name: y for name, (_, y) in datasets.items()}, labels)
    _require_one_kind("Task", {name: {t: family(cells) for t, cells in own.items()} for name, own in labels.items()})
    X, columns = _stack_rows(tables)
    rows = np.array(list(sizes.values()))
    weights = np.repeat(rows ** -_POWERS[weighting], rows)
    return StackedDatasets(
        X=X,
        y=stack_labels(labels, sizes, X),
        source_=np.repeat(np.array(list(sizes), dtype=object), rows),
        sample_weight=weights / weights.mean(),
        columns_=columns,
        tasks_={name: list(own) for name, own in labels.items()},
    )


def _require_pairs(datasets: Mapping[str, tuple[Any, Any]]) -> None:
    if not isinstance(datasets, Mapping):
        raise TypeError(f"datasets must be a dict of name to (X, y); got {type(datasets).__name__}.")
    if len(datasets) < 2:
        raise ValueError(f"datasets must hold at least 2 data sets; got {list(datasets)}. Fit a single one as it is.")
    for name, pair in datasets.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"Data set {name!r} must be a pair (X, y); got {type(pair).__name__}.")


def _require_one_kind(what: str, kinds: Mapping[str, Mapping[Any, str | None]]) -> None:
    """Check that what has one name is of one kind in all data sets."""
    first: dict[Any, tuple[str, str]] = {}
    for name, own in kinds.items():
        for column, kind in own.items():
            if kind is None:
                continue
            other, known = first.setdefault(column, (name, kind))
            if known != kind:
                raise ValueError(
                    f"{what} {column!r} holds {known} in data set {other!r} and {kind} in data set {name!r}. Rename it "
                    f"in one of them, or convert both to one type."
                )


def _stack_rows(tables: Mapping[str, Any]) -> tuple[Any, dict[str, list[Any]]]:
    """All rows, and the columns that each data set has."""
    framed = {name: hasattr(X, "columns") for name, X in tables.items()}
    if not any(framed.values()):
        arrays = {name: np.asarray(X) for name, X in tables.items()}
        shapes = {name: array.shape[1:] for name, array in arrays.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f"X has rows of different shapes: {shapes}. Pass frames, whose columns have names, or an encoder that "
                f"gives all data sets the same features."
            )
        return np.concatenate(list(arrays.values())), {name: [] for name in arrays}
    if not all(framed.values()) or len({type(X).__module__.split(".")[0] for X in tables.values()}) > 1:
        types = {name: type(X).__name__ for name, X in tables.items()}
        raise TypeError(f"X must be a frame of one library in all data sets, or in none; got {types}.")
    columns = {name: list(X.columns) for name, X in tables.items()}
    for name, own in columns.items():
        twice = [column for column, count in Counter(own).items() if count > 1]
        if twice:
            raise ValueError(f"Data set {name!r}: X has the column {twice[0]!r} twice. Rename or drop one of them.")
    _require_common(columns)
    _require_one_kind("Column", {name: _column_kinds(X) for name, X in tables.items()})
    frames = list(tables.values())
    if hasattr(frames[0], "loc"):
        import pandas as pd

        return pd.concat(frames, ignore_index=True), columns
    import polars as pl

    return pl.concat(frames, how="diagonal_relaxed"), columns


def _require_common(columns: Mapping[str, Sequence[Any]]) -> None:
    for name, own in columns.items():
        others = {column for other, theirs in columns.items() if other != name for column in theirs}
        if not others.intersection(own):
            raise ValueError(
                f"Data set {name!r} has no column of X in common with any other: {own[:5]} beside "
                f"{sorted(map(str, others))[:5]}. Rename columns that mean the same, or pass an encoder that gives all "
                f"data sets the same features."
            )


def _column_kinds(X: Any) -> dict[Any, str | None]:
    """Kind of each column, as the encoder of tables reads it."""
    table = read_table(X)
    positions = [
        *((i, "numbers") for i in table.numeric_positions),
        *((i, "categories") for i in table.categorical_positions),
        *((i, "dates") for i in table.date_positions),
    ]
    return {X.columns[i]: kind for i, kind in positions}
