"""Batches that come to a halt at every rung of an elimination, and go on with the candidates that are left."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Container

from skmtl.fitting import GrowingFits, StackedTrainer, stack_jobs
from skmtl.model_selection.search._batch import Results, StackedBatch
from skmtl.model_selection.search._evaluation import Evaluation


class Race(StackedBatch):
    """A batch whose fits get more of a resource from rung to rung."""

    @abstractmethod
    def advance(self, kept: Container[int], amount: float, evaluation: Evaluation) -> Results:
        """Train the candidates of these indices until each fit has this amount of the resource, and score them.

        Networks are built at the first call: candidates once left out cannot come back.

        Raises
        ------
        KeyboardInterrupt
            If the user stops the training of a network.
        """

    @abstractmethod
    def memory_used(self, evaluation: Evaluation) -> float:
        """Bytes of what all candidates keep from rung to rung."""

    def _kept(self, kept: Container[int]) -> list[int]:
        """Indices of the fits of candidates of these indices."""
        return [index for index, fit in enumerate(self.fits) if fit.candidate.index in kept]

    def _forget_encoded(self) -> None:
        for data in self._folds.values():
            data.forget_encoded()


class EpochRace(Race):
    """Fits that train for more epochs from rung to rung; the amount is a fraction of all."""

    _trainers: list[StackedTrainer] | None = None

    def advance(self, kept: Container[int], amount: float, evaluation: Evaluation) -> Results:
        """See :class:`Race`."""
        results: Results = {}
        trainers, indices = self._begun(evaluation), set(self._kept(kept))
        for trainer in trainers:
            trainer.keep(indices)
        self._trainers = [trainer for trainer in trainers if trainer.indices]
        for trainer in self._trainers:
            start = time.perf_counter()
            trainer.advance(amount)
            results |= self._trained(trainer, start, evaluation)
        return results

    def memory_used(self, evaluation: Evaluation) -> float:
        """See :class:`Race`."""
        return sum(trainer.memory for trainer in self._begun(evaluation))

    def _begun(self, evaluation: Evaluation) -> list[StackedTrainer]:
        if self._trainers is None:
            jobs = self._jobs(evaluation)
            stacks = stack_jobs(jobs, self.memory, fill=self._may_fill, checkpoints=self.checkpoints)
            self._trainers = list(stacks)
            self._forget_encoded()
        return self._trainers


class MemberRace(Race):
    """Fits that get more members from rung to rung; the amount is their number."""

    _growing: GrowingFits | None = None

    def advance(self, kept: Container[int], amount: float, evaluation: Evaluation) -> Results:
        """See :class:`Race`."""
        results: Results = {}
        growing = self._begun(evaluation)
        growing.keep(self._kept(kept))
        start = time.perf_counter()
        for trainer in growing.grow(int(amount), self.memory, fill=self._may_fill, checkpoints=self.checkpoints):
            results |= self._trained(trainer, start, evaluation)
            start = time.perf_counter()
        return results

    def memory_used(self, evaluation: Evaluation) -> float:
        """See :class:`Race`."""
        return self._begun(evaluation).memory

    def _begun(self, evaluation: Evaluation) -> GrowingFits:
        if self._growing is None:
            self._growing = GrowingFits(self._jobs(evaluation))
            self._forget_encoded()
        return self._growing


RACES: dict[str, type[EpochRace | MemberRace]] = {"max_iter": EpochRace, "n_estimators": MemberRace}  # by resource
