"""Many tasks with few labels: data, step and held-out losses that look at cells with a label only."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import CellPattern, WideReadout, Workspace
from skmtl.network import ManualPasses, Network
from skmtl.processes import ALONE, Collective
from skmtl.training._data import Data, Rows, as_tensor
from skmtl.training._objective import Objective, Validation
from skmtl.training._slices import as_slice, slice_of
from skmtl.training._step import Step
from skmtl.training._tiled import is_separable


class StoredBatch(NamedTuple):
    """Rows that take part in one step, with their labels.

    Attributes
    ----------
    x : Tensor of shape (1, row, feature)
        Encoded rows.
    cells : CellPattern
        Which cells ``(row, task)`` have a label.
    targets, weights : Tensor of shape (cell,)
        Encoded labels, and what they count.
    row_mask : Tensor of shape (member, row) or None
        1 where a member may learn from a row, 0 where it holds the row out; None: all learn from all.
    counts, drawn
        Of a slice, see :class:`Batch`.
    """

    x: Tensor
    cells: CellPattern
    targets: Tensor
    weights: Tensor
    row_mask: Tensor | None = None
    counts: Tensor | None = None
    drawn: tuple[int, int] | None = None

    def weights_of(self, member: int) -> Tensor:
        """What each cell counts for a member."""
        if self.row_mask is None:
            return self.weights
        return self.weights * self.row_mask[member].index_select(0, self.cells.row)


class StoredData(Data):
    """Rows and their labels, without the cells that have none.

    Parameters
    ----------
    rows : Rows
        Encoded rows.
    targets, cell_weights : CSR array of shape (n, n_tasks)
        Encoded labels and their weights, of the same cells.
    row_mask : Tensor of shape (member, n), optional
        1 where a member may learn from a row, 0 where it holds the row out; None: all may learn from all.
    like : Tensor
        Of the type and on the device to compute with.
    """

    keeps_stored = True

    def __init__(
        self,
        rows: Rows,
        targets: Any,
        cell_weights: Any,
        row_mask: Tensor | None,
        like: Tensor,
    ) -> None:
        self.rows, self.targets, self.cell_weights, self.row_mask = rows, targets, cell_weights, row_mask
        self.n_rows, self.n_features, self._like = rows.n_rows, rows.n_features, like
        self.row_bytes = like.element_size() * (rows.n_features + targets.nnz // max(rows.n_rows, 1))
        self._unweighted = bool((cell_weights.data == 1).all())
        masks = np.ones((1, self.n_rows)) if row_mask is None else row_mask.cpu().numpy()
        self.totals = self._tensor(np.asarray((cell_weights.T @ masks.T).T))
        self._collective = ALONE

    def _tensor(self, values: np.ndarray) -> Tensor:
        return as_tensor(values, self._like.dtype, self._like.device)

    @property
    def identity(self) -> tuple[Any, ...]:
        """What fits to the same rows and targets may differ in."""
        return self.cell_weights, self.row_mask

    def select(self, members: Tensor) -> StoredData:
        """See :class:`Data`."""
        mask = None if self.row_mask is None else self.row_mask[members]
        return StoredData(self.rows, self.targets, self.cell_weights, mask, self._like).sliced(self._collective)

    def sliced(self, collective: Collective) -> StoredData:
        """See :class:`Data`."""
        chosen = copy.copy(self)
        chosen._collective = collective
        return chosen

    def columns(self, tasks: slice) -> StoredData:
        """The same rows with the labels of neighbouring tasks."""
        return StoredData(self.rows, self.targets[:, tasks], self.cell_weights[:, tasks], self.row_mask, self._like)

    def take(self, rows: Tensor) -> StoredBatch:
        """Gather rows ``(row,)``."""
        mask = None if self.row_mask is None else self.row_mask[:, rows]
        return StoredBatch(self.rows.take(rows), *self.cells_of(rows), mask)

    def cells_of(self, rows: Tensor) -> tuple[CellPattern, Tensor, Tensor]:
        """Which cells of some rows have labels, these, and their weights."""
        index = rows.cpu().numpy()
        targets = self.targets[index]
        values = self._tensor(targets.data)
        weights = torch.ones_like(values) if self._unweighted else self._tensor(self.cell_weights[index].data)
        return CellPattern(targets, self._like.device), values, weights

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Any]:
        """All rows in each epoch; see :class:`Data`."""
        (order,), collective = orders, self._collective
        drawn = np.arange(self.n_rows) if batch_size >= self.n_rows else order.permutation(self.n_rows)
        for rows in torch.from_numpy(drawn).to(self._like.device).split(batch_size):
            if collective.size == 1:
                yield self.take(rows)
            else:
                yield as_slice(self.take(rows[slice_of(len(rows), collective)]), len(rows), collective)


class SampledStep(Step):
    """A step that computes the outputs at the cells with a label, and no other.

    Where one cell in a hundred has a label, that takes about a quarter of the time of a step on all outputs.
    """

    passes: ManualPasses

    def __call__(self, batch: Any, rate_factor: float | Tensor, progress: float = 0.0) -> Tensor:
        """See :class:`Step`."""
        passes, head = self.passes, self.passes.layers.head
        assert isinstance(head, WideReadout)
        features = passes.layers.features(batch.x, passes.workspace)
        scales = self._scales(batch, features.shape[1])[1][:, 0]
        members, tasks = passes.buffer.members, batch.cells.column
        sums = features.new_zeros(members, batch.cells.shape[1])
        below = features.new_empty(members, *features.shape[1:]) if passes.has_layers_below else None
        for member in range(members):
            own = features[member % len(features)]
            losses, gradient = self.objective.at(head.at(batch.cells, own, member), batch.targets, tasks)
            weights = batch.weights_of(member)
            sums[member].index_add_(0, tasks, losses.mul_(weights))
            gradient.mul_(weights).mul_(scales[member % len(scales)].index_select(0, tasks))
            head.backward_at(batch.cells, gradient, own, member, None if below is None else below[member])
        if below is not None:
            passes.backward_below(below)
        for update in self.updates:
            update.step(rate_factor)
        return sums


def sampled(step: Step) -> Step:
    """The step for data of which only cells with a label are kept.

    Raises
    ------
    ValueError
        If something in it looks at all outputs.
    """
    if is_separable(step) and step.passes.layers.head.n_outputs == step.rows_per_weight.shape[1]:
        return SampledStep(step.passes, step.objective, step.weighting, step.updates, step.rows_per_weight)
    settings = "balancing='static', no record, no collaboration, no composed peer_sharing"
    raise ValueError(
        f"y is so large and sparse that only its stored cells are looked at, which takes tasks with one output each, "
        f"sharing='hard' without task_layer_sizes, dtype other than 'bfloat16', {settings}. Set these, or pass fewer "
        f"rows or tasks."
    )


class StoredValidation(Validation):
    """Rows that members are judged by, of which only cells with a label are looked at."""

    data: StoredData  # type: ignore[assignment]

    def __init__(self, objective: Objective, data: Any, held_out: Tensor, real: Tensor) -> None:
        self.objective, self.data, self.held_out, self.real = objective, data, held_out, real
        sums = [data.cell_weights[own].sum(axis=0) for own in self._rows(held_out, real)]
        self.totals = as_tensor(np.stack(sums), real.dtype, real.device)

    @staticmethod
    def _rows(index: Tensor, real: Tensor) -> list[np.ndarray]:
        return [own[counts > 0].cpu().numpy() for own, counts in zip(index, real, strict=True)]

    def sums(self, network: Network, collective: Collective = ALONE) -> Tensor:
        """See :class:`Validation`."""
        head, members = network.layers.head, network.architecture.members
        assert isinstance(head, WideReadout)
        sums = self.totals.new_zeros(members, self.totals.shape[1])
        with torch.inference_mode():
            for index, real in islice(self._chunks(network), collective.rank, None, collective.size):
                x = self.data.rows.take(index.flatten())[0].unflatten(0, index.shape)
                features = network.layers.features(x, Workspace())
                for member in range(members):
                    own = member % len(index)
                    kept = real[own] > 0
                    cells, targets, weights = self.data.cells_of(index[own][kept])
                    outputs = head.at(cells, features[member % len(features)][kept], member)
                    losses, _ = self.objective.at(outputs, targets, cells.column)
                    sums[member].index_add_(0, cells.column, losses.mul_(weights))
        return sums
