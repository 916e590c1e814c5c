"""Fits whose tasks are divided among processes, each with the output layer of some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints
from skmtl.fitting._job import FitJob
from skmtl.fitting._result import FitResult
from skmtl.fitting._trainer import StackedTrainer
from skmtl.layers import WIDE
from skmtl.network import Network, network_of_tasks
from skmtl.processes import Collective, part_of
from skmtl.sharing import Hard
from skmtl.training import ColumnData, ColumnValidation, StoredData, TrainingData, with_tasks


def require_columns(job: FitJob, n_processes: int, checkpoints: NoCheckpoints) -> None:
    """Check that processes can divide the tasks of a fit.

    Raises
    ------
    ValueError
        If tasks have more in common than hidden layers, or steps look at all of them at once.
    """
    config, architecture, found = job.config, job.network.architecture, ""
    n_tasks = len(architecture.n_outputs)
    if config.balancer.needs:
        found = f"balancing={type(config.balancer).__name__}, which looks at all tasks; set balancing='static'"
    elif config.record:
        found = f"balancing=Recorded with quantities={list(config.record)}; leave that out"
    elif type(architecture.sharing) is not Hard or job.network.layers.task_layers.specs:
        found = "hidden layers of single tasks; set sharing='hard' and no task_layer_sizes"
    elif job.network.layers.penalties:
        found = f"sharing={architecture.sharing!r}, which looks at all output layers; set sharing='hard'"
    elif not job.network.layers.hand_derived or config.matmul_dtype not in (None, architecture.dtype):
        found = "a learned encoder or dtype='bfloat16'; set an encoder such as 'tabular' and dtype='float32'"
    elif config.n_peers > 1:
        found = "peers, which learn from one another's outputs; leave n_peers, collaboration and peer_sharing out"
    elif config.relevance_epochs:
        found = "a learned scale of the inputs; set input_scaling=False"
    elif job.resumed is not None:
        found = "training that goes on from an earlier call; fit anew"
    elif checkpoints is not NO_CHECKPOINTS:
        found = "checkpoints; leave checkpoint out"
    elif n_tasks < n_processes:
        found = f"{n_tasks} tasks, which are less than tasks={n_processes}; set fewer"
    elif isinstance(job.data, StoredData) and n_tasks // n_processes < WIDE:
        found = f"the stored cells of {n_tasks} tasks, of which a part takes at least {WIDE}; set fewer parts"
    if found:
        raise ValueError(f"skmtl.distributed(tasks={n_processes}) cannot divide a fit with {found}, or divide members.")


class ColumnTrainer(StackedTrainer):
    """A fit with the outputs of some of the tasks.

    Parameters
    ----------
    collective : Collective
        Processes that have those of all.
    whole : FitJob
        The fit with all tasks.
    """

    def __init__(self, collective: Collective, whole: FitJob) -> None:
        super().__init__(collective=collective)
        self._whole = whole

    def snapshot(self, index: int) -> FitResult:
        """What the fit has learned so far, of all tasks; see :class:`StackedTrainer`."""
        own = super().snapshot(index)
        return replace(own, job=self._whole, network=join_columns(self._collective.gather(own.network)))


def columns_of(job: FitJob, collective: Collective) -> FitJob:
    """The fit with the outputs and labels of this process's tasks."""
    tasks = part_of(len(job.network.architecture.n_outputs), collective.rank, collective.size)
    objective, data, validation = job.objective.part(tasks), ColumnData(_labelled(job.data), tasks), job.validation
    if validation is not None:
        judges: Any = data.own if job.holds_out else with_tasks(_labelled(validation.data), tasks)
        own = type(validation)(objective, judges, validation.held_out, validation.real)
        validation = ColumnValidation(validation, own, tasks)
    return replace(
        job,
        objective=objective,
        network=network_of_tasks(job.network, [(job.network, task) for task in range(tasks.start, tasks.stop)]),
        data=data,
        validation=validation,
    )


def _labelled(data: Any) -> TrainingData | StoredData:
    assert isinstance(data, (TrainingData, StoredData))
    return data


def join_columns(networks: Sequence[Network]) -> Network:
    """Network of all tasks from those of the processes, in the order of their ranks."""
    pairs: list[tuple[Any, int]] = []
    for network in networks:
        pairs += [(network, task) for task in range(len(network.architecture.n_outputs))]
    return network_of_tasks(networks[0], pairs)
