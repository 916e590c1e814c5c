"""Candidates trained together on one fold: the unit of work that is spread over processes or a cluster."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skmtl.estimators._stack import CommonRows, Stack, cut_into_stacks
from skmtl.model_selection._candidates import Candidate
from skmtl.model_selection._evaluation import Evaluation, Fold

Results = dict[int, dict[str, Any]]  # by place of the candidate


@dataclass(frozen=True)
class Prepared:
    """The steps before the net, fitted to the training rows of a fold.

    Attributes
    ----------
    steps : Pipeline or None
        Fitted; None where there are none.
    X : array-like or None
        What they make of the training rows.
    error : Exception or None
        Why they could not be fitted.
    fit_time : float
        Seconds.
    """

    steps: Pipeline | None = None
    X: Any = None
    error: Exception | None = None
    fit_time: float = 0.0


def prepare(candidate: Candidate, fold: Fold, evaluation: Evaluation) -> Prepared:
    """Fit the steps before the net of ``candidate`` to the training rows of ``fold``."""
    if candidate.steps is None:
        return Prepared()
    start = time.perf_counter()
    steps = clone(candidate.steps)
    X, y = evaluation.rows(fold.train)
    params = evaluation.fit_params_of(fold.train, None)
    known = tuple(f"{name}__" for name, _ in steps.steps)
    try:
        transformed = steps.fit_transform(X, y, **{k: v for k, v in params.items() if k.startswith(known)})
    except Exception as error:
        return Prepared(error=error)
    return Prepared(steps, transformed, fit_time=time.perf_counter() - start)


class Heat:
    """Candidates that can be members of one network, on one fold.

    Parameters
    ----------
    candidates : sequence of Candidate
        They agree in all that a member cannot carry.
    fold : Fold
        Rows.
    prepared : Prepared
        Steps before the nets.
    memory : float
        Bytes that a network may take.
    """

    def __init__(self, candidates: Sequence[Candidate], fold: Fold, prepared: Prepared, memory: float) -> None:
        self.candidates, self.fold, self.prepared, self.memory = candidates, fold, prepared, memory
        self._stacks: list[Stack] = []
        self._seconds: dict[int, float] = {}  # by place
        self._error = prepared.error

    def run(self, evaluation: Evaluation) -> Results:
        """Train all candidates to the end, network after network, and score them."""
        results: Results = {}
        for stack in self._cut(evaluation):
            with stack.threads():
                self._train(stack, 1.0)
                results |= self._scores(stack, evaluation)
        return results or self._all_failed(evaluation)

    def start(self, evaluation: Evaluation) -> None:
        """Build the networks of all candidates, to be trained in legs."""
        self._stacks = list(self._cut(evaluation))

    def advance(self, share: float) -> None:
        """Train until ``share`` of the epochs is done."""
        for stack in self._stacks:
            self._train(stack, share)

    def results(self, evaluation: Evaluation) -> Results:
        """Scores of the candidates that are still in the race."""
        results: Results = {}
        for stack in self._stacks:
            results |= self._scores(stack, evaluation)
        return results or self._all_failed(evaluation)

    def keep(self, kept: Container[int]) -> bool:
        """Go on with the candidates at these places of the search, if there are any; the networks shrink."""
        for stack in self._stacks:
            stack.keep([place for place in stack.places if self.candidates[place].place in kept])
        self._stacks = [stack for stack in self._stacks if stack.places]
        return bool(self._stacks)

    @property
    def work(self) -> float:
        """Operations of a step of the largest network."""
        return max((stack.work for stack in self._stacks), default=0.0)

    @property
    def memory_used(self) -> float:
        """Bytes of the networks."""
        return sum(stack.memory for stack in self._stacks)

    def _cut(self, evaluation: Evaluation) -> Iterator[Stack]:
        """Yield the candidates in networks; none if the rows cannot be used at all."""
        if self._error is not None:
            return
        X, y = evaluation.rows(self.fold.train)
        nets = [candidate.net for candidate in self.candidates]
        pipeline = self.candidates[0].pipeline
        step = None if pipeline is None else pipeline.steps[-1][0]
        try:
            fitted_to = X if self.prepared.steps is None else self.prepared.X
            rows = CommonRows(nets[0], fitted_to, y, **evaluation.fit_params_of(self.fold.train, step))
        except Exception as error:
            self._error = error
            return
        yield from cut_into_stacks(nets, rows, self.memory)

    def _train(self, stack: Stack, share: float) -> None:
        start = time.perf_counter()
        stack.advance(share)
        each = (time.perf_counter() - start) / max(len(stack.places), 1)
        for place in stack.places:
            self._seconds[place] = self._seconds.get(place, self.prepared.fit_time / len(self.candidates)) + each

    def _scores(self, stack: Stack, evaluation: Evaluation) -> Results:
        test = evaluation.rows(self.fold.test)
        return {self.candidates[place].place: self._score(stack, place, test, evaluation) for place in stack.places}

    def _score(self, stack: Stack, place: int, test: tuple[Any, Any], evaluation: Evaluation) -> dict[str, Any]:
        candidate, seconds = self.candidates[place], self._seconds[place]
        try:
            net = stack.fitted(place)
        except Exception as error:
            return evaluation.failed(candidate, error, self.fold, seconds)
        return evaluation.succeeded(candidate.fitted(self.prepared.steps, net), self.fold, test, seconds)

    def _all_failed(self, evaluation: Evaluation) -> Results:
        if self._error is None:
            return {}
        return {
            candidate.place: evaluation.failed(candidate, self._error, self.fold, self.prepared.fit_time)
            for candidate in self.candidates
        }
