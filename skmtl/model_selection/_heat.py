"""Fits trained together: the unit of work that is spread over processes or a cluster."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from skmtl.estimators._stack import Stack, cut_into_stacks
from skmtl.model_selection._candidates import Candidate
from skmtl.model_selection._evaluation import Evaluation, Fold
from skmtl.model_selection._seat import Prepared, Seat

Results = dict[tuple[int, int], dict[str, Any]]  # by place of the candidate in the search and number of the fold


class Fit(NamedTuple):
    """A candidate on a fold."""

    candidate: Candidate
    fold: Fold


class Heat:
    """Fits that can be members of one network where their folds are alike.

    Parameters
    ----------
    fits : sequence of Fit
        Their candidates agree in all that a member cannot carry.
    prepared : dict
        Number of a fold to the steps before the nets there.
    memory : float
        Bytes that a network may take.
    """

    def __init__(self, fits: Sequence[Fit], prepared: Mapping[int, Prepared], memory: float) -> None:
        self.fits, self.memory = fits, memory
        folds = {fit.fold.number: fit.fold for fit in fits}
        at = Counter(fit.fold.number for fit in fits)
        self._seats = {number: Seat(fold, prepared[number], at[number]) for number, fold in folds.items()}
        self._stacks: list[Stack] | None = None
        self._seconds = dict.fromkeys(range(len(fits)), 0.0)  # by place in ``fits``

    def run(self, evaluation: Evaluation) -> Results:
        """Train all candidates to the end, network after network, and score them."""
        results: Results = {}
        for stack in self._cut(evaluation):
            with stack.threads():
                self._train(stack, 1.0)
                results |= self._scores(stack, evaluation)
            self._release(results)
        return results

    def _release(self, results: Results) -> None:
        """Forget the rows of folds of which there is nothing left to do."""
        done = Counter(number for _, number in results)
        for number, seat in self._seats.items():
            if done[number] == seat.n_fits:
                seat.release()

    def advance(self, kept: Container[int], share: float, evaluation: Evaluation) -> Results:
        """Train the candidates at these places of the search until ``share`` of the epochs is done, and score them.

        The networks, built at the first call, shrink: candidates once left out cannot come back.
        """
        results: Results = {}
        stacks = self._begun(evaluation)
        for stack in stacks:
            stack.keep([place for place in stack.places if self.fits[place].candidate.place in kept])
        self._stacks = [stack for stack in stacks if stack.places]
        for stack in self._stacks:
            with stack.threads():
                self._train(stack, share)
                results |= self._scores(stack, evaluation)
        return results

    def memory_used(self, evaluation: Evaluation) -> float:
        """Bytes of the networks of all candidates."""
        return sum(stack.memory for stack in self._begun(evaluation))

    def _begun(self, evaluation: Evaluation) -> list[Stack]:
        if self._stacks is None:
            self._stacks = list(self._cut(evaluation))
            for seat in self._seats.values():
                seat.close()
        return self._stacks

    def _cut(self, evaluation: Evaluation) -> Iterator[Stack]:
        """Yield the fits in networks."""
        first, seats = self.fits[0].candidate, self._seats
        nets = ((fit.candidate.net, seats[fit.fold.number].rows(first, evaluation)) for fit in self.fits)
        alike = len({repr(fit.candidate.net.dropout) for fit in self.fits}) == 1
        return cut_into_stacks(nets, self.memory, fill=alike)  # where some draw, folds of other sizes part them all

    def _train(self, stack: Stack, share: float) -> None:
        start = time.perf_counter()
        stack.advance(share)
        each = (time.perf_counter() - start) / max(len(stack.places), 1)
        for place in stack.places:
            self._seconds[place] += each

    def _scores(self, stack: Stack, evaluation: Evaluation) -> Results:
        stack.settle()
        results: Results = {}
        for number, seat in self._seats.items():
            places = [place for place in stack.places if self.fits[place].fold.number == number]
            start = time.perf_counter()
            by_task = seat.score_tasks(stack, [place for place in places if place not in stack.errors], evaluation)
            each = (time.perf_counter() - start) / max(len(by_task), 1)
            for place in places:
                result = self._score(stack, place, by_task.get(place, {}), evaluation)
                results[self.fits[place].candidate.place, number] = result
                result["score_time"] += each if place in by_task else 0.0
        return results

    def _score(self, stack: Stack, place: int, by_task: dict[str, float], evaluation: Evaluation) -> dict[str, Any]:
        candidate, fold = self.fits[place]
        seat = self._seats[fold.number]
        seconds = self._seconds[place] + seat.prepared.fit_time / seat.n_fits
        if place in stack.errors:
            return evaluation.failed(candidate, stack.errors[place], fold, seconds)
        fitted = partial(self._fitted, stack, place)
        return evaluation.succeeded(fitted, fold, by_task, seconds)

    def _fitted(self, stack: Stack, place: int) -> Any:
        candidate, fold = self.fits[place]
        return candidate.fitted(self._seats[fold.number].prepared.steps, stack.fitted(place))
