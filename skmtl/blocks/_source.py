"""What ``fit`` and ``predict`` take in place of rows in memory."""

from __future__ import annotations

from math import inf
from os import PathLike
from typing import Any

import numpy as np

from skmtl._params import is_number, require_boolean, require_integer
from skmtl.blocks._arrow import ArrowBlocks
from skmtl.blocks._blocks import ArrayBlocks, Block, Blocks, SequenceBlocks
from skmtl.blocks._rows import join_values
from skmtl.inputs import count_rows

SAMPLE_ROWS = 200_000
HELD_OUT_ROWS = 50_000
EPOCH_ROWS = 1_000_000
BUFFER_BYTES = 1 << 30


class Source:
    """Rows that are read in blocks, with the settings of how they are learned from.

    ``fit(rows, y=...)`` and ``predict(rows)`` take what this does and make one of it; make it yourself to change a
    setting.

    Parameters
    ----------
    rows : path, pyarrow.dataset.Dataset, array-like, sequence of tuple or Blocks
        A Parquet file or a folder of such; a data set; arrays, which may be memory-mapped; a sequence of blocks
        ``(X, y)`` or ``(X, y, sample_weight)`` that can be read again; or an object of your own.
    y : str, list of str or array-like, optional
        Names of the columns of the labels in files; labels, where ``rows`` is an array.
    sample_weight : str, list of str or array-like, optional
        Weights likewise: a column for those of rows, as many as tasks for those of cells.
    in_memory : bool or "auto", default="auto"
        Whether ``fit`` reads all rows into memory and is the fit to arrays, with all that this can do. "auto": where
        there are ``sample_rows`` at most.
    sample_rows : int, default=200_000
        Rows of a random sample to which the encoder and the scale of the targets are fitted.
    held_out_rows : int, default=50_000
        Rows held out at random, by which all members are judged after each epoch, at most an eighth of all.
    epoch_rows : int, default=1_000_000
        About how many rows an epoch goes through. A pass over more rows has several epochs, so that early stopping and
        checkpoints act within it.
    buffer_bytes : float, default=2**30
        Memory of the encoded rows that are shuffled together. The next are read meanwhile, so that twice as many are in
        memory, and at least one block each.

    Raises
    ------
    TypeError
        If the rows are none of these, or can be read once only.
    ValueError
        If a setting or a name of a column is not usable.
    ImportError
        If files are to be read, and pyarrow is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.blocks import Source
    >>> X = np.random.default_rng(0).normal(size=(3000, 3))
    >>> blocks = [(X[i : i + 500], X[i : i + 500, :2] ** 2) for i in range(0, 3000, 500)]
    >>> source = Source(blocks, in_memory=False, sample_rows=1000)
    >>> net = MultiTaskNetRegressor(hidden_layer_sizes=8, max_iter=3, random_state=0).fit(source)
    >>> net.predict(source).shape
    (3000, 2)
    """

    def __init__(
        self,
        rows: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        in_memory: bool | str = "auto",
        sample_rows: int = SAMPLE_ROWS,
        held_out_rows: int = HELD_OUT_ROWS,
        epoch_rows: int = EPOCH_ROWS,
        buffer_bytes: float = BUFFER_BYTES,
    ) -> None:
        if in_memory != "auto":
            require_boolean("in_memory", in_memory)
        for name, value, least in (
            ("sample_rows", sample_rows, 1),
            ("held_out_rows", held_out_rows, 0),
            ("epoch_rows", epoch_rows, 1),
        ):
            require_integer(name, value, least)
        if not is_number(buffer_bytes, 0, inf):
            raise ValueError(f"buffer_bytes must be a number above 0; got {buffer_bytes!r}.")
        self.rows, self.y, self.sample_weight, self.in_memory = rows, y, sample_weight, in_memory
        self.sample_rows, self.held_out_rows = sample_rows, held_out_rows
        self.epoch_rows, self.buffer_bytes = epoch_rows, buffer_bytes
        self.blocks = _as_blocks(rows, y, sample_weight)

    def identity(self) -> Any:
        """What tells this source from others, by which fits find their checkpoints.

        Returns
        -------
        tuple
            Of the blocks and the settings.
        """
        settings = self.in_memory, self.sample_rows, self.held_out_rows, self.epoch_rows, self.buffer_bytes
        return type(self.blocks), self.blocks.identity(), settings

    def fits_memory(self) -> bool:
        """Whether ``fit`` reads all rows into memory.

        Returns
        -------
        bool
            As ``in_memory`` says, or the number of rows.
        """
        if self.in_memory != "auto":
            return bool(self.in_memory)
        n_rows = 0
        sizes = self.blocks.sizes or (count_rows(self.blocks.read(k).X) for k in range(len(self.blocks)))
        for size in sizes:
            n_rows += size
            if n_rows > self.sample_rows:
                return False
        return True

    def read_all(self) -> Block:
        """Read all rows into memory.

        Returns
        -------
        Block
            With all rows, in the order of the blocks.
        """
        if isinstance(self.blocks, ArrayBlocks):
            return Block(self.blocks.X, self.blocks.y, self.blocks.sample_weight)
        blocks = [self.blocks.read(index) for index in range(len(self.blocks))]
        return Block(*(join_values(parts) for parts in zip(*blocks, strict=True)))

    def with_columns(self, names: Any, labelled: bool) -> Source:
        """A source of the same rows, of files only some columns.

        Parameters
        ----------
        names : list of str or None
            Names of the columns of X; None: all.
        labelled : bool
            Whether labels and weights are read, too.

        Returns
        -------
        Source
            Whose blocks are these.
        """
        if names is None or not isinstance(self.blocks, ArrowBlocks):
            return self
        apart = (self.blocks.y, self.blocks.sample_weight) if labelled else (None, None)
        return Source(ArrowBlocks(self.blocks.source, *apart, list(names)))


