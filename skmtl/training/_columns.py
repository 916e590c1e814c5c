"""Tasks divided among processes: each has the labels and the output layer of some, and the hidden layers of all."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl.network import ManualPasses, Network
from skmtl.processes import ALONE, Collective
from skmtl.training._batch import Batch, TileBatch
from skmtl.training._data import Data, TrainingData
from skmtl.training._objective import Validation
from skmtl.training._stored import StoredData


class ColumnData(Data):
    """Rows with the labels of some of the tasks; ``totals`` are those of all.

    Parameters
    ----------
    data : TrainingData or StoredData
        With the labels of all tasks.
    tasks : slice
        Which tasks.

    Attributes
    ----------
    own : TrainingData or StoredData
        With the labels of these tasks.
    """

    def __init__(self, data: TrainingData | StoredData, tasks: slice) -> None:
        self.tasks, self.own = tasks, with_tasks(data, tasks)
        self.n_rows, self.n_features, self.totals = data.n_rows, data.n_features, data.totals
        self.row_bytes, self.keeps_stored = self.own.row_bytes, self.own.keeps_stored

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """See :class:`Data`; every process draws the same rows."""
        return self.own.batches(batch_size, orders, epoch)

    def batches_by_tile(
        self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0
    ) -> Iterator[Batch | TileBatch]:
        """See :class:`Data`."""
        return self.own.batches_by_tile(batch_size, orders, epoch)

    @property
    def identity(self) -> tuple[Any, ...]:
        """What fits to the same rows and targets may differ in."""
        return self.own.identity

    def select(self, members: Tensor) -> ColumnData:
        """See :class:`Data`."""
        chosen, common = copy.copy(self), len(self.totals) == 1
        chosen.own = self.own.select(members)
        chosen.totals = self.totals if common else self.totals[members]
        return chosen


def with_tasks(data: TrainingData | StoredData, tasks: slice) -> TrainingData | StoredData:
    """The same rows with the labels of neighbouring tasks."""
    if isinstance(data, StoredData):
        return data.columns(tasks)
    return TrainingData(data.rows, data.targets[:, tasks], data.cell_weights[..., tasks].contiguous(), data.row_mask)


class ColumnValidation(Validation):
    """Held-out rows, whose losses each process computes for some of the tasks.

    Parameters
    ----------
    whole : Validation
        The rows with the labels of all tasks.
    own : Validation
        The same with those of the tasks of this process.
    tasks : slice
        Which tasks.
    """

    def __init__(self, whole: Validation, own: Validation, tasks: slice) -> None:
        vars(self).update(vars(whole))
        self._whole, self._own, self._tasks = whole, own, tasks

    def select(self, members: Tensor, data: Any = None) -> ColumnValidation:
        """See :class:`Validation`."""
        return ColumnValidation(self._whole.select(members), self._own.select(members), self._tasks)

    def losses(self, network: Network, collective: Collective = ALONE) -> Tensor:
        """Mean loss of each member and of every task, see :class:`Validation`."""
        sums = self.totals.new_zeros(network.buffer.members, self.totals.shape[1])
        sums[:, self._tasks] = self._own.sums(network)
        collective.add(sums)
        return sums / self.totals


class TrunkPasses(ManualPasses):
    """Passes whose gradient at the input of the output layer is the sum of those of all processes."""

    def __init__(self, network: Network, generators: list[torch.Generator], collective: Collective) -> None:
        super().__init__(network.layers, network.buffer, generators)
        self._collective = collective

    def backward_below(self, gradient: Tensor) -> None:
        """See :class:`ManualPasses`."""
        self._collective.add(gradient)
        super().backward_below(gradient)
