"""Which fits train as one network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints
from skmtl.fitting._divided import DividedTrainer
from skmtl.fitting._job import FitJob
from skmtl.fitting._trainer import Report, StackedTrainer
from skmtl.network import Network
from skmtl.processes import current


def stack_jobs(
    jobs: Iterable[tuple[int, FitJob | Exception]],
    memory: float = np.inf,
    *,
    fill: bool = False,
    checkpoints: NoCheckpoints = NO_CHECKPOINTS,
) -> Iterator[StackedTrainer]:
    """Yield fits in networks that suit the cache and take ``memory`` bytes at most, as do the encoded rows of several.

    Parameters
    ----------
    jobs : iterable of (int, FitJob or Exception)
        Index and job of each fit, or why it could not be prepared. Jobs are asked for as networks are taken.
    memory : float
        Bytes; one fit is always trained.
    fill : bool, default=False
        Whether a few rows more or less do not part fits that draw nothing in training.
    checkpoints : Checkpoints or NoCheckpoints, optional
        Where training that is cut off is gone on with.
    """
    processes = current()

    def new_trainer() -> StackedTrainer:
        return StackedTrainer(checkpoints) if processes.world.size == 1 else DividedTrainer(processes, checkpoints)

    open_trainers: dict[int, StackedTrainer] = {}  # by number of what the fits in it have in common
    numbers: dict[Any, int] = {}
    of_network = WeakKeyDictionary[Network, int]()  # comparing takes long: once for fits that begin with one network
    errors: dict[int, Exception] = {}
    for index, job in jobs:
        if isinstance(job, Exception):
            errors[index] = job
            continue
        if job.network not in of_network:
            of_network[job.network] = numbers.setdefault(job.network_key(fill=fill), len(numbers))
        key = of_network[job.network]
        if key in open_trainers and not open_trainers[key].has_room_for(job):
            yield open_trainers.pop(key)
        while open_trainers and _exceeds(memory, open_trainers.values(), job):
            yield open_trainers.pop(max(open_trainers, key=lambda number: open_trainers[number].memory))
        open_trainers.setdefault(key, new_trainer()).add(index, job)
    trainers = list(open_trainers.values()) or [StackedTrainer()]
    trainers[-1].errors |= errors
    yield from trainers


def _exceeds(memory: float, trainers: Iterable[StackedTrainer], job: FitJob) -> bool:
    """Whether a further job takes more than ``memory``: for networks, or for the rows of several fits."""
    networks, rows = job.memory, {job.inputs: job.rows_memory}
    for trainer in trainers:
        networks += trainer.memory
        rows |= trainer.rows_memory
    return networks > memory or (len(rows) > 1 and sum(rows.values()) > memory)


def fit_many(
    jobs: Iterable[tuple[int, FitJob | Exception]],
    memory: float = np.inf,
    *,
    fill: bool = False,
    report: Report | None = None,
    checkpoints: NoCheckpoints = NO_CHECKPOINTS,
) -> Iterator[StackedTrainer]:
    """Train jobs to the end, as few networks as :func:`stack_jobs` makes of them, and yield each network's trainer."""

    def trained(trainer: StackedTrainer) -> StackedTrainer:
        trainer.advance(1.0, report)
        return trainer

    stacks = stack_jobs(jobs, memory, fill=fill, checkpoints=checkpoints)
    return map(trained, stacks)  # holds no network once it is taken
