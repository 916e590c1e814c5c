"""Fits that have to end in time."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from skmtl.defaults import Choice
from skmtl.fitting._config import Params
from skmtl.fitting._job import FitJob
from skmtl.fitting._prepare import prepare
from skmtl.fitting._trainer import StackedTrainer
from skmtl.network import Network
from skmtl.processes import current


def seconds_of_epoch(job: FitJob, params: Params, network: Network | None = None) -> float:
    """Measure an epoch of a fit on a copy: the second, without what the first has to set up.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts it.
    """
    short = {**params, "random_state": job.config.seed, "max_iter": 2, "input_scaling": False}
    probe = prepare(short, job.inputs, network=network)
    trainer, ends = StackedTrainer(), list[float]()
    trainer.add(0, probe)

    def note(trainer: StackedTrainer) -> bool:
        ends.append(perf_counter())
        return False

    trainer.advance(report=note)
    if trainer.interrupted:
        raise KeyboardInterrupt
    return ends[-1] - ends[0] if len(ends) == 2 else 0.0


def within(job: FitJob, params: Params, deadline: float, network: Network | None = None) -> FitJob:
    """A fit of as many epochs as end until ``deadline``, at most those of ``job``.

    ``params`` are its parameters, of which those that it has chosen are open. Training that goes on does so with the
    fitted ``network``.
    """
    params = {**params, **{name: choice.value for name, choice in job.choices.items()}}
    of_epoch = seconds_of_epoch(job, params, network)
    left = deadline - perf_counter()
    relevance = 2 * job.config.relevance_epochs / job.config.max_iter
    epochs = current().world.share(max(int(left / max(of_epoch, 1e-9) / (1 + relevance)), 1))
    if epochs >= job.config.max_iter:
        return job
    shorter = prepare({**params, "random_state": job.config.seed, "max_iter": epochs}, job.inputs, network=network)
    reason = f"as many epochs of {of_epoch:.2g} s as end in max_time"
    return replace(
        shorter, choices=job.choices | {"max_iter": Choice(epochs, reason)}, trials=job.trials, order=job.order
    )
