"""Fits trained side by side as the members of one network."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from skmtl._state import State
from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints, Stage
from skmtl.fitting._ended import Ended
from skmtl.fitting._going_on import fits_of_state, identity_of, scale_of, state_of_fits
from skmtl.fitting._job import FitJob
from skmtl.fitting._joined import begin_training
from skmtl.fitting._responses import ResponsesMixin
from skmtl.fitting._result import FitResult, describe, finish
from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.network import Network
from skmtl.processes import ALONE, Collective, DistributedError
from skmtl.training import DivergenceError, History, Training, threads_for

CACHE_BYTES = 2.0**23  # other processes and jobs want their part of a processor's last-level cache
MIN_MEMBERS = 8  # that share the fixed cost of a step
SHRINK_BELOW = 0.5  # fraction of the fits still training at which the others are taken out

Report = Callable[["StackedTrainer"], bool]


class StackedTrainer(ResponsesMixin):
    """Fits that train as one network; each becomes what it would become alone.

    Its members draw from the same streams, see the same batches and stop at the same epochs. A fit that fails does not
    disturb the others. Fits to the same rows in the same order share what goes into their first layer.

    Parameters
    ----------
    checkpoints : Checkpoints or NoCheckpoints, optional
        Where training that is cut off is gone on with; none by default.
    collective : Collective, optional
        Processes that train the same fits on slices of the batches; the first keeps the checkpoints.

    Attributes
    ----------
    jobs : dict
        Index of a fit to its job, without those dropped.
    errors : dict
        Index of a fit to what made it fail.
    memory : float
        Bytes of parameters and activations in training, of all jobs that were added.
    rows_memory : dict
        Bytes of the encoded rows by inputs.
    interrupted : bool
        Whether the user has stopped the training.
    """

    def __init__(self, checkpoints: NoCheckpoints = NO_CHECKPOINTS, collective: Collective = ALONE) -> None:
        self.jobs: dict[int, FitJob] = {}
        self.errors: dict[int, Exception] = {}
        self.memory, self.interrupted = 0.0, False
        self.rows_memory: dict[SharedInputs, float] = {}
        self._training: Training | None = None
        self._begun, self._members = False, 0
        self._ended: dict[int, Ended] = {}
        self._results: dict[int, FitResult] = {}  # until training goes on
        self._checkpoints, self._collective, self._n_processes = checkpoints, collective, 1
        self._stage: Stage | None = None
        self._begun_with: dict[str, Any] = {}
        self._taken_out: list[np.ndarray] = []  # in this stage

    @property
    def indices(self) -> list[int]:
        """Indices of the fits that have not been dropped, of those too that failed."""
        return sorted({*self.jobs, *self.errors})

    def has_room_for(self, job: FitJob) -> bool:
        """Whether the network would stay in the caches; a few members share the fixed cost of a step in any case."""
        members, n, on_gpu = self._members + job.config.members, self._n_processes, job.config.device.type != "cpu"
        return on_gpu or members <= MIN_MEMBERS * n or self.memory + job.memory <= CACHE_BYTES * n

    def add(self, index: int, job: FitJob) -> None:
        """Add a fit before the first step of any."""
        self.jobs[index] = job
        self._members += job.config.members
        self.memory += job.memory
        self.rows_memory[job.inputs] = job.rows_memory

    def add_ended(self, index: int, job: FitJob, network: Network, history: History) -> None:
        """Add a fit that has been trained elsewhere."""
        self.jobs[index], self._ended[index], self._begun = job, Ended.alone(index, network, history), True

    def advance(self, fraction: float = 1.0, report: Report | None = None) -> None:
        """Train until ``fraction`` of the greatest number of epochs is done.

        ``report`` is called after every epoch; True ends the training. So does a keyboard interrupt: what has been
        learned so far is kept.
        """
        self._results.clear()
        self._taken_out, before, running = [], self._stage and self._stage.name, self._running()
        self._stage = self._checkpoints.stage(lambda: (before or identity_of(self.jobs), running, fraction))
        try:
            with self._threads(), self._collective.holding_interrupts():
                self._load_checkpoint()
                self._train_isolating_errors(fraction, report)
        except self._collective.interrupt:
            self.interrupted = True
            if not self._begun:  # the scale of the inputs was being learned
                self._training = self._begin(relevance=False)
        if self._training is not None:
            self._note_failures(self._training)
        if self._stage is not None and not self.interrupted and self._has_state:
            self._stage.end(self._state)

    def _load_checkpoint(self) -> None:
        """Go on from the last checkpoint of this stage, if there is one."""
        saved = self._collective.share(None if self._stage is None else self._stage.load())
        if saved is not None:
            self._training, self._taken_out, ended, errors = fits_of_state(
                saved, self.jobs, lambda scale: self._training or self._begin(relevance=False, scale=scale)
            )
            self._ended |= ended
            self.errors |= errors
            self._begun = True

    @property
    def _has_state(self) -> bool:
        """Whether the fits are data, as they are unless one has failed in another way than by divergence."""
        return all(isinstance(self.errors[index], DivergenceError) for index in self.errors.keys() & self.jobs.keys())

    def _state(self) -> State:
        return state_of_fits(self._training, self._begun_with, self._taken_out, self._ended, self.jobs, self.errors)

    def _after_epoch(self, report: Report | None) -> bool:
        """Save what is due; whether training pauses."""
        if self._stage is not None and self._has_state:
            self._stage.after_epoch(self._state)
        return self._is_mostly_done() or (report is not None and report(self))

    def _threads(self) -> AbstractContextManager[None]:
        """As many threads as the operations of a step are worth, or as the user says."""
        jobs = self.jobs.values()
        n_threads = next((job.config.n_threads for job in jobs if job.config.n_threads is not None), None)
        return threads_for(sum(job.work for job in jobs), n_threads)

    def _train_isolating_errors(self, fraction: float, report: Report | None) -> None:
        """Train; where a step cannot be made or taken, find the fits that raise and train the others without them."""
        try:
            self._train(fraction, report)
        except self._collective.interrupt:
            raise
        except BaseException as error:
            shares = self._collective.size > 1 or (self._collective.shares_errors and self._training is not None)
            if shares or not isinstance(error, Exception) or isinstance(error, DistributedError):
                self._collective.leave(error)  # the others wait for this process, or train in vain
                raise
            self._training, self._begun = None, True
            running = self._running()
            if len(running) > 1:
                for index in running:
                    alone = StackedTrainer()
                    alone.add(index, self.jobs[index])
                    alone.advance(fraction)
                    if alone.interrupted:
                        raise KeyboardInterrupt from None
                    self.errors |= alone.errors
            if len(running) == len(self._running()):
                self.errors |= dict.fromkeys(running, error)
            if self._running():
                self._begun = False
                self._train_isolating_errors(fraction, report)

    def _running(self) -> list[int]:
        """Indices of the fits that have neither ended nor failed."""
        return [index for index in self.jobs if index not in self.errors and index not in self._ended]

    def _train(self, fraction: float, report: Report | None) -> None:
        if not self._begun and self.jobs:
            self._training = self._begin()
            if self._stage is not None:
                self._stage.begin(self._state)
        while (training := self._training) is not None:
            until = max(round(fraction * training.config.max_iter), 1)
            if not self._is_mostly_done():  # as it may be where training goes on
                training.advance(until, lambda *_: self._after_epoch(report))
            if not (len(training.history) < until and self._is_mostly_done()):
                break
            stopping = training.stopping
            self._take_out(np.setdiff1d(stopping.teams, stopping.teams[stopping.active]))

    def _begin(self, relevance: bool = True, scale: dict[str, Any] | None = None) -> Training:
        """Put the members side by side."""
        jobs = {index: self.jobs[index] for index in self._running()}
        training = begin_training(jobs, relevance=relevance, scale=scale, collective=self._collective)
        self._begun = True
        if self._stage is not None:
            self._begun_with = scale_of(training.network.architecture)
        return training

    def __getstate__(self) -> dict[str, Any]:
        """Jobs, and the state of their training as arrays."""
        training, saved = self._training, None
        if training is not None:
            indices = dict.fromkeys(training.stopping.teams.tolist())
            saved = list(indices), scale_of(training.network.architecture), training.state()
        return vars(self) | {"_training": saved, "_results": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["_training"] is not None:
            indices, scale, saved = state["_training"]
            self._training = begin_training({index: self.jobs[index] for index in indices}, scale=scale)
            self._training.load_state(*saved)

    def _is_mostly_done(self) -> bool:
        """Whether so few fits are still training that it pays to take the others out."""
        stopping = self.training.stopping
        training = len(np.unique(stopping.teams[stopping.active]))
        return 0 < training <= SHRINK_BELOW * len(np.unique(stopping.teams))

    def keep(self, indices: Collection[int]) -> None:
        """Go on with these fits only, and forget the others."""
        for by_index in (self.errors, self.jobs, self._results, self._ended):
            for index in set(by_index) - set(indices):
                del by_index[index]
        if self._training is not None:
            self._take_out(np.setdiff1d(self._training.stopping.teams, list(indices)))

    def _take_out(self, indices: np.ndarray) -> None:
        """Shrink the network by the members of fits that have ended."""
        training = self.training
        self._note_failures(training)
        whole = [index for index in indices.tolist() if index in self.jobs and index not in self.errors]
        if whole:
            self._ended |= dict.fromkeys(whole, Ended.taken_from(training, whole, self.jobs))
        self._taken_out.append(indices)
        rest = np.flatnonzero(~np.isin(training.stopping.teams, indices))
        self._training = training.select(torch.from_numpy(rest)) if len(rest) else None

    def _note_failures(self, training: Training) -> None:
        training.check_weights()
        self.errors |= {index: error for index, error in training.failures.items() if index in self.jobs}

    def result(self, index: int) -> FitResult:
        """What a fit has learned, as if its training ended now.

        Raises
        ------
        Exception
            What made it fail.
        """
        if index in self.errors:
            raise self.errors[index]
        if index not in self._results:
            with self._threads():
                self._results[index] = finish(self.jobs[index], *self.learned(index))
        return self._results[index]

    def snapshot(self, index: int) -> FitResult:
        """What a fit has learned so far, with a copy of the weights of the current epoch."""
        training = self.training
        members = np.flatnonzero(training.stopping.teams == index)
        network = training.judged.select(members.tolist(), None, self.jobs[index].network.architecture)
        history = training.history.select(torch.from_numpy(members))
        return describe(self.jobs[index], network, history.arrays(), len(history))

    def last_epoch(self, index: int) -> FitResult:
        """History of the last epoch of a fit, beside the network in training; nothing is copied."""
        training = self.training
        members, n_iter = training.stopping.teams == index, len(training.history)
        history = {name: values[:, members] for name, values in training.history.arrays(n_iter - 1).items()}
        return describe(self.jobs[index], training.judged, history, n_iter)

    @property
    def training(self) -> Training:
        """See :class:`ResponsesMixin`."""
        assert self._training is not None
        return self._training
