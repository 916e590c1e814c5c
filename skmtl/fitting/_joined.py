"""Fits side by side: the members of several jobs as one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skmtl.fitting._going_on import scaled_network
from skmtl.fitting._job import FitJob
from skmtl.network import Network
from skmtl.processes import ALONE, Collective
from skmtl.training import (
    Data,
    FitConfig,
    IndexedData,
    JoinedData,
    PeerRows,
    Streams,
    Training,
    TrainingData,
    Validation,
    learn_input_scale,
    sliced,
)


def join_members(jobs: Sequence[FitJob], member_weights: np.ndarray) -> FitJob:
    """Make one fit of fits to the same rows; each of its members, theirs in this order, learns what it would alone.

    Parameters
    ----------
    jobs : sequence of FitJob
        Of one ``network_key``, and prepared with one seed.
    member_weights : ndarray of shape (member, n_tasks)
        As in :class:`FitJob`.

    Returns
    -------
    FitJob
        Its loss weights and choices are those of the first job.
    """
    sizes = [job.config.members for job in jobs]
    data = TrainingData.stack([job.resident for job in jobs], sizes)
    return replace(
        jobs[0],
        config=replace(FitConfig.stack([job.config for job in jobs]), members=sum(sizes)),
        network=Network.stack([job.network for job in jobs]),
        data=data,
        validation=_stacked_validation([jobs], [sum(sizes)], [data], data, None),
        streams=Streams.join([[job.streams for job in jobs]]),
        member_weights=member_weights,
    )


def begin_training(
    jobs: Mapping[int, FitJob],
    *,
    relevance: bool = True,
    scale: Mapping[str, Any] | None = None,
    collective: Collective = ALONE,
) -> Training:
    """Put the members of jobs side by side as one network and begin to train it.

    Parameters
    ----------
    jobs : mapping of int to FitJob
        Of one ``network_key``, by the number of the team that their members are. Those that share rows and the order
        of their batches become neighbours.
    relevance : bool, default=True
        Whether the scale of the inputs is learned first, where the jobs ask for it.
    scale : mapping, optional
        That of the inputs, see :func:`scale_of`, where their training has begun before; the parameters are to come.
    collective : Collective, optional
        Processes that train the same members, each on its slice of every batch.
    """
    by_order: dict[Any, dict[int, FitJob]] = {}
    for team, job in jobs.items():
        by_order.setdefault((id(job.inputs), job.order), {})[team] = job
    parts = [list(part.values()) for part in by_order.values()]
    in_order = [job for part in parts for job in part]
    numbers = [team for part in by_order.values() for team in part]
    teams = np.repeat(numbers, [job.config.members for job in in_order])
    first, config = in_order[0], FitConfig.stack([job.config for job in in_order])
    data, validation = _stacked_data(parts, config)
    if first.resumed is not None:
        return first.resumed.go_on(data, config, validation, teams)
    if collective.size > 1:
        data = sliced(data, collective)
    if scale is not None:
        network = scaled_network(in_order, **scale)
    elif len(in_order) == 1 and not data.keeps_stored:  # a network of stored cells is large, and begins once
        network = first.network.copy()
    else:
        network = Network.stack([job.network for job in in_order])
    streams = Streams.join([[job.streams for job in part] for part in parts])
    trained = first.objective, data, config, streams, validation
    if config.relevance_epochs and relevance and scale is None:
        network = learn_input_scale(network, *trained, collective)
    names = [task.name for task in first.inputs.layout.tasks]
    return Training(network, *trained, teams=teams, task_names=names, collective=collective)


def _stacked_data(parts: Sequence[Sequence[FitJob]], config: FitConfig) -> tuple[Data, Validation | None]:
    """What the members of all parts learn from, and what they are judged by; of a job alone it is as it is."""
    first, sizes = parts[0][0], [sum(job.config.members for job in part) for part in parts]
    data: Data = first.data
    validation = first.validation
    if len(parts) > 1 or len(parts[0]) > 1:
        stacked = [TrainingData.stack([j.resident for j in part], [j.config.members for j in part]) for part in parts]
        batch_size = config.batch_size if first.network.reads_parts and first.is_plain else None
        joined = stacked[0] if len(parts) == 1 else JoinedData(stacked, sizes, batch_size)
        data, validation = joined, _stacked_validation(parts, sizes, stacked, joined, batch_size)
    if config.divides_rows and isinstance(data, IndexedData):
        data = PeerRows(data, config.n_peers, sum(sizes))
    return data, validation


def _stacked_validation(
    parts: Sequence[Sequence[FitJob]],
    sizes: Sequence[int],
    stacked: Sequence[TrainingData],
    data: IndexedData,
    batch_size: int | None,
) -> Validation | None:
    """Rows that judge the members of all parts: training rows that they hold out, or rows of their own."""
    holds_out = parts[0][0].holds_out
    validations = [[job.validation for job in part if job.validation is not None] for part in parts]
    if not validations[0]:
        return None
    if not holds_out:
        judges: list[list[Any]] = [[validation.data for validation in own] for own in validations]
        counts = [[job.config.members for job in part] for part in parts]
        stacked = [TrainingData.stack(*own) for own in zip(judges, counts, strict=True)]
    of_parts = [Validation.stack(*pair, common=not holds_out) for pair in zip(validations, stacked, strict=True)]
    if len(parts) == 1:
        return of_parts[0]
    return Validation.join(of_parts, sizes, data if holds_out else JoinedData(stacked, sizes, batch_size))
