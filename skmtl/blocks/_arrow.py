"""Blocks of Parquet files and other data sets of pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skmtl._params import as_list
from skmtl.blocks._blocks import Block, Blocks

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds


def open_dataset(source: str | PathLike[str] | ds.Dataset) -> ds.Dataset:
    """Data set of a Parquet file, or of a folder of them.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    FileNotFoundError
        If there is no such file or folder, or no Parquet file in it.
    ValueError
        If rows of the data set are filtered.
    """
    if find_spec("pyarrow") is None:
        raise ImportError(f"Reading {source!r} takes pyarrow: pip install pyarrow.")
    from pyarrow import dataset

    if isinstance(source, dataset.Dataset):
        if getattr(source, "_scan_options", None):
            raise ValueError("The data set has a filter, which blocks would not heed; write what it leaves to files.")
        return source
    path = Path(fspath(source))
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    opened = dataset.dataset(str(path), format="parquet")
    if not opened.files:
        raise FileNotFoundError(f"There is no Parquet file in the folder {str(path)!r}.")
    return opened


class ArrowBlocks(Blocks):
    """Row groups of Parquet files, or fragments of any other data set of pyarrow.

    A block comes as a data frame of pandas, or of polars where pandas is not installed.

    Parameters
    ----------
    source : path or pyarrow.dataset.Dataset
        A file, a folder of files of one schema, or a data set.
    y : str or list of str, optional
        Columns of the labels; one name alone makes y 1-D.
    sample_weight : str or list of str, optional
        Column of the weights of rows, or columns of the weights of cells, one a task.
    columns : list of str, optional
        Columns of X; by default all others.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    FileNotFoundError
        If there is no such file or folder.
    TypeError
        If names are no strings.
    ValueError
        If there are no rows, or a column is not there, has another type in one of the files, or is named twice.
    """

    def __init__(
        self,
        source: str | PathLike[str] | ds.Dataset,
        y: str | Sequence[str] | None = None,
        sample_weight: str | Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> None:
        dataset = open_dataset(source)
        self.y, self.sample_weight = _read_names("y", y), _read_names("sample_weight", sample_weight)
        self.source, self._schema = source, dataset.schema
        apart = [*_names(self.y), *_names(self.sample_weight)]
        self.columns = [n for n in self._schema.names if n not in apart] if columns is None else list(columns)
        self._read_columns = list(dict.fromkeys([*self.columns, *apart]))
        self._require_columns()
        fragments = list(dataset.get_fragments())
        for fragment in fragments:
            self._require_schema(fragment, fragments[0])
        counted = [(piece, _count_rows(piece)) for fragment in fragments for piece in _row_groups(fragment)]
        self._pieces = [piece for piece, n_rows in counted if n_rows]
        self._states = {fragment.path: _state(fragment) for fragment in fragments if hasattr(fragment, "path")}
        self.sizes = [n_rows for _, n_rows in counted if n_rows]
        if not self.sizes:
            raise ValueError(f"There is no row in {str(source)!r}; at least 1 is required.")

    def _require_columns(self) -> None:
        """Check that all columns are there, each for one thing."""
        for parameter, names in (("y", self.y), ("sample_weight", self.sample_weight), ("X", self.columns)):
            for name in _names(names):
                if name not in self._schema.names:
                    raise ValueError(
                        f"{parameter} names column {name!r}; the columns of the data are {self._schema.names}."
                    )
        both = set(_names(self.y)).intersection(_names(self.sample_weight))
        if both:
            raise ValueError(f"y and sample_weight name the same column {both.pop()!r}; weights have one of their own.")
        if not self.columns:
            raise ValueError("y and sample_weight name all columns of the data; leave at least 1 for X.")

    def _require_schema(self, fragment: Any, first: Any) -> None:
        """Check that the columns of a file have the types that they have in all of them."""
        own = fragment.physical_schema
        for name in self._read_columns:
            expected = self._schema.field(name).type
            if name not in own.names and name in first.physical_schema.names:
                raise ValueError(f"{_path(fragment)} has no column {name!r}, which {_path(first)} has.")
            if name in own.names and own.field(name).type != expected:
                raise ValueError(
                    f"{_path(fragment)}: column {name!r} is of type {own.field(name).type}, and of type {expected} in "
                    f"{_path(first)}. Write all files with one schema."
                )

    def __len__(self) -> int:
        """Return the number of row groups."""
        return len(self._pieces)

    def name(self, index: int) -> str:
        """File and row group; see :class:`Blocks`."""
        groups = getattr(self._pieces[index], "row_groups", None)
        return _path(self._pieces[index]) + (f", row group {groups[0].id}" if groups else "")

    def read(self, index: int) -> Block:
        """Read a row group; see :class:`Blocks`."""
        piece = self._pieces[index]
        if hasattr(piece, "path") and _state(piece) != self._states[piece.path]:
            raise ValueError(f"{_path(piece)} has changed since it was first read. Fit again, and leave it as it is.")
        with self.naming(index):
            frame = _frame(piece.to_table(schema=self._schema, columns=self._read_columns))
        y = None if self.y is None else frame[self.y]
        weights = None if self.sample_weight is None else frame[self.sample_weight].to_numpy()
        return Block(frame[self.columns], y, weights)

    def identity(self) -> Any:
        """Files by name, size and time; see :class:`Blocks`."""
        return self._states, self.sizes, self.columns, self.y, self.sample_weight


def _read_names(parameter: str, given: Any) -> str | list[str] | None:
    """Names of columns as strings, of which one alone stays alone."""
    if given is None or isinstance(given, str):
        return given
    names = as_list(given)
    wrong = [type(name).__name__ for name in names if not isinstance(name, str)]
    if wrong or not names:
        raise TypeError(
            f"{parameter} must be the name of a column, or a list of names, where X is read from files; got "
            f"{f'values of type {wrong[0]}' if wrong else 'no name'}. Names in Parquet files are strings."
        )
    return names


def _names(names: str | list[str] | None) -> list[str]:
    return [] if names is None else as_list(names)


def _row_groups(fragment: Any) -> list[Any]:
    """Fragments of one row group each, where a fragment has row groups."""
    return list(fragment.split_by_row_group()) if hasattr(fragment, "split_by_row_group") else [fragment]


def _count_rows(piece: Any) -> int:
    """Rows of a fragment; ``count_rows`` of a row group gives those of the whole file."""
    groups = getattr(piece, "row_groups", None)
    return int(sum(group.num_rows for group in groups) if groups else piece.count_rows())


def _path(fragment: Any) -> str:
    return f"file {fragment.path!r}" if hasattr(fragment, "path") else "the table in memory"


def _state(fragment: Any) -> tuple[int | None, int | None]:
    """Size of a file and time of its last change."""
    info = fragment.filesystem.get_file_info(fragment.path)
    return info.size, info.mtime_ns


def _frame(table: pa.Table) -> Any:
    if find_spec("pandas") is not None:
        return table.to_pandas()
    import polars as pl

    return pl.from_arrow(table)
