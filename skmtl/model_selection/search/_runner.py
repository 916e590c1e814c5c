"""All candidates on all folds: trained to the end, or dropped at rungs while they train."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from skmtl._torch_state import torch_settings
from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints
from skmtl.model_selection.search._batch import Fit, Results, StackedBatch, run_batch
from skmtl.model_selection.search._candidates import Candidate, grouped, net_key, steps_key
from skmtl.model_selection.search._evaluation import Evaluation, Fold
from skmtl.model_selection.search._fold_data import Preprocessed, preprocess
from skmtl.model_selection.search._halving import Halving
from skmtl.model_selection.search._races import RACES, Race
from skmtl.model_selection.search._transport import LazyPickle

B = TypeVar("B", bound=StackedBatch)
MIN_FITS = 4  # of a network below which it is not divided among jobs


class StackableGroup(NamedTuple):
    """Candidates that can be members of one network.

    Attributes
    ----------
    candidates : sequence of Candidate
        They agree in all but what members of a network may differ in.
    preprocessed : dict
        Number of a fold to the steps before the nets there.
    """

    candidates: Sequence[Candidate]
    preprocessed: Mapping[int, Preprocessed]


class SearchRunner:
    """Trains and scores the candidates of a search.

    Parameters
    ----------
    candidates : sequence of Candidate
        All of the search.
    folds : sequence of Fold
        Rows.
    evaluation : Evaluation
        What they are fitted to and scored on.
    n_jobs : int or None
        Networks trained at once.
    memory : float
        Bytes that the networks in training may take in each job, or in all jobs of a race together.
    verbose : int
        How much to print.
    halving : Halving, optional
        Drops the worse candidates at rungs; by default all train to the end.
    metric : str, optional
        Which of several metrics decides at the rungs.
    checkpoints : Checkpoints or NoCheckpoints, optional
        Where networks are kept until the search is over.

    Attributes
    ----------
    results : dict
        Index of a candidate and number of a fold to the scores there, of fits that have been scored.
    amounts : list of float
        Amount of the resource at each rung; empty without elimination.
    rungs : ndarray of shape (n_candidates,), int
        Rung at which each candidate ended; 0 without elimination.
    interrupted : bool
        Whether the user has stopped the search.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        folds: Sequence[Fold],
        evaluation: Evaluation,
        *,
        n_jobs: int | None,
        memory: float,
        verbose: int,
        halving: Halving | None = None,
        metric: str | None = None,
        checkpoints: NoCheckpoints = NO_CHECKPOINTS,
    ) -> None:
        self.candidates, self.folds, self.evaluation = candidates, folds, evaluation
        self.n_jobs, self.memory, self.verbose = n_jobs, memory, verbose
        self.halving, self.metric, self.checkpoints = halving, metric, checkpoints
        self.results: Results = {}
        self.amounts = [] if halving is None else halving.amounts(candidates[0].net.n_estimators)
        self.rungs = np.zeros(len(candidates), dtype=int)
        self.interrupted = False

    @property
    def n_steps(self) -> int:
        """How often ``progress`` is called in :meth:`run`."""
        if self.halving is None:
            return len(self.candidates) * len(self.folds)
        return len(self.amounts) * len(self._groups)

    @property
    def resources(self) -> dict[str, np.ndarray]:
        """How many members each candidate has been scored with, where they are the resource."""
        of_members = self.halving is not None and self.halving.resource == "n_estimators"
        return {"n_resources": np.array(self.amounts)[self.rungs]} if of_members else {}

    def run(self, progress: Callable[[str], Any]) -> None:
        """Train and score the candidates.

        Parameters
        ----------
        progress : callable
            Called with "fit" for every fit that has been scored or, with elimination, with "rung" for every rung done.
        """
        try:
            if self.halving is None:
                self._train_all(progress)
            else:
                self._say(1, f"{self._task} at most")
                for groups in self._groups:
                    self._race(groups, self.halving, progress)
        except KeyboardInterrupt:  # what has been scored is kept
            self.interrupted = True

    def _train_all(self, progress: Callable[[str], Any]) -> None:
        batches = self._batches(self._groups[0], StackedBatch)
        self._say(1, f"{self._task}, in {len(batches)} jobs")
        for scored in self._scored(batches):
            self.results |= scored
            for _ in scored:
                progress("fit")

    def _scored(self, batches: Sequence[StackedBatch]) -> Iterator[Results]:
        """Yield scores as soon as they are there: of each network within one process, else of each job, or of all."""
        if effective_n_jobs(self.n_jobs) == 1:
            for batch in batches:
                yield from batch.run(self.evaluation)
            return
        jobs = (delayed(run_batch)(batch, self.evaluation) for batch in batches)
        one_by_one = get_active_backend()[0].supports_return_generator
        for scored, interrupted in Parallel(self.n_jobs, return_as="generator" if one_by_one else "list")(jobs):
            yield scored
            if interrupted:
                raise KeyboardInterrupt

    def _race(self, groups: Sequence[StackableGroup], halving: Halving, progress: Callable[[str], Any]) -> None:
        """Train to each rung in turn.

        At a rung the networks come back from the jobs that trained them, and go to jobs again with those candidates
        that go on.
        """
        running = [LazyPickle(batch) for batch in self._batches(groups, RACES[halving.resource])]
        alive = {candidate.index for group in groups for candidate in group.candidates}
        with Parallel(n_jobs=self.n_jobs) as parallel:
            for rung, amount in enumerate(self.amounts):
                last = amount == self.amounts[-1]
                self._say(2, f"{len(alive)} candidates train to {_shown(amount, halving)}")
                jobs = parallel(delayed(_train_to_rung)(race, alive, amount, last, self.evaluation) for race in running)
                self.results |= {fit: result for _, results in jobs for fit, result in results.items()}
                self.rungs[list(alive)] = rung
                progress("rung")
                if not last:
                    alive = halving.choose(self._mean_scores(alive))
                    running = [race for race, results in jobs if any(candidate in alive for candidate, _ in results)]

    def _mean_scores(self, indices: Iterable[int]) -> dict[int, float]:
        def mean(index: int) -> float:
            scores = [self.results[index, fold.number]["test_scores"] for fold in self.folds]
            return float(np.mean([_deciding(score, self.metric) for score in scores]))

        return {index: mean(index) for index in indices}

    @cached_property
    def _groups(self) -> list[list[StackableGroup]]:
        """Candidates by what their networks have in common, with the steps before the nets fitted to every fold.

        One list; several, to train one after another, where a race would take more memory than allowed.
        """
        by_preprocessing = grouped(self.candidates, steps_key)
        pairs = [(group[0], fold) for group in by_preprocessing for fold in self.folds]
        fitted = iter([Preprocessed()] * len(pairs))
        if any(first.steps is not None for first, _ in pairs):  # else nothing would be worth a job
            parallel = Parallel(n_jobs=self.n_jobs)
            fitted = iter(parallel(delayed(preprocess)(first, fold, self.evaluation) for first, fold in pairs))
        by_group = [(group, {fold.number: next(fitted) for fold in self.folds}) for group in by_preprocessing]
        groups = [StackableGroup(part, steps) for group, steps in by_group for part in grouped(group, net_key)]
        return [groups] if self.halving is None else self._by_memory(groups, RACES[self.halving.resource])

    def _batches(self, groups: Sequence[StackableGroup], kind: type[B]) -> list[B]:
        """Candidates of one network on all folds together, divided evenly among the jobs.

        Neighbours share a network: candidates on the same fold, which have their rows in common. Where a fold is
        divided, too, candidates take turns: those that a race drops leave every job about as many.
        """
        n_jobs, batches = effective_n_jobs(self.n_jobs), list[B]()
        for group in groups:
            candidates = [candidate for turn in range(n_jobs) for candidate in group.candidates[turn::n_jobs]]
            parts = _divided([Fit(candidate, fold) for fold in self.folds for candidate in candidates], n_jobs)
            batches += [kind(part, group.preprocessed, self.memory, self.checkpoints) for part in parts]
        return batches

    def _by_memory(self, groups: Sequence[StackableGroup], kind: type[Race]) -> list[list[StackableGroup]]:
        """Divide the candidates so that what they keep from rung to rung takes no more memory than allowed."""
        first = self.folds[0]
        probes = [kind([Fit(group.candidates[0], first)], group.preprocessed, np.inf) for group in groups]
        each = [probe.memory_used(self.evaluation) * len(self.folds) for probe in probes]
        total = sum(one * len(group.candidates) for one, group in zip(each, groups, strict=True))
        most = max(len(group.candidates) for group in groups)
        n = int(np.clip(np.ceil(total / self.memory), 1, most))
        divided = [[group._replace(candidates=group.candidates[k::n]) for group in groups] for k in range(n)]
        return [[group for group in part if group.candidates] for part in divided]

    def by_candidate(self) -> list[dict[str, Any]]:
        """Results of the fits, candidate by candidate and fold by fold.

        Where the user has stopped the search, a warning says how many candidates have been scored; the others score
        NaN.

        Raises
        ------
        KeyboardInterrupt
            If the user stopped the search before a candidate was scored on all folds.
        """
        if self.interrupted:
            complete = [all((c.index, fold.number) in self.results for fold in self.folds) for c in self.candidates]
            if not any(complete):
                raise KeyboardInterrupt("The search was stopped before a candidate had been scored on all folds.")
            warnings.warn(
                f"Search interrupted by user: {sum(complete)} of {len(complete)} candidates have been scored on all "
                f"folds; the others score NaN.",
                stacklevel=5,
            )
        like = next(iter(self.results.values()))
        return [
            self.results.get((candidate.index, fold.number)) or self.evaluation.unscored(fold, like)
            for candidate in self.candidates
            for fold in self.folds
        ]

    @property
    def _task(self) -> str:
        n_folds, n_candidates = len(self.folds), len(self.candidates)
        return f"Fitting {n_folds} folds for each of {n_candidates} candidates, totalling {n_folds * n_candidates} fits"

    def _say(self, level: int, text: str) -> None:
        if self.verbose >= level:
            sys.stdout.write(text + "\n")


