"""From rows in blocks to what a fit learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy import sparse

from skmtl.blocks import StreamedData, Survey
from skmtl.defaults import ROW_CORRECTIONS, Choice, encoding_dtype
from skmtl.fitting._class_weights import class_factors, with_factors
from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.inputs import LabelledRows, sliceable
from skmtl.tasks import Task
from skmtl.training import DenseRows, FitConfig, Rows, SparseRows, TrainingData

PIECE_ROWS, PIECE_BYTES = 1 << 11, 1 << 24  # encoded at a time: so many rows, or as many as take so many bytes
ROW_VISITS, PASSES = 40_000_000, 10  # rows learned from in all, where there are more than an epoch has


def without_all_cells(reason: str) -> dict[str, Choice]:
    """What takes the place of "auto" where the labels of all rows are not at hand."""
    return dict.fromkeys(("input_scaling", *ROW_CORRECTIONS), Choice(False, reason))


def preferences_for_blocks(inputs: SharedInputs, survey: Survey) -> dict[str, Choice]:
    """What takes the place of "auto" where rows are not in memory."""
    chosen = without_all_cells("rows are read in blocks, and it takes rows in memory")
    if inputs.validation is None:
        chosen["early_stopping"] = Choice(False, "no rows are held out")
    n_rows, epoch_rows = survey.n_rows, survey.source.epoch_rows
    if n_rows > 1.5 * epoch_rows:
        epochs = -(-max(n_rows, min(PASSES * n_rows, ROW_VISITS)) // epoch_rows)
        chosen["max_iter"] = Choice(epochs, f"epochs of about {epoch_rows} of {n_rows} rows")
    return chosen


def untried(inputs: SharedInputs) -> dict[str, Choice]:
    """What is said of settings that are not tried, where rows or the labels of all cells are not in memory."""
    reason = "only the stored cells of y are kept, and each setting that is tried takes another large network"
    if inputs.survey is not None:
        reason = "rows are read in blocks, and each setting that is tried would read them all"
    return {"effort": Choice("fixed", reason)}


def data_in_blocks(
    inputs: SharedInputs, survey: Survey, config: FitConfig, class_weight: Any, dtype: str
) -> tuple[StreamedData, np.ndarray]:
    """What the members learn from, and the bias ``(outputs,)`` of the output layer to start from."""
    encode_in = encoding_dtype(dtype, inputs.n_rows)
    factors = class_factors(class_weight, inputs, lambda k, task: _by_class(task, survey.labels[k].totals))
    cells = list(zip(inputs.tasks, survey.labels, factors, strict=True))
    totals = np.array([own.total if f is None else f @ _by_class(task, own.totals) for task, own, f in cells])
    largest = np.array([own.most if f is None else (f * _by_class(task, own.largest)).max() for task, own, f in cells])
    if survey.held_out is not None:
        totals = totals - with_factors(survey.held_out, inputs.tasks, factors).sum(axis=0)
    n_features = inputs.encoder.n_outputs_
    row_bytes = config.torch_dtype.itemsize * (n_features + 2 * len(cells))
    data = StreamedData(
        BlockEncoder(inputs, survey, config, factors, largest, encode_in).load,
        survey.learned,
        config.tensor(inputs.scaled_weights(totals[None], largest)),
        n_features,
        buffer_rows=max(int(survey.source.buffer_bytes / row_bytes), 1),
        epoch_rows=survey.source.epoch_rows,
        batch_size=config.batch_size,
        identity=(factors, largest, survey.limit),
    )
    return data, _initial_bias(inputs, survey, factors, encode_in)


def _initial_bias(
    inputs: SharedInputs, survey: Survey, factors: Sequence[np.ndarray | None], encode_in: str
) -> np.ndarray:
    """Bias by the labels that the tasks are fitted to, of which rare tasks have some of their own."""
    cells, biases = survey.task_labels(), []
    for column in inputs.layout.order:
        task, factor = inputs.tasks[column], factors[column]
        seen = cells[column].weights > 0
        encoded = task.kind.encode(task, cells[column].labels[seen]).astype(encode_in)
        weights = cells[column].weights[seen] * (1.0 if factor is None else factor[encoded.astype(int)])
        biases.append(task.kind.initial_bias(task, encoded, weights / (weights.max() or 1.0)))
    return np.concatenate(biases)


def _by_class(task: Task, values: dict[Any, float] | None) -> np.ndarray:
    """Values of the labels of a task in the order of its classes."""
    assert task.classes is not None
    assert values is not None
    return np.array([values[label] for label in task.classes.tolist()])


@dataclass
class BlockEncoder:
    """Reads blocks and encodes their rows as those of one fit.

    What it loads holds until it has loaded twice again: two arrays take turns, as a new one of many pages would cost
    as much as encoding.

    Attributes
    ----------
    inputs : SharedInputs
        Encoder and tasks.
    survey : Survey
        Which rows of a block are learned from.
    config : FitConfig
        Where and in which type the network computes.
    factors : list of ndarray or None
        Of the classes of each task.
    largest : ndarray of shape (n_tasks,)
        Largest weight of a cell of each task.
    encode_in : str
        Type to encode in.
    """

    inputs: SharedInputs
    survey: Survey
    config: FitConfig
    factors: list[np.ndarray | None]
    largest: np.ndarray
    encode_in: str
    _arrays: list[np.ndarray] = field(default_factory=lambda: [np.empty(0), np.empty(0)], init=False, repr=False)

    def load(self, blocks: Sequence[int], own: np.ndarray | None = None) -> TrainingData:
        """Rows of these blocks, one after another, or those of them that a mask chooses."""
        sizes, n_tasks = self.survey.learned[list(blocks)], len(self.inputs.tasks)
        n_rows = int(sizes.sum() if own is None else own.sum())
        masks = [None] * len(blocks) if own is None else np.split(own, np.cumsum(sizes)[:-1])
        dense, parts, first = self._next_array(n_rows), list[sparse.csr_array](), 0
        step = max(PIECE_BYTES // (dense.itemsize * dense.shape[1]), PIECE_ROWS)
        targets, weights = (np.empty((n_rows, n_tasks), dtype=self.config.dtype) for _ in range(2))
        for block, mask in zip(blocks, masks, strict=True):
            rows = self.survey.read(block, mask)
            with self.survey.reader.blocks.naming(block):
                last = first + len(rows.weights)
                targets[first:last], weights[first:last] = self._cells(rows)
                for start in range(0, len(rows.weights), step):
                    piece = sliceable(rows.X)[start : start + step]
                    encoded = self.inputs.encoder.transform(piece, self.encode_in)
                    if isinstance(encoded, np.ndarray):
                        dense[first + start : first + start + len(encoded)] = encoded
                    else:
                        parts.append(encoded)
            first = last
        of = self.config.torch_dtype, self.config.device
        X: Rows = SparseRows(sparse.vstack(parts, format="csr"), *of) if parts else DenseRows(dense, *of)
        return TrainingData(X, *(torch.from_numpy(cells).to(self.config.device) for cells in (targets, weights)))

    def _next_array(self, n_rows: int) -> np.ndarray:
        """Memory ``(n_rows, n_outputs)`` that was given out the time before the last."""
        n_outputs = self.inputs.encoder.n_outputs_
        self._arrays.reverse()
        if self._arrays[0].size < n_rows * n_outputs:
            self._arrays[0] = np.empty(n_rows * n_outputs, dtype=self.config.dtype)  # no memory until it is written to
        return self._arrays[0][: n_rows * n_outputs].reshape(n_rows, n_outputs)

    def _cells(self, rows: LabelledRows) -> tuple[np.ndarray, np.ndarray]:
        """Targets and weights ``(n, n_tasks)``, in the layout's order of tasks."""
        try:
            weights = with_factors(rows, self.inputs.tasks, self.factors)
            targets = self.inputs.layout.encode(rows.labels.columns, rows.labels.observed, np.dtype(self.encode_in))
        except ValueError as error:
            raise ValueError(f"the labels have changed since they were first read: {error}") from error
        return targets, self.inputs.scaled_weights(weights, self.largest)
