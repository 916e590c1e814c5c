"""Rows of several blocks in one, and samples of rows by their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from skmtl.inputs import LabelledRows, LabelMatrix, take_rows

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hashes_of_rows(first: int, n_rows: int, seed: int) -> np.ndarray:
    """SplitMix64 of the numbers of rows, ``(n_rows,)`` uint64: different for each row, and by chance otherwise."""
    offset = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    z = np.arange(first + 1, first + n_rows + 1, dtype=np.uint64) * GOLDEN + offset
    z = (z ^ z >> 30) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> 27) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ z >> 31
    return mixed


def join_values(parts: Sequence[Any]) -> Any:
    """Rows of several arrays, sparse matrices, frames, tensors or lists of one kind as one."""
    first = parts[0]
    if len(parts) == 1 or first is None or not np.ndim(first):
        return first
    if sp.issparse(first):
        return sp.vstack(parts, format="csr")
    if type(first).__module__.startswith("pandas"):
        return _join_pandas(parts)
    if type(first).__module__.startswith("polars"):
        import polars as pl

        return pl.concat(parts)
    if isinstance(first, torch.Tensor):
        return torch.cat(list(parts))
    return [row for part in parts for row in part] if isinstance(first, list) else np.concatenate(parts)


def _join_pandas(parts: Sequence[Any]) -> Any:
    """Frames or series, whose categories need not be the same."""
    import pandas as pd
    from pandas.api.types import union_categoricals

    joined = pd.concat(parts, ignore_index=True)
    if joined.ndim == 1:
        return joined if parts[0].dtype != "category" else pd.Series(union_categoricals(parts), name=joined.name)
    for name in parts[0].columns[parts[0].dtypes == "category"]:
        joined[name] = union_categoricals([part[name] for part in parts])
    return joined


def join_rows(parts: Sequence[LabelledRows]) -> LabelledRows:
    """Rows of several blocks as one, none of them left out."""
    labels = [part.labels for part in parts]
    first = labels[0]
    categories = [
        None if own[0] is None else replace(own[0], values=list(dict.fromkeys(v for c in own if c for v in c.values)))
        for own in zip(*(matrix.categories for matrix in labels), strict=True)
    ]
    matrix = LabelMatrix(
        columns=[np.concatenate(columns) for columns in zip(*(matrix.columns for matrix in labels), strict=True)],
        observed=np.concatenate([matrix.observed for matrix in labels]),
        names=first.names,
        one_dimensional=first.one_dimensional,
        categories=categories,
    )
    weights = np.concatenate([part.weights for part in parts])
    return LabelledRows(join_values([part.X for part in parts]), matrix, weights, np.ones(len(weights), dtype=bool))


def some_rows(rows: LabelledRows, chosen: np.ndarray) -> LabelledRows:
    """Those of the rows that a mask ``(n,)`` chooses, none of them left out."""
    if chosen.all():
        return replace(rows, kept_mask=chosen)
    index = np.flatnonzero(chosen)
    ones = np.ones(len(index), dtype=bool)
    return LabelledRows(take_rows(rows.X, index), rows.labels.take(index), rows.weights[index], ones)


class LowestHashes:
    """The rows of lowest hashes among all that were added: a sample that does not depend on how they come in blocks.

    Parameters
    ----------
    size : int
        Rows to keep.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: list[tuple[int, np.ndarray, LabelledRows]] = []
        self._limit = np.uint64(2**64 - 1)

    def add(self, block: int, hashes: np.ndarray, rows: LabelledRows) -> None:
        """Add rows of a block with their hashes."""
        self._parts += self._lowest([(block, hashes, rows)])
        if sum(len(hashes) for _, hashes, _ in self._parts) > 1.25 * self.size:
            self._limit = self.limit(self.size)
            self._parts = self._lowest(self._parts)

    def _lowest(self, parts: list[tuple[int, np.ndarray, LabelledRows]]) -> list[tuple[int, np.ndarray, LabelledRows]]:
        low = [(block, hashes, rows, hashes <= self._limit) for block, hashes, rows in parts]
        return [(block, hashes[own], some_rows(rows, own)) for block, hashes, rows, own in low if own.any()]

    def limit(self, size: int) -> np.uint64:
        """The largest of so many lowest hashes; of all hashes, where there are no more."""
        hashes = np.concatenate([hashes for _, hashes, _ in self._parts])
        return np.uint64(np.partition(hashes, size - 1)[size - 1] if size < len(hashes) else hashes.max())

    def between(self, low: int, high: int) -> LabelledRows:
        """Rows whose hash is above ``low`` and at most ``high``, in the order in which they came."""
        chosen = [(rows, (hashes > low) & (hashes <= high)) for _, hashes, rows in self._parts]
        return join_rows([some_rows(rows, own) for rows, own in chosen if own.any()])

    def counts(self, limit: int, n_blocks: int) -> np.ndarray:
        """Rows of each block with a hash up to a limit, ``(n_blocks,)``."""
        counts = np.zeros(n_blocks, dtype=int)
        for block, hashes, _ in self._parts:
            counts[block] = np.count_nonzero(hashes <= limit)
        return counts