def as_source(rows: Any, y: Any = None, sample_weight: Any = None) -> Source | None:
    """What reads rows in blocks; None where they are rows in memory.

    Parameters
    ----------
    rows : object
        A path, a data set of pyarrow, a large memory-mapped array, a sequence of blocks, or anything else.
    y, sample_weight : object, optional
        As in :class:`Source`.

    Returns
    -------
    Source or None
        With default settings, unless it is one already.

    Raises
    ------
    TypeError
        If rows can be read once only.
    """
    if type(rows) is np.ndarray:
        return None
    if isinstance(rows, Source):
        if y is None and sample_weight is None:
            return rows
        raise ValueError("A Source holds y and sample_weight itself; pass them to Source(...).")
    if hasattr(rows, "__next__"):
        raise TypeError(
            "X is an iterator, whose rows can be read once only, and fit reads them several times. Pass a sequence of "
            "blocks (X, y), with a length and a block at each index, or call partial_fit with one block after another."
        )
    is_large = isinstance(rows, np.memmap) and rows.ndim > 1 and rows.nbytes > BUFFER_BYTES
    if is_large or isinstance(rows, str | PathLike | Blocks) or _is_dataset(rows) or _is_sequence(rows):
        return Source(rows, y, sample_weight)
    return None


def _is_dataset(rows: Any) -> bool:
    return any(cls.__module__ == "pyarrow._dataset" and cls.__name__ == "Dataset" for cls in type(rows).__mro__)


def _is_sequence(rows: Any) -> bool:
    """Whether rows are a sequence of blocks: of tuples that begin with arrays, where rows are of numbers."""
    if hasattr(rows, "shape") or not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__")):
        return False
    if isinstance(rows, dict) or not len(rows):
        return False
    first = rows[0]
    return isinstance(first, tuple) and 1 <= len(first) <= 3 and np.ndim(first[0]) > 1


def _as_blocks(rows: Any, y: Any, sample_weight: Any) -> Blocks:
    if isinstance(rows, str | PathLike) or _is_dataset(rows):
        return ArrowBlocks(rows, y, sample_weight)
    if isinstance(rows, Blocks) or _is_sequence(rows):
        if y is not None or sample_weight is not None:
            raise ValueError("Blocks hold y and sample_weight themselves: leave these out.")
        return rows if isinstance(rows, Blocks) else SequenceBlocks(rows)
    if np.ndim(rows) > 1:
        return ArrayBlocks(rows, y, sample_weight)
    raise TypeError(
        f"rows must be a path, a pyarrow data set, an array, a sequence of blocks (X, y) or Blocks; got "
        f"{type(rows).__name__}."
    )
