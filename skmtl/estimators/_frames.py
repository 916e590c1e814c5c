"""Predictions as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, overload

import numpy as np
from sklearn.utils.metaestimators import available_if

from skmtl.estimators._blockwise import map_pieces, write_frames
from skmtl.inputs import Categories
from skmtl.tasks import Task

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Library: TypeAlias = Literal["pandas", "polars"]
LIBRARIES = get_args(Library)


class FramesMixin:
    """``predict_frame`` and ``predict_proba_frame`` of an estimator that predicts by task."""

    tasks_: list[Task]
    _categories: list[Categories | None] | None = None  # of the columns of y; None: none has a categorical type

    if TYPE_CHECKING:

        def _predict_columns(self, X: Any) -> list[np.ndarray]: ...
        def _responses(self, X: Any) -> list[np.ndarray]: ...

    @overload
    def predict_frame(self, X: Any, library: Literal["pandas"], out: None = None) -> pd.DataFrame: ...
    @overload
    def predict_frame(self, X: Any, library: Literal["polars"], out: None = None) -> pl.DataFrame: ...
    @overload
    def predict_frame(self, X: Any, library: None = None, out: None = None) -> Any: ...
    @overload
    def predict_frame(self, X: Any, library: Library | None = None, *, out: str | PathLike[str]) -> Path: ...
    def predict_frame(self, X: Any, library: Library | None = None, out: str | PathLike[str] | None = None) -> Any:
        """Predict labels as a data frame, which keeps the type of each task.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows, which may be in blocks as in :meth:`fit`.
        library : {"pandas", "polars"} or None, default=None
            Library of the frame. None: that of X, and for an X that is no frame pandas, or polars where pandas is not
            installed.
        out : path, default=None
            Parquet file that the frame is written to, block by block.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame of shape (n_samples, n_tasks), or Path
            The path ``out``, if that is given. Else one column a task, named as in y; in polars, which knows strings
            only, by the string of the name. A column of y with a categorical type gives one with the same categories. A
            frame of pandas has the index of X.

        Raises
        ------
        ValueError
            If the library is another one, or polars and the names of two tasks are the same string.
        ImportError
            If it is not installed.
        """
        if out is not None:
            return write_frames(out, map_pieces(lambda piece: self.predict_frame(piece, library), self, X))
        return label_frame(self, self._predict_columns(X), X, library)

    @overload
    def predict_proba_frame(self, X: Any, library: Literal["pandas"], out: None = None) -> pd.DataFrame: ...
    @overload
    def predict_proba_frame(self, X: Any, library: Literal["polars"], out: None = None) -> pl.DataFrame: ...
    @overload
    def predict_proba_frame(self, X: Any, library: None = None, out: None = None) -> Any: ...
    @overload
    def predict_proba_frame(self, X: Any, library: Library | None = None, *, out: str | PathLike[str]) -> Path: ...
    @available_if(lambda self: hasattr(self, "predict_proba"))
    def predict_proba_frame(
        self, X: Any, library: Library | None = None, out: str | PathLike[str] | None = None
    ) -> Any:
        """Predict the probabilities of the classes of all tasks as one data frame.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        library : {"pandas", "polars"} or None, default=None
            As in :meth:`predict_frame`.
        out : path, default=None
            As in :meth:`predict_frame`.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame of shape (n_samples, n_classes of all tasks), or Path
            The path ``out``, if that is given. Else a column ``<task>_<class>`` for each class of each task, as
            scikit-learn's ``OneHotEncoder`` names its columns; none for tasks of numbers.

        Raises
        ------
        ValueError
            If the library is another one, or two columns would have one name.
        ImportError
            If it is not installed.
        """
        if out is not None:
            return write_frames(out, map_pieces(lambda piece: self.predict_proba_frame(piece, library), self, X))
        return probability_frame(self, self._responses(X), X, library)


def label_frame(model: Any, columns: Sequence[np.ndarray], like: Any, library: Any) -> Any:
    """Frame of predicted labels of the tasks ``(n,)``, in the library of the rows ``like``."""
    categories = model._categories or [None] * len(columns)
    known = [
        of_task.extended(task.classes) if of_task is not None and task.classes is not None else None
        for task, of_task in zip(model.tasks_, categories, strict=True)
    ]
    return _make_frame([task.name for task in model.tasks_], columns, known, like, library)


def probability_frame(model: Any, responses: Sequence[np.ndarray], like: Any, library: Any) -> Any:
    """Frame of the probabilities of the classes, ``(n, n_classes)`` a task, in the library of the rows ``like``."""
    named: dict[str, np.ndarray] = {}
    for task, response in zip(model.tasks_, responses, strict=True):
        for label, column in zip([] if task.classes is None else task.classes.tolist(), response.T, strict=False):
            name = f"{task.name}_{label}"
            if name in named:
                raise ValueError(
                    f"Class {label!r} of task {task.name!r} would give a second column {name!r}. Rename the task, or "
                    "use predict_proba."
                )
            named[name] = column
    return _make_frame(list(named), list(named.values()), [None] * len(named), like, library)


def _make_frame(
    names: list[Any], columns: Sequence[np.ndarray], categories: list[Categories | None], like: Any, library: Any
) -> Any:
    make = _pandas_frame if _read_library(library, like) == "pandas" else _polars_frame
    return make(names, columns, categories, like)


def _read_library(library: Any, like: Any) -> str:
    if library is not None:
        if library not in LIBRARIES:
            raise ValueError(f"library must be {', '.join(map(repr, LIBRARIES))} or None; got {library!r}.")
        return str(library)
    owners = {cls.__module__.partition(".")[0] for cls in type(like).__mro__}
    return next(
        (name for name in LIBRARIES if name in owners),
        "polars" if find_spec("pandas") is None and find_spec("polars") is not None else "pandas",
    )


def _pandas_frame(
    names: list[Any], columns: Sequence[np.ndarray], categories: list[Categories | None], like: Any
) -> pd.DataFrame:
    import pandas as pd

    made = {
        k: column if of_task is None else pd.Categorical(column, of_task.values, of_task.ordered)
        for k, (column, of_task) in enumerate(zip(columns, categories, strict=True))
    }
    frame = pd.DataFrame(made, index=like.index if isinstance(like, pd.DataFrame | pd.Series) else None)
    # the name None is no missing value; tuples are the names of nested columns where all are such
    nested = all(isinstance(name, tuple) for name in names)
    frame.columns = pd.Index(names, dtype=object if None in names else None, tupleize_cols=nested)
    return frame


def _polars_frame(
    names: list[Any], columns: Sequence[np.ndarray], categories: list[Categories | None], like: Any
) -> pl.DataFrame:
    import polars as pl

    spelt = list(map(str, names))
    if len(set(spelt)) < len(spelt):
        twice = next(name for name in spelt if spelt.count(name) > 1)
        raise ValueError(
            f"Names of columns are strings in polars, and two of {names} are {twice!r}. Rename one, or use "
            "library='pandas'."
        )
    made = []
    for name, column, of_task in zip(spelt, columns, categories, strict=True):
        series = pl.Series(name, column if column.dtype.kind in "biuf" else column.tolist())
        if of_task is not None and series.dtype == pl.String:
            series = series.cast(pl.Enum(of_task.values) if of_task.named else pl.Categorical())
        made.append(series)
    return pl.DataFrame(made)
