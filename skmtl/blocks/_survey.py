"""One pass over all rows: how many there are, their labels, and samples of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skmtl.blocks._blocks import Blocks
from skmtl.blocks._rows import LowestHashes, hashes_of_rows, some_rows
from skmtl.blocks._source import Source
from skmtl.inputs import LabelledRows, TaskLabels, count_rows, family_of, read_labelled_rows, require_same_tasks

MAX_CLASSES = 10_000  # beyond so many different labels a task has no classes
CELLS_OF_TASK = 10_000  # labels of a rare task that are kept, whichever rows are
LEAST_JUDGING = 100  # held-out labels, of which fewer say too little
HELD_OUT_FRACTION = 8


@dataclass
class Labels:
    """Labels of one task in all rows.

    Attributes
    ----------
    name : hashable
        Name of the task.
    totals, largest : dict or None
        Total and largest weight of each different label; None where there are more than ``MAX_CLASSES``.
    total, most : float
        Total and largest weight of all labels.
    family : str
        What its labels are: numbers, strings, booleans.
    categorical : bool
        Whether the labels came with a categorical type.
    """

    name: Any
    categorical: bool = False
    family: str = ""
    totals: dict[Any, float] | None = field(default_factory=dict)
    largest: dict[Any, float] | None = field(default_factory=dict)
    total: float = 0.0
    most: float = 0.0
    hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    cells: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, labels: np.ndarray, weights: np.ndarray, hashes: np.ndarray) -> None:
        """Add observed labels, with the hashes of their rows.

        Raises
        ------
        ValueError
            If they are of another family than those before.
        """
        if not len(labels):
            return
        family = family_of(labels.dtype)
        if self.family and family != self.family:
            raise ValueError(f"Task {self.name!r} has {family} labels here, and {self.family} labels before.")
        self.family = family
        self.total += float(weights.sum())
        self.most = max(self.most, float(weights.max()))
        self._count(labels, weights)
        self._keep(labels, weights, hashes)

    def _count(self, labels: np.ndarray, weights: np.ndarray) -> None:
        if self.totals is None or self.largest is None:
            return
        if labels.dtype.kind == "f" and (labels % 1 != 0).any():
            self.totals = self.largest = None
            return
        distinct, index = np.unique(labels, return_inverse=True)
        totals, largest = np.bincount(index, weights), np.zeros(len(distinct))
        np.maximum.at(largest, index, weights)
        for label, total, most in zip(distinct.tolist(), totals.tolist(), largest.tolist(), strict=True):
            self.totals[label] = self.totals.get(label, 0.0) + total
            self.largest[label] = max(self.largest.get(label, 0.0), most)
        if len(self.totals) > MAX_CLASSES:
            self.totals = self.largest = None

    def _keep(self, labels: np.ndarray, weights: np.ndarray, hashes: np.ndarray) -> None:
        """Keep the labels of lowest hashes, in the order of their rows."""
        if len(self.hashes) == CELLS_OF_TASK:
            low = hashes < self.hashes.max()
            labels, weights, hashes = labels[low], weights[low], hashes[low]
        parts = [(labels, weights)] if self.cells is None else [self.cells, (labels, weights)]
        labels, weights = (np.concatenate(values) for values in zip(*parts, strict=True))
        hashes = np.concatenate([self.hashes, hashes])
        kept = np.sort(np.argpartition(hashes, CELLS_OF_TASK)[:CELLS_OF_TASK]) if len(hashes) > CELLS_OF_TASK else ...
        self.hashes, self.cells = hashes[kept], (labels[kept], weights[kept])

    def task_labels(self, labels: np.ndarray, weights: np.ndarray) -> TaskLabels:
        """Labels to fit a task to: those of a sample of rows, or those kept where these are more; and every class."""
        if self.cells is not None and len(labels) < len(self.cells[0]):
            labels, weights = self.cells
        missed = [] if self.totals is None else sorted(self.totals.keys() - set(np.unique(labels).tolist()))
        if missed:
            labels = np.concatenate(
                [labels, np.asarray(missed, dtype=labels.dtype if labels.dtype.kind in "biuf" else None)]
            )
            weights = np.concatenate([weights, np.zeros(len(missed))])
        return TaskLabels(self.name, labels, weights, self.categorical)


class RowReader:
    """Reads the labelled rows of blocks.

    Parameters
    ----------
    blocks : Blocks
        Where rows come from.
    missing_label : object
        As in :func:`~skmtl.inputs.read_labels`.
    estimator_name : str
        For errors.
    """

    def __init__(self, blocks: Blocks, missing_label: object, estimator_name: str) -> None:
        self.blocks, self._settings = blocks, (missing_label, estimator_name)
        self.sizes: list[int] = []  # of the blocks read so far, in the order of a first pass
        self.names: list[Any] | None = None

    def read(self, index: int) -> LabelledRows:
        """Rows of a block that have a label.

        Raises
        ------
        ValueError
            If the block is empty, of other tasks or another length than before, or has labels that cannot be read.
        TypeError
            If it is none.
        """
        X, y, sample_weight = self.blocks.read(index)
        with self.blocks.naming(index):
            n_rows = count_rows(X)
            if not n_rows:
                raise ValueError("the block has no rows. Leave it out.")
            rows = read_labelled_rows(X, y, sample_weight, *self._settings, of_block=True)
            if self.names is None:
                self.names = rows.labels.names
            require_same_tasks("y", rows.labels, self.names)
            if index == len(self.sizes):
                self.sizes.append(n_rows)
            elif n_rows != self.sizes[index]:
                raise ValueError(f"the block has {n_rows} rows, and had {self.sizes[index]} when it was first read.")
        return rows


@dataclass(frozen=True, eq=False)
class Survey:
    """What a pass over all rows has found.

    Attributes
    ----------
    source : Source
        Where they come from, and how they are learned from.
    reader : RowReader
        What has read them.
    seed : int
        Of the hashes of the rows.
    starts : ndarray of shape (n_blocks,)
        Number of the first row of each block.
    learned : ndarray of shape (n_blocks,)
        Rows of each block that are learned from.
    labels : list of Labels
        Of each task, held-out rows among them.
    sample : LabelledRows
        A sample of the rows that are learned from, in their order.
    held_out : LabelledRows or None
        Rows that are held out from all members.
    limit : int
        Rows with a hash up to it are held out; -1: none.
    """

    source: Source
    reader: RowReader
    seed: int
    starts: np.ndarray
    learned: np.ndarray
    labels: list[Labels]
    sample: LabelledRows
    held_out: LabelledRows | None
    limit: int

    @classmethod
    def of(cls, source: Source, reader: RowReader, seed: int, held_out_rows: int) -> Survey:
        """Read all rows once.

        Parameters
        ----------
        source : Source
            The rows.
        reader : RowReader
            Reads them.
        seed : int
            The sample, and which rows are held out, depend on it and on the numbers of the rows alone.
        held_out_rows : int
            Rows to hold out, at most an eighth of all.

        Raises
        ------
        ValueError
            If a block is not usable, or a task has no label.
        """
        lowest, starts, kept = LowestHashes(source.sample_rows + held_out_rows), [0], []
        labels: list[Labels] = []
        for index in range(len(reader.blocks)):
            rows = reader.read(index)
            hashes = hashes_of_rows(starts[-1], len(rows.kept_mask), seed)[rows.kept_mask]
            starts.append(starts[-1] + len(rows.kept_mask))
            kept.append(len(hashes))
            lowest.add(index, hashes, rows)
            labels = labels or [
                Labels(n, c is not None) for n, c in zip(rows.labels.names, rows.labels.categories, strict=True)
            ]
            with reader.blocks.naming(index):
                for of_task, column, weights in zip(labels, rows.labels.columns, rows.weights.T, strict=True):
                    seen = weights > 0
                    of_task.add(column[seen], weights[seen], hashes[seen])
        _require_labels(labels)
        n_held_out = min(held_out_rows, sum(kept) // HELD_OUT_FRACTION)
        limit = int(lowest.limit(n_held_out)) if n_held_out else -1
        learned = np.array(kept) - lowest.counts(limit, len(kept))
        sample = lowest.between(limit, int(lowest.limit(n_held_out + source.sample_rows)))
        held_out = lowest.between(-1, limit) if n_held_out else None
        return cls(source, reader, seed, np.array(starts[:-1]), learned, labels, sample, held_out, limit)

    def read(self, index: int, own: np.ndarray | None = None) -> LabelledRows:
        """Rows of a block that are learned from, or those of them that a mask chooses."""
        rows = self.reader.read(index)
        hashes = hashes_of_rows(int(self.starts[index]), len(rows.kept_mask), self.seed)[rows.kept_mask]
        chosen = hashes > self.limit
        if own is not None:
            chosen[chosen] = own
        return some_rows(rows, chosen)

    @property
    def n_rows(self) -> int:
        """Number of rows that are learned from."""
        return int(self.learned.sum())

    @property
    def judging(self) -> LabelledRows | None:
        """Held-out rows without the labels of tasks that have few there: these are watched by their training loss."""
        rows = self.held_out
        if rows is None:
            return None
        rare = np.count_nonzero(rows.weights > 0, axis=0) < LEAST_JUDGING
        return replace(rows, weights=np.where(rare, 0.0, rows.weights))

    def task_labels(self) -> list[TaskLabels]:
        """Labels to fit each task to."""
        cells = zip(self.labels, self.sample.labels.columns, self.sample.weights.T, strict=True)
        return [of_task.task_labels(column[weights > 0], weights[weights > 0]) for of_task, column, weights in cells]


def _require_labels(labels: list[Labels]) -> None:
    for of_task in labels:
        if not of_task.total:
            raise ValueError(
                f"Task {of_task.name!r} has no label in any block: every cell of its column is missing or has weight "
                f"zero. Drop the column, or give it at least one label."
            )
