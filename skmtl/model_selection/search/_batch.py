"""Fits that train together: the unit of work that is spread over processes or a cluster."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from skmtl._torch_state import torch_settings
from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints
from skmtl.estimators._fit_inputs import prepare_candidate
from skmtl.fitting import FitJob, StackedTrainer, fit_many
from skmtl.model_selection.search._candidates import Candidate
from skmtl.model_selection.search._evaluation import Evaluation, Fold
from skmtl.model_selection.search._fold_data import FoldData, Preprocessed

Results = dict[tuple[int, int], dict[str, Any]]  # by index of the candidate and number of the fold


class Fit(NamedTuple):
    """A candidate on a fold."""

    candidate: Candidate
    fold: Fold


class StackedBatch:
    """Fits that can be members of one network where their folds are alike.

    Parameters
    ----------
    fits : sequence of Fit
        Their candidates agree in all but what members of a network may differ in.
    preprocessed : dict
        Number of a fold to the steps before the nets there.
    memory : float
        Bytes that a network may take.
    checkpoints : Checkpoints or NoCheckpoints, optional
        Where networks are kept until the search is over.
    """

    def __init__(
        self,
        fits: Sequence[Fit],
        preprocessed: Mapping[int, Preprocessed],
        memory: float,
        checkpoints: NoCheckpoints = NO_CHECKPOINTS,
    ) -> None:
        self.fits, self.memory, self.checkpoints = fits, memory, checkpoints
        folds = {fit.fold.number: fit.fold for fit in fits}
        counts = Counter(fit.fold.number for fit in fits)
        self._folds = {k: FoldData(fold, preprocessed[k], counts[k]) for k, fold in folds.items()}
        self._seconds = dict.fromkeys(range(len(fits)), 0.0)  # by index in ``fits``

    def run(self, evaluation: Evaluation) -> Iterator[Results]:
        """Train all candidates to the end, network after network, and yield their scores.

        Raises
        ------
        KeyboardInterrupt
            If the user stops the training of a network.
        """
        done = Counter[int]()
        start = time.perf_counter()
        jobs = self._jobs(evaluation)
        for trainer in fit_many(jobs, self.memory, fill=self._may_fill, checkpoints=self.checkpoints):
            results = self._trained(trainer, start, evaluation)
            yield results
            done.update(number for _, number in results)
            for number, data in self._folds.items():
                if done[number] == data.n_fits:  # nothing is left to do
                    data.release()
            start = time.perf_counter()

    @property
    def _may_fill(self) -> bool:
        """Whether folds may differ by a few rows: where some fits draw dropout, such folds part them all."""
        return len({repr(fit.candidate.net.dropout) for fit in self.fits}) == 1

    def _jobs(self, evaluation: Evaluation) -> Iterator[tuple[int, FitJob | Exception]]:
        first = self.fits[0].candidate
        valid: dict[tuple[str, int], Any] = {}  # parameters that have been checked: values come again and again
        for index, (candidate, fold) in enumerate(self.fits):
            try:
                candidate.check(valid)
                yield index, prepare_candidate(candidate.net, self._folds[fold.number].inputs(first, evaluation))
            except Exception as error:
                yield index, error

    def _trained(self, trainer: StackedTrainer, start: float, evaluation: Evaluation) -> Results:
        """Scores of a network that has been training since ``start``."""
        if trainer.interrupted:
            raise KeyboardInterrupt
        each = (time.perf_counter() - start) / max(len(trainer.indices), 1)
        for index in trainer.indices:
            self._seconds[index] += each
        return self._scores(trainer, evaluation)

    def _scores(self, trainer: StackedTrainer, evaluation: Evaluation) -> Results:
        results: Results = {}
        first = self.fits[0].candidate
        for number, data in self._folds.items():
            indices = [index for index in trainer.indices if self.fits[index].fold.number == number]
            scored = [index for index in indices if index not in trainer.errors]
            start = time.perf_counter()
            by_task = data.score_tasks(trainer, scored, first, evaluation)
            each = (time.perf_counter() - start) / max(len(by_task), 1)
            for index in indices:
                result = self._score(trainer, index, by_task.get(index, {}), evaluation)
                results[self.fits[index].candidate.index, number] = result
                result["score_time"] += each if index in by_task else 0.0
        return results

    def _score(
        self, trainer: StackedTrainer, index: int, by_task: dict[str, float], evaluation: Evaluation
    ) -> dict[str, Any]:
        candidate, fold = self.fits[index]
        data = self._folds[fold.number]
        seconds = self._seconds[index] + data.preprocessed.fit_time / data.n_fits
        if index in trainer.errors:
            return evaluation.failed(candidate, trainer.errors[index], fold, seconds)
        try:
            return evaluation.succeeded(partial(self._fitted, trainer, index), fold, by_task, seconds)
        except Exception as error:  # of what comes after training
            return evaluation.failed(candidate, error, fold, seconds)

    def _fitted(self, trainer: StackedTrainer, index: int) -> Any:
        candidate, fold = self.fits[index]
        return candidate.fitted(self._folds[fold.number].preprocessed.steps, trainer.result(index))


@torch_settings()
def run_batch(batch: StackedBatch, evaluation: Evaluation) -> tuple[Results, bool]:
    """Train and score all fits, in a process of their own; what has been scored, and whether the user stopped it."""
    results: Results = {}
    try:
        for scored in batch.run(evaluation):
            results |= scored
    except KeyboardInterrupt:
        return results, True
    return results, False
