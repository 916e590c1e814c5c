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
from skmtl.training._data import Batch, Data, TrainingData
from skmtl.training._objective import Objective, Validation


class ColumnData(Data):
    """Rows with the labels of some of the tasks; ``totals`` are those of all.

    Parameters
    ----------
    data : TrainingData
        With the labels of all tasks.
    tasks : slice
        Which tasks.
    """

    def __init__(self, data: TrainingData, tasks: slice) -> None:
        cells = data.cell_weights[..., tasks].contiguous()
        self.tasks, self._own = tasks, TrainingData(data.rows, data.targets[:, tasks], cells, data.row_mask)
        self.n_rows, self.n_features, self.totals = data.n_rows, data.n_features, data.totals
        self.row_bytes = self._own.row_bytes

    def batches(self, batch_size: int, orders: Sequence[np.random.Generator], epoch: int = 0) -> Iterator[Batch]:
        """See :class:`Data`; every process draws the same rows."""
        return self._own.batches(batch_size, orders, epoch)

    @property
    def identity(self) -> tuple[Any, ...]:
        """What fits to the same rows and targets may differ in."""
        return self._own.identity

    def select(self, members: Tensor) -> ColumnData:
        """See :class:`Data`."""
        chosen, common = copy.copy(self), len(self.totals) == 1
        chosen._own = self._own.select(members)
        chosen.totals = self.totals if common else self.totals[members]
        return chosen


class ColumnValidation(Validation):
    """Held-out rows, whose losses each process computes for some of the tasks.

    Parameters
    ----------
    whole : Validation
        The rows with the labels of all tasks.
    objective : Objective
        Losses of the tasks of this process.
    tasks : slice
        Which tasks.
    """

    def __init__(self, whole: Validation, objective: Objective, tasks: slice) -> None:
        vars(self).update(vars(whole))
        self._whole, self.objective, self._tasks = whole, objective, tasks

    def select(self, members: Tensor, data: Any = None) -> ColumnValidation:
        """See :class:`Validation`."""
        return ColumnValidation(self._whole.select(members), self.objective, self._tasks)

    def losses(self, network: Network, collective: Collective = ALONE) -> Tensor:
        """Mean loss of each member and of every task, see :class:`Validation`."""
        sums = self.totals.new_zeros(network.buffer.members, self.totals.shape[1])
        with torch.inference_mode():
            for index, real in self._chunks(network):
                batch = self._batch(index, real)
                assert batch.weights is not None
                own = Batch(batch.x, batch.targets[..., self._tasks], weights=batch.weights[..., self._tasks])
                sums[:, self._tasks] += self.objective(network(batch.x), own)[0]
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
