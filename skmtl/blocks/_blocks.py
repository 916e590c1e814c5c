"""The contract of whatever gives rows in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from skmtl.inputs import count_rows, sliceable


class Block(NamedTuple):
    """Some of the rows.

    Attributes
    ----------
    X : array-like, sparse matrix or data frame of shape (n, n_features)
        Features.
    y : array-like, data frame or None
        Labels; None where none are asked for.
    sample_weight : array-like or None
        Weights of rows or cells.
    """

    X: Any
    y: Any = None
    sample_weight: Any = None


class Blocks(ABC):
    """Rows in blocks that can be read again and again, in any order, each small enough for the memory.

    Attributes
    ----------
    sizes : sequence of int or None
        Number of rows of each block, where it is known without reading them.
    """

    sizes: Sequence[int] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of blocks."""

    @abstractmethod
    def read(self, index: int) -> Block:
        """Read a block.

        Parameters
        ----------
        index : int
            Its position.

        Returns
        -------
        Block
            With all of its rows.

        Raises
        ------
        ValueError
            If it has changed since the blocks were first looked at.
        """

    @abstractmethod
    def identity(self) -> Any:
        """What tells these blocks from others without reading them all, for checkpoints.

        Returns
        -------
        object
            Values.
        """

    def name(self, index: int) -> str:
        """Name of a block in errors.

        Parameters
        ----------
        index : int
            Its position.

        Returns
        -------
        str
            By default "block" and its position.
        """
        return f"block {index}"

    @contextmanager
    def naming(self, index: int) -> Iterator[None]:
        """Begin errors about the contents of a block with its name.

        Parameters
        ----------
        index : int
            Its position.
        """
        try:
            yield
        except (TypeError, ValueError, OSError) as error:
            raise type(error)(f"{self.name(index)}: {error}") from error


class ArrayBlocks(Blocks):
    """Rows of arrays, of which a block is a slice: memory-mapped files, or whatever is sliced by rows.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_tasks), optional
        Labels.
    sample_weight : array-like, optional
        Weights of rows or cells.
    block_rows : int, default=65536
        Rows of a block.
    """

    def __init__(self, X: Any, y: Any = None, sample_weight: Any = None, block_rows: int = 1 << 16) -> None:
        self.X, self.y, self.sample_weight, self.block_rows = X, y, sample_weight, block_rows
        n_rows = count_rows(X)
        self._starts = range(0, n_rows, block_rows)
        self.sizes = [min(block_rows, n_rows - start) for start in self._starts]
        for name, values in (("y", y), ("sample_weight", sample_weight)):
            if values is not None and np.ndim(values) and count_rows(values) != n_rows:
                raise ValueError(f"{name} must have a row for each of the {n_rows} of X; it has {count_rows(values)}.")

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self._starts)

    def read(self, index: int) -> Block:
        """Read a block; see :class:`Blocks`."""
        rows = slice(self._starts[index], self._starts[index] + self.block_rows)
        parts = (self.X, self.y, self.sample_weight)
        return Block(*(part if part is None or not np.ndim(part) else sliceable(part)[rows] for part in parts))

    def name(self, index: int) -> str:
        """Rows of a block; see :class:`Blocks`."""
        return f"rows from {self._starts[index]} on"

    def identity(self) -> Any:
        """Arrays in files by name, size and time, others by their values; see :class:`Blocks`."""
        return [_of_file(part) for part in (self.X, self.y, self.sample_weight)]


def _of_file(array: Any) -> Any:
    """What tells a memory-mapped array from others; other values are what they are."""
    path = getattr(array, "filename", None)
    if path is None:
        return array
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, array.shape, array.dtype.str, array.offset


class SequenceBlocks(Blocks):
    """Blocks of a sequence of the user's, each a tuple ``(X, y)`` or ``(X, y, sample_weight)``.

    Parameters
    ----------
    blocks : sequence
        With a length, and a block at each position, which is the same whenever it is asked for.
    """

    def __init__(self, blocks: Sequence[Any]) -> None:
        self.blocks = blocks
        if not len(blocks):
            raise ValueError("There is no block in the sequence; at least 1 is required.")
        self._columns = _columns(self._block(0).X)

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.blocks)

    def read(self, index: int) -> Block:
        """Read a block, whose columns are those of the first; see :class:`Blocks`."""
        block = self._block(index)
        columns = _columns(block.X)
        if columns.keys() != self._columns.keys():
            raise ValueError(
                f"{self.name(index)}: X has the columns {list(columns)}, and {list(self._columns)} in {self.name(0)}."
            )
        for name, kind in self._columns.items():
            if columns[name] != kind:
                raise ValueError(
                    f"{self.name(index)}: column {name!r} of X holds values of type {columns[name]}, and of type "
                    f"{kind} in {self.name(0)}. Give the column one type in all blocks."
                )
        return block

    def _block(self, index: int) -> Block:
        block = self.blocks[index]
        if not isinstance(block, tuple) or not 1 <= len(block) <= 3:
            raise TypeError(
                f"{self.name(index)} must be a tuple (X, y) or (X, y, sample_weight); got {type(block).__name__}."
            )
        return Block(*block)

    def identity(self) -> Any:
        """Number of blocks, with the values of the first and the last; see :class:`Blocks`."""
        return len(self), tuple(self.read(0)), tuple(self.read(len(self) - 1))


def _columns(X: Any) -> dict[Any, str]:
    """Type of each column of a frame by its name, or of all values by the number of columns; numbers are alike."""
    if hasattr(X, "columns"):
        return {name: _kind(X[name].dtype) for name in X.columns}
    return {"x".join(map(str, np.shape(X)[1:])): _kind(getattr(X, "dtype", "list"))}


def _kind(dtype: Any) -> str:
    numeric = getattr(dtype, "kind", "") in tuple("biuf") or (hasattr(dtype, "is_numeric") and dtype.is_numeric())
    return "number" if numeric else str(dtype)
