"""Fits whose members are trained a few at a time, where only some of the fits are worth all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints
from skmtl.fitting._job import FitJob
from skmtl.fitting._stacking import fit_many
from skmtl.fitting._trainer import StackedTrainer
from skmtl.network import Network
from skmtl.training import History

COPIES = 2  # of the parameters, between two calls: the first ones, and those that were learned


class GrowingFits:
    """Fits that get further members from call to call; in the end each is what it would be with all at once.

    Parameters
    ----------
    jobs : iterable of (int, FitJob or Exception)
        Index and job of each fit, or why it could not be prepared.
    """

    def __init__(self, jobs: Iterable[tuple[int, FitJob | Exception]]) -> None:
        self._jobs: dict[int, FitJob] = {}
        self._errors: dict[int, Exception] = {}
        for index, job in jobs:
            if isinstance(job, Exception):
                self._errors[index] = job
            else:
                self._jobs[index] = job
        self._learned: dict[int, tuple[Network, History]] = {}
        self._n_cohorts = 0

    @property
    def memory(self) -> float:
        """Bytes of what is kept of all fits from one call to the next."""
        values = [job.network.buffer.values for job in self._jobs.values()]
        return float(COPIES * sum(own.numel() * own.element_size() for own in values))

    def keep(self, indices: Collection[int]) -> None:
        """Go on with these fits only, and forget the others."""
        for by_index in (self._jobs, self._errors, self._learned):
            for index in set(by_index) - set(indices):
                del by_index[index]

    def grow(
        self, n_cohorts: int, memory: float, *, fill: bool, checkpoints: NoCheckpoints = NO_CHECKPOINTS
    ) -> Iterator[StackedTrainer]:
        """Train members until every fit has ``n_cohorts`` of them, or all, and yield the fits network after network.

        A fit with some of its members is one without what learns from the rows that all of them hold out together:
        correction, calibration and thresholds. ``memory``, ``fill`` and ``checkpoints`` are those of
        :func:`fit_many`.
        """
        first, self._n_cohorts = self._n_cohorts, n_cohorts
        parts: list[tuple[int, FitJob | Exception]] = [*self._errors.items()]
        parts += [(index, job.part(first, n_cohorts)) for index, job in self._jobs.items()]
        for trainer in fit_many(parts, memory, fill=fill, checkpoints=checkpoints):
            yield self._joined(trainer)

    def _joined(self, trainer: StackedTrainer) -> StackedTrainer:
        """Fits of all their members so far, of which the last are those of ``trainer``."""
        whole = StackedTrainer()
        whole.errors, whole.interrupted = trainer.errors, trainer.interrupted
        self._errors |= trainer.errors
        for index in trainer.errors:
            self._jobs.pop(index, None)
        for index in [] if trainer.interrupted else set(trainer.jobs) - set(trainer.errors):
            parts = [self._learned[index]] if index in self._learned else []
            networks, histories = zip(*parts, trainer.learned(index), strict=True)
            self._learned[index] = Network.stack(networks), History.join(histories)
            job = self._jobs[index]
            if self._n_cohorts * job.config.n_peers < job.config.members:
                job = job.part(0, self._n_cohorts)
            whole.add_ended(index, job, *self._learned[index])
        return whole
