"""All candidates on all folds: to the end, or in a race that drops the worse at rungs."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from skmtl.model_selection._candidates import Candidate, by_network, by_steps
from skmtl.model_selection._evaluation import Evaluation, Fold
from skmtl.model_selection._halving import Halving
from skmtl.model_selection._heat import Fit, Heat, Results
from skmtl.model_selection._parcel import Parcel
from skmtl.model_selection._seat import Prepared, prepare

LEAST_TO_SHARE = 4  # fits of a network below which it is not divided among jobs


class Network(NamedTuple):
    """Candidates that can be members of one network.

    Attributes
    ----------
    candidates : sequence of Candidate
        They agree in all that a member cannot carry.
    prepared : dict
        Number of a fold to the steps before the nets there.
    """

    candidates: Sequence[Candidate]
    prepared: Mapping[int, Prepared]


@dataclass(frozen=True)
class Tournament:
    """Candidates, folds and how to train them.

    Attributes
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
    """

    candidates: Sequence[Candidate]
    folds: Sequence[Fold]
    evaluation: Evaluation
    n_jobs: int | None
    memory: float
    verbose: int

    def run_all(self) -> list[dict[str, Any]]:
        """Train every candidate to the end; the results of the fits, candidate by candidate and fold by fold."""
        with Parallel(n_jobs=self.n_jobs) as parallel:
            heats = self._heats(self._networks(parallel))
            self._say(1, f"{self._task}, in {len(heats)} jobs")
            parts = parallel(delayed(Heat.run)(heat, self.evaluation) for heat in heats)
        return self._by_candidate(_together(parts))

    def race(self, halving: Halving, judge: str | None) -> tuple[list[dict[str, Any]], np.ndarray]:
        """Drop the worse candidates at rungs; the results of the fits, and the rung at which each candidate ended.

        At a rung the networks come back from the jobs that trained them, and go to jobs again with those candidates
        that go on. Where they would take more memory than allowed, the candidates race in several leagues, one after
        another.
        """
        results: Results = {}
        rungs = np.zeros(len(self.candidates), dtype=int)
        self._say(1, f"{self._task} at most")
        with Parallel(n_jobs=self.n_jobs) as parallel:
            for league in self._leagues(self._networks(parallel)):
                fits, ended = self._race(league, halving, judge, parallel)
                results |= fits
                rungs[list(ended)] = list(ended.values())
        return self._by_candidate(results), rungs

    def _race(
        self, league: Sequence[Network], halving: Halving, judge: str | None, parallel: Parallel
    ) -> tuple[Results, dict[int, int]]:
        fits: Results = {}
        running = [Parcel(heat) for heat in self._heats(league)]
        alive = {candidate.place for network in league for candidate in network.candidates}
        ended: dict[int, int] = {}
        for rung, share in enumerate([*halving.shares(), 1.0]):
            self._say(2, f"{len(alive)} candidates train to {share:.1%} of their epochs")
            legs = parallel(delayed(_leg)(heat, alive, share, self.evaluation) for heat in running)
            fits |= _together([results for _, results in legs])
            ended |= dict.fromkeys(alive, rung)
            if share < 1.0:
                alive = halving.choose(self._mean_scores(fits, alive, judge))
                running = [heat for heat, results in legs if any(candidate in alive for candidate, _ in results)]
        return fits, ended

    def _mean_scores(self, fits: Results, places: Iterable[int], judge: str | None) -> dict[int, float]:
        scores = {fit: _judged(result["test_scores"], judge) for fit, result in fits.items()}
        return {place: float(np.mean([scores[place, fold.number] for fold in self.folds])) for place in places}

    def _networks(self, parallel: Parallel) -> list[Network]:
        groups = by_steps(self.candidates)
        pairs = [(group[0], fold) for group in groups for fold in self.folds]
        prepared = iter([Prepared()] * len(pairs))
        if any(first.steps is not None for first, _ in pairs):  # else nothing would be worth a job
            prepared = iter(parallel(delayed(prepare)(first, fold, self.evaluation) for first, fold in pairs))
        by_group = [(group, {fold.number: next(prepared) for fold in self.folds}) for group in groups]
        return [Network(part, steps) for group, steps in by_group for part in by_network(group)]

    def _heats(self, networks: Sequence[Network]) -> list[Heat]:
        """Candidates of one network on all folds together, divided evenly among the jobs.

        Neighbours share a network: candidates on the same fold, which have their rows in common. Where a fold is
        divided, too, candidates take turns: those that a race drops leave every job about as many.
        """
        n_jobs, heats = effective_n_jobs(self.n_jobs), []
        for network in networks:
            candidates = [candidate for turn in range(n_jobs) for candidate in network.candidates[turn::n_jobs]]
            parts = _divided([Fit(candidate, fold) for fold in self.folds for candidate in candidates], n_jobs)
            heats += [Heat(part, network.prepared, self.memory) for part in parts]
        return heats

    def _leagues(self, networks: Sequence[Network]) -> list[list[Network]]:
        """Divide the candidates so that the networks of a league together take no more memory than allowed."""
        first = self.folds[0]
        probes = [Heat([Fit(network.candidates[0], first)], network.prepared, np.inf) for network in networks]
        each = [probe.memory_used(self.evaluation) * len(self.folds) for probe in probes]
        total = sum(one * len(network.candidates) for one, network in zip(each, networks, strict=True))
        most = max(len(network.candidates) for network in networks)
        n = int(np.clip(np.ceil(total / self.memory), 1, most))
        leagues = [[network._replace(candidates=network.candidates[k::n]) for network in networks] for k in range(n)]
        return [[network for network in league if network.candidates] for league in leagues]

    def _by_candidate(self, fits: Results) -> list[dict[str, Any]]:
        return [fits[candidate.place, fold.number] for candidate in self.candidates for fold in self.folds]

    @property
    def _task(self) -> str:
        n_folds, n_candidates = len(self.folds), len(self.candidates)
        return f"Fitting {n_folds} folds for each of {n_candidates} candidates, totalling {n_folds * n_candidates} fits"

    def _say(self, level: int, text: str) -> None:
        if self.verbose >= level:
            sys.stdout.write(text + "\n")


def _leg(
    parcel: Parcel[Heat], alive: Container[int], share: float, evaluation: Evaluation
) -> tuple[Parcel[Heat] | None, Results]:
    """Train to the next rung and score; there is no way on from the last."""
    heat = parcel.open()
    results = heat.advance(alive, share, evaluation)
    return (parcel if share < 1.0 else None), results


def _divided(fits: Sequence[Fit], n_jobs: int) -> list[Sequence[Fit]]:
    """As many parts as jobs, of neighbours and of one size; fewer where they would be small."""
    n_parts = max(min(n_jobs, len(fits) // LEAST_TO_SHARE), 1)
    edges = [len(fits) * part // n_parts for part in range(n_parts + 1)]
    return [fits[first:last] for first, last in pairwise(edges)]


def _together(parts: Iterable[Results]) -> Results:
    return {fit: result for part in parts for fit, result in part.items()}


def _judged(scores: Any, judge: str | None) -> float:
    if not isinstance(scores, dict):
        return float(scores)
    if judge is None:
        raise ValueError(
            "elimination with several metrics needs the one that decides at the rungs: set refit to its name, one of "
            f"{', '.join(map(repr, scores))}."
        )
    return float(scores[judge])
