"""Predictions and scores of rows in blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from skmtl._files import whole_file
from skmtl.blocks import Source, as_source, join_rows
from skmtl.inputs import LabelledRows

T = TypeVar("T")


def source_of(model: Any, X: Any, *labels: Any) -> Source | None:
    """Rows in blocks with the columns of the fit; None where rows are in memory.

    They have labels and weights where ``labels`` are given, as None where the source itself says.
    """
    source = as_source(X, *labels)
    return None if source is None else source.with_columns(getattr(model, "feature_names_in_", None), bool(labels))


def map_blocks(function: Callable[[Any], T], source: Source) -> Iterator[T]:
    """What a function makes of X of each block; errors begin with the name of the block."""
    for index in range(len(source.blocks)):
        X = source.blocks.read(index).X
        with source.blocks.naming(index):
            result = function(X)
        yield result


def map_pieces(function: Callable[[Any], T], model: Any, X: Any) -> Iterator[T]:
    """What a function makes of X of each block, or of X itself where it is in memory."""
    source = source_of(model, X)
    return iter([function(X)]) if source is None else map_blocks(function, source)


def fill(out: np.ndarray, pieces: Iterable[np.ndarray]) -> np.ndarray:
    """Put predictions, block by block, into an array, and return it.

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If it has another shape, or a type that does not hold them.
    """
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an array of numpy, which may be memory-mapped; got {type(out).__name__}.")
    first = 0
    for piece in pieces:
        last = first + len(piece)
        if piece.shape[1:] != out.shape[1:] or last > len(out):
            wanted = ", ".join(map(str, ("n_samples", *piece.shape[1:])))
            raise ValueError(f"out must be of shape ({wanted}), with a row for each of X; got {out.shape}.")
        if not np.can_cast(piece.dtype, out.dtype, "same_kind"):
            raise ValueError(f"out must hold values of type {piece.dtype}; got an array of {out.dtype}.")
        out[first:last] = piece
        first = last
    if first < len(out):
        raise ValueError(f"out must have a row for each of the {first} of X; it has {len(out)}.")
    return out


def write_frames(path: str | os.PathLike[str], frames: Iterable[Any]) -> Path:
    """Write frames to one Parquet file, which is there as a whole or not at all, and return its path.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    TypeError
        If the path is none.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"out must be the path of a Parquet file to write; got {type(path).__name__}.")
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    path, writer = Path(path), None
    with whole_file(path) as temporary:
        for frame in frames:
            table = pa.Table.from_pandas(frame, preserve_index=False) if hasattr(frame, "iloc") else frame.to_arrow()
            writer = writer or ParquetWriter(temporary, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return path


def observed_and_predicted(model: Any, source: Source) -> tuple[LabelledRows, list[np.ndarray]]:
    """Labelled rows of all blocks, without their X, and the labels that are predicted for them, by task."""
    observed, columns = list[LabelledRows](), list[list[np.ndarray]]()
    for index in range(len(source.blocks)):
        block = source.blocks.read(index)
        with source.blocks.naming(index):
            rows = model._read_labelled(*block, of_block=True)
            if len(rows.weights):
                columns.append(model._predict_columns(rows.X))
                observed.append(replace(rows, X=None))
    if not observed:
        raise ValueError("No label is left: every cell of y is missing or has sample weight zero.")
    return join_rows(observed), [np.concatenate(parts) for parts in zip(*columns, strict=True)]
