"""The losses of the tasks: of a batch, with their gradient at the outputs, and of held-out rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from skmtl.network import Network
from skmtl.processes import ALONE, Collective
from skmtl.tasks import Group
from skmtl.training._batch import Batch
from skmtl.training._data import IndexedData


class Objective:
    """The masked, weighted sum of every task's losses, one call a group of tasks.

    Parameters
    ----------
    groups : sequence of Group
        Loss calls of a :class:`~skmtl.tasks.TaskLayout`.
    n_outputs : sequence of int
        Number of outputs of each task.
    device : torch.device
        Where the outputs are.
    """

    def __init__(self, groups: Sequence[Group], n_outputs: Sequence[int], device: torch.device) -> None:
        self.groups = tuple(groups)
        self._task_of_output = torch.from_numpy(np.repeat(np.arange(len(n_outputs)), n_outputs)).to(device)
        self._one_to_one = max(n_outputs) == 1

    def to_outputs(self, by_task: Tensor) -> Tensor:
        """Repeat ``(..., task)`` to ``(..., output)``."""
        return by_task if self._one_to_one else by_task.index_select(-1, self._task_of_output)

    def at(self, outputs: Tensor, targets: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of single cells and its derivative, all ``(cell,)``, where each task has one output."""
        losses, gradient = torch.empty_like(outputs), torch.empty_like(outputs)
        for group in self.groups:
            own = slice(None)
            if len(self.groups) > 1:
                own = ((tasks >= group.tasks.start) & (tasks < group.tasks.stop)).nonzero()[:, 0]
            found = group.kind.loss_gradient(outputs[own][None, :, None], targets[own][None, :, None])
            losses[own], gradient[own] = (values[0, :, 0] for values in found)
        return losses, gradient

    def part(self, tasks: slice) -> Objective:
        """The losses of neighbouring tasks."""
        groups, n_outputs, start = [], torch.bincount(self._task_of_output).tolist()[tasks], 0
        for group in self.groups:
            first, stop = max(group.tasks.start, tasks.start), min(group.tasks.stop, tasks.stop)
            if first < stop:
                own = slice(first - tasks.start, stop - tasks.start)
                width = sum(n_outputs[own])
                groups.append(Group(group.kind, own, slice(start, start + width)))
                start += width
        return Objective(groups, n_outputs, self._task_of_output.device)

    def tiles(self, width: int) -> list[Tile]:
        """The losses in pieces of neighbouring tasks that share a loss call and have at most ``width`` outputs."""
        tiles = []
        for group in self.groups:
            n_tasks, first, start = group.tasks.stop - group.tasks.start, group.tasks.start, group.outputs.start
            n_outputs = (group.outputs.stop - start) // n_tasks  # of a task
            n_tiles = -(-n_tasks // max(width // n_outputs, 1))
            edges = [first + n_tasks * k // n_tiles for k in range(n_tiles + 1)]
            for a, b in pairwise(edges):
                outputs = slice(start + (a - first) * n_outputs, start + (b - first) * n_outputs)
                own = Group(group.kind, slice(0, b - a), slice(0, outputs.stop - outputs.start))
                objective = Objective([own], [n_outputs] * (b - a), self._task_of_output.device)
                tiles.append(Tile(slice(a, b), outputs, objective))
        return tiles

    def likelihood(self, like: Tensor) -> Tensor:
        """Factors of each task's likelihood, ``(2, task)``; see :class:`~skmtl.balancing.BalancerInputs`."""
        by_task = [g.kind.likelihood for g in self.groups for _ in range(g.tasks.stop - g.tasks.start)]
        return torch.tensor(by_task, dtype=like.dtype, device=like.device).T

    def __call__(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weighted loss sums and their gradient.

        Parameters
        ----------
        outputs : Tensor of shape (member, row, output)
            Network outputs.
        batch : Batch
            Targets and weights.

        Returns
        -------
        sums : Tensor of shape (member, task)
            Sum over rows of weight times loss.
        gradient : Tensor of shape (member, row, output)
            Derivative of each task's sum at its own outputs.
        """
        return self.weighted(*self.cells(outputs, batch.targets), batch.weights)

    def weighted(self, losses: Tensor, gradient: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """Weighted loss sums and their gradient, from those of every cell, which are overwritten."""
        if weights is not None:
            losses, gradient = losses.mul_(weights), gradient.mul_(self.to_outputs(weights))
        return losses.sum(1), gradient

    def cells(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of every cell ``(member, row, task)`` and its gradient ``(member, row, output)``, one call a group."""
        if len(self.groups) == 1:
            return self.groups[0].kind.loss_gradient(outputs, targets)
        losses, gradients = zip(
            *(g.kind.loss_gradient(outputs[:, :, g.outputs], targets[:, :, g.tasks]) for g in self.groups), strict=True
        )
        return _concatenated(losses), _concatenated(gradients)


class Tile(NamedTuple):
    """Losses of neighbouring tasks.

    Attributes
    ----------
    tasks, outputs : slice
        Which of all tasks and outputs.
    objective : Objective
        Their losses.
    """

    tasks: slice
    outputs: slice
    objective: Objective


def _concatenated(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate ``(member, row, ...)`` along the last axis, rows staying last in memory."""
    return torch.cat([part.transpose(1, 2) for part in parts], 1).transpose(1, 2)


CHUNK_CELLS = 1 << 20  # activations of one chunk: stays in the cache and bounds the memory


class Validation:
    """The rows that members are judged by: common to all, or each member's own.

    Parameters
    ----------
    objective : Objective
        Losses of the tasks.
    data : IndexedData
        Rows, targets and cell weights, of which some rows are held out.
    held_out : Tensor of shape (1 or member, n_held_out), int
        Which rows each member holds out.
    real : Tensor of shape (1 or member, n_held_out)
        Padding mask: 0 where a row only fills up the list of a member that holds out fewer.
    """

    def __init__(self, objective: Objective, data: IndexedData, held_out: Tensor, real: Tensor) -> None:
        self.objective, self.data, self.held_out, self.real = objective, data, held_out, real
        self.totals = (data.cells_at(held_out)[1] * real[:, :, None]).sum(1)  # (1 or member, task)
        self._all_rows: Batch | None = None

    @classmethod
    def stack(cls, parts: Sequence[Validation], data: IndexedData, common: bool) -> Validation:
        """Rows of ``data`` that judge fits side by side, whose members are those of the parts in their order.

        ``common`` says that all are judged by the same rows, and not each member by its own.
        """
        first = parts[0]
        if len(parts) == 1:
            return first
        if common:
            return cls(first.objective, data, first.held_out, first.real)
        return cls(first.objective, data, *_side_by_side([(part.held_out, part.real) for part in parts]))

    @classmethod
    def join(cls, parts: Sequence[Validation], sizes: Sequence[int], data: IndexedData) -> Validation:
        """Rows of ``data`` that judge parts of the members, of ``sizes`` members each, each member by its own."""
        pairs = zip(parts, sizes, strict=True)
        own = [(part.held_out.expand(size, -1), part.real.expand(size, -1)) for part, size in pairs]
        return cls(parts[0].objective, data, *_side_by_side(own))

    def select(self, members: Tensor, data: IndexedData | None = None) -> Validation:
        """Rows that judge some of the members, whose ``data`` may be at hand."""
        index = slice(None) if len(self.held_out) == 1 else members
        data = self.data.select(members) if data is None else data
        return type(self)(self.objective, data, self.held_out[index], self.real[index])

    def losses(self, network: Network, collective: Collective = ALONE) -> Tensor:
        """Mean loss of each member and task; NaN where a member holds out no label of a task.

        Processes with the same members take turns with the rows.
        """
        sums = self.sums(network, collective)
        collective.add(sums)
        return sums / self.totals

    def sums(self, network: Network, collective: Collective = ALONE) -> Tensor:
        """Weighted sums of the losses ``(member, task)`` over those of the rows whose turn it is."""
        sums = self.totals.new_zeros(network.buffer.members, self.totals.shape[1])
        with torch.inference_mode():
            for index, real in islice(self._chunks(network), collective.rank, None, collective.size):
                batch = self._batch(index, real)
                sums += self.objective(network(batch.x), batch)[0]
        return sums

    def outputs(self, network: Network) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield held-out rows in pieces: their indices, ``real`` and the network's outputs of them."""
        for index, real in self._chunks(network):
            with torch.inference_mode():
                outputs = network(self.data.x_at(index))
            yield index, real, outputs

    def _chunks(self, network: Network) -> Iterator[tuple[Tensor, Tensor]]:
        width = network.peak_activations * network.architecture.members
        n_rows = max(CHUNK_CELLS // width, 1)
        return zip(self.held_out.split(n_rows, 1), self.real.split(n_rows, 1), strict=True)

    def _batch(self, index: Tensor, real: Tensor) -> Batch:
        """Held-out rows with their cells; few rows are gathered once and for all."""
        if self._all_rows is not None:
            return self._all_rows
        targets, weights = self.data.cells_at(index)
        batch = Batch(self.data.x_at(index), targets, weights=weights * real[:, :, None])
        if index.shape == self.held_out.shape and batch.x.numel() <= CHUNK_CELLS:
            self._all_rows = batch
        return batch


def _side_by_side(lists: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Lists ``(member, n_held_out)`` of rows and of what is real in them, filled up to the longest."""
    longest = max(held_out.shape[1] for held_out, _ in lists)
    filled = [[pad(values, (0, longest - values.shape[1])) for values in both] for both in lists]
    held_out, real = zip(*filled, strict=True)
    return torch.cat(held_out), torch.cat(real)