@torch_settings()
def _train_to_rung(
    pickled: LazyPickle[Race], alive: Container[int], amount: float, last: bool, evaluation: Evaluation
) -> tuple[LazyPickle[Race] | None, Results]:
    """Train to the next rung and score; there is no way on from the last."""
    results = pickled.open().advance(alive, amount, evaluation)
    return (None if last else pickled), results


def _shown(amount: float, halving: Halving) -> str:
    """Amount of the resource in words."""
    return f"{amount:.1%} of their epochs" if halving.resource == "max_iter" else f"{amount} members"


def _divided(fits: Sequence[Fit], n_jobs: int) -> list[Sequence[Fit]]:
    """As many parts as jobs, of neighbours and of one size; fewer where they would be small."""
    n_parts = max(min(n_jobs, len(fits) // MIN_FITS), 1)
    edges = [len(fits) * part // n_parts for part in range(n_parts + 1)]
    return [fits[first:last] for first, last in pairwise(edges)]


def _deciding(scores: Any, metric: str | None) -> float:
    """The score that decides at a rung."""
    if not isinstance(scores, dict):
        return float(scores)
    if metric is None:
        raise ValueError(
            "elimination with several metrics needs the one that decides at the rungs: set refit to its name, one of "
            f"{', '.join(map(repr, scores))}."
        )
    return float(scores[metric])
