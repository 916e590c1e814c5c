"""Fits that several processes train together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from skmtl.balancing import GradientBalancer
from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints
from skmtl.fitting._columns import ColumnTrainer, columns_of, join_columns, require_columns
from skmtl.fitting._ended import Ended
from skmtl.fitting._going_on import identity_of, scale_of
from skmtl.fitting._job import FitJob
from skmtl.fitting._trainer import Report, StackedTrainer
from skmtl.network import Network
from skmtl.processes import Axes, DistributedError, Processes, part_of
from skmtl.training import History, StoredData


class DividedTrainer(StackedTrainer):
    """Fits of which each process trains some members, or learns from slices of the batches, and has all in the end.

    Parameters
    ----------
    processes : Processes
        They add the same fits and call the same methods.
    checkpoints : Checkpoints or NoCheckpoints, optional
        Of what this process trains.
    """

    def __init__(self, processes: Processes, checkpoints: NoCheckpoints = NO_CHECKPOINTS) -> None:
        super().__init__(checkpoints)
        self._processes, self._n_processes = processes, processes.world.size
        self._own: StackedTrainer | None = None

    def advance(self, fraction: float = 1.0, report: Report | None = None) -> None:
        """See :class:`StackedTrainer`; ``report`` sees the members of this process."""
        self._results.clear()
        if self._own is None:
            self._axes = self._find_axes()
            self._own = self._divided()
        self._own.advance(fraction, report)
        self._gather(self._own)

    def keep(self, indices: Collection[int]) -> None:
        """See :class:`StackedTrainer`."""
        super().keep(indices)
        if self._own is not None:
            self._own.keep(indices)

    def _find_axes(self) -> Axes:
        """Place of this process; the same fits are asked of all."""
        world, jobs = self._processes.world, self.jobs
        postprocessors = [[type(one).__name__ for one in job.postprocessors] for job in jobs.values()]
        contents = world.gather((identity_of(jobs, ("n_threads", "device")), postprocessors))
        for rank, other in enumerate(contents):
            if other != contents[0]:
                raise DistributedError(
                    f"Rank {rank} of {world.size} was given other data or parameters than rank 0. All processes must "
                    f"call the same fits in the same order with the same X, y and parameters, and not with parts of "
                    f"the rows."
                )
        cohorts = sum(job.config.members // job.config.n_peers for job in jobs.values())
        work = sum(job.work for job in jobs.values())
        if any(isinstance(job.data, StoredData) for job in jobs.values()):
            work = 0.0  # few operations for gradients so large, so that members alone are divided
        axes = self._processes.axes(cohorts, work, one_fit=len(jobs) == 1)
        if axes.data.size > 1:
            require_sliceable(list(jobs.values()))
        if axes.tasks.size > 1:
            require_columns(next(iter(jobs.values())), axes.tasks.size, self._checkpoints)
        return axes

    def _divided(self) -> StackedTrainer:
        """What this process trains: neighbouring cohorts of all fits, or some of the tasks of one."""
        part, n_parts, data, tasks = self._axes
        own = StackedTrainer(self._checkpoints if data.rank == 0 else NO_CHECKPOINTS, data)
        sizes = {index: job.config.members // job.config.n_peers for index, job in self.jobs.items()}
        wanted, start = part_of(sum(sizes.values()), part, n_parts), 0
        for index, job in self.jobs.items():
            low, high = max(wanted.start - start, 0), min(wanted.stop - start, sizes[index])
            if low < high:
                job = job if high - low == sizes[index] else job.part(low, high)
                if tasks.size > 1:
                    own, job = ColumnTrainer(tasks, job), columns_of(job, tasks)
                own.add(index, job)
            start += sizes[index]
        return own

    def _whole(self, own: StackedTrainer, index: int) -> tuple[Network, History]:
        """Network of all tasks, and history."""
        network, history = own.learned(index)
        return join_columns(self._axes.tasks.gather(network)) if self._axes.tasks.size > 1 else network, history

    def _gather(self, own: StackedTrainer) -> None:
        """Take over what all processes have learned."""
        learned, tasks = {}, self._axes.tasks
        for errors in tasks.gather(own.errors):  # such as of weights that are not finite, which one of them has
            own.errors |= errors
        if self._axes.data.rank == 0:
            learned = {index: _packed(*self._whole(own, index)) for index in own.jobs if index not in own.errors}
        if tasks.rank > 0:
            learned = {}
        gathered = self._processes.world.gather((learned, own.errors, own.interrupted))
        self.interrupted = any(interrupted for _, _, interrupted in gathered)
        for _, errors, _ in gathered:
            self.errors |= errors
        for index, job in self.jobs.items():
            if index not in self.errors:
                network, history = _joined(job, [parts[index] for parts, _, _ in gathered if index in parts])
                self._ended[index] = Ended.alone(index, network, history)


def require_sliceable(jobs: list[FitJob]) -> None:
    """Check that processes can divide the batches of fits.

    Raises
    ------
    ValueError
        If steps look at more than sums over the rows of a batch.
    """
    found, config = "", jobs[0].config
    if isinstance(config.balancer, GradientBalancer):
        found = f"balancing={type(config.balancer).__name__}, which needs the Gramian of the tasks' gradients"
    elif config.record:
        found = f"balancing=Recorded with quantities={list(config.record)}, which need gradients of single tasks"
    elif config.collaboration is not None:
        found = f"collaboration={type(config.collaboration).__name__}, which looks at single rows of whole batches"
    elif config.divides_rows:
        found = f"peer_sharing={type(config.peer_sharing).__name__}, which divides batches among peers"
    elif jobs[0].network.layers.extractor is not None and jobs[0].network.draws:
        found = "a learned encoder with dropout, whose masks are drawn for whole batches"
    elif len({(id(job.inputs), job.order) for job in jobs}) > 1:
        found = "a search over several folds, whose networks see different rows"
    elif jobs[0].resumed is not None:
        found = "training that goes on from an earlier call"
    if found:
        raise ValueError(
            f"Processes cannot divide the rows of batches with {found}. Divide members only: call "
            f"skmtl.distributed(data=1), or leave that out."
        )


def _packed(network: Network, history: History) -> tuple[dict[str, np.ndarray], dict[str, Any], History]:
    return network.buffer.arrays(), scale_of(network.architecture), history


def _joined(job: FitJob, parts: list[tuple[dict[str, np.ndarray], dict[str, Any], History]]) -> tuple[Network, History]:
    """Network and history of all members."""
    arrays, scales, histories = zip(*parts, strict=True)
    scale = scales[0]
    if scale["input_scale"] is not None:
        scale = {**scale, "input_scale": np.concatenate([one["input_scale"] for one in scales])}
    network = Network(replace(job.network.architecture, **scale), job.network.device)
    network.buffer.load({name: np.concatenate([one[name] for one in arrays]) for name in arrays[0]})
    return network, History.join(histories)
