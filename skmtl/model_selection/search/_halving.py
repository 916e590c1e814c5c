"""Which candidates go on at the rungs of a race."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skmtl._params import Params


class Halving(Params):
    """Drop the worse candidates at every rung: successive halving (Jamieson and Talwalkar, 2016).

    All candidates train to the first rung and are scored; the best ``1 / factor`` of them train on to the next, and so
    on. Those that are left train to the end. Schedules of the learning rate are those of a whole fit, so a candidate
    that is never dropped ends as it would in a search without elimination.

    Parameters
    ----------
    factor : float, default=4
        One in ``factor`` candidates survives a rung.
    rungs : sequence of float, default=(0.125, 0.375)
        Fractions of ``max_iter`` at which candidates are dropped, rising, between 0 and 1.
    least : int, default=3
        Number of candidates that train to the end, at least. A few cost little more than one: on all folds they are
        one network.

    References
    ----------
    Jamieson, K. and Talwalkar, A. (2016). Non-stochastic best arm identification and hyperparameter optimization.
    AISTATS.

    Examples
    --------
    >>> from skmtl.model_selection import Halving
    >>> [Halving().survivors(n) for n in (32, 16, 3)]
    [8, 4, 3]
    """

    def __init__(self, factor: float = 4, rungs: Any = (0.125, 0.375), least: int = 3) -> None:
        self.factor, self.rungs, self.least = factor, rungs, least

    def fractions(self) -> list[float]:
        """Return the rungs as fractions of ``max_iter``.

        Returns
        -------
        list of float
            Rising, between 0 and 1.

        Raises
        ------
        ValueError
            If a parameter is not usable.
        """
        rungs = [float(fraction) for fraction in self.rungs]
        if any(not 0 < fraction < 1 for fraction in rungs) or sorted(set(rungs)) != rungs:
            raise ValueError(f"rungs of Halving must rise and lie between 0 and 1; got {self.rungs!r}.")
        if not self.factor > 1 or self.least < 1:
            raise ValueError(f"Halving needs a factor above 1 and a least of at least 1; got {self!r}.")
        return rungs

    def survivors(self, n_candidates: int) -> int:
        """Number of candidates that go on.

        Parameters
        ----------
        n_candidates : int
            Candidates at a rung.

        Returns
        -------
        int
            Of them go on.
        """
        return min(n_candidates, max(math.ceil(n_candidates / self.factor), self.least))

    def choose(self, scores: dict[int, float]) -> set[int]:
        """Choose the best candidates; a score that is not a number is the worst.

        Parameters
        ----------
        scores : dict
            Candidate to its mean score at the rung.

        Returns
        -------
        set of int
            The candidates that go on.
        """
        best = sorted(scores, key=lambda index: -np.inf if np.isnan(scores[index]) else scores[index], reverse=True)
        return set(best[: self.survivors(len(best))])


def rank_by_rung(results: dict[str, Any], rungs: np.ndarray) -> None:
    """Put candidates that ended later before those that ended earlier."""
    results["rung"] = rungs
    for name in [name for name in results if name.startswith("rank_test_")]:
        order = np.lexsort((results[name], -rungs))
        keys = np.column_stack([-rungs, results[name]])[order]
        fresh = np.append(True, (keys[1:] != keys[:-1]).any(axis=1))
        ranks = np.empty(len(rungs), dtype=np.int32)
        ranks[order] = 1 + np.maximum.accumulate(np.where(fresh, np.arange(len(rungs)), 0))
        results[name] = ranks


ELIMINATIONS: dict[str, type[Halving]] = {"halving": Halving}
