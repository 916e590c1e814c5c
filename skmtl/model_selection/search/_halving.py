"""Which candidates go on at the rungs of a race."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from skmtl._params import Params, require_choice

RUNGS = {"max_iter": (0.125, 0.375), "n_estimators": (0.125, 0.25)}  # of each resource, where they are not given
LEAST = {"max_iter": 3, "n_estimators": 1}


class Halving(Params):
    """Drop the worse candidates at every rung: successive halving (Jamieson and Talwalkar, 2016).

    All candidates get some of a resource and are scored; the best ``1 / factor`` of them get more of it, and so on.
    Those that are left get all of it, so that a candidate that is never dropped ends as it would in a search without
    elimination.

    Parameters
    ----------
    factor : float, default=4
        One in ``factor`` candidates survives a rung.
    rungs : sequence of float, default=None
        Fractions of the resource at which candidates are dropped, rising, between 0 and 1. None: (0.125, 0.375) of the
        epochs, (0.125, 0.25) of the members.
    least : int, default=None
        Number of candidates that get all of the resource, at least. None: 3 with epochs, where a few cost little more
        than one, as on all folds they are one network; 1 with members.
    resource : {"max_iter", "n_estimators"}, default="max_iter"
        What candidates get more of. "max_iter": epochs. Schedules of the learning rate are those of a whole fit.
        "n_estimators": members of the ensemble, each trained to the end. All candidates of a rung are scored with
        equally many, which are the first members of the whole fit: they hold out the same rows and begin with the same
        weights. Until a candidate has all members, it is scored without the blends, ``local_correction``,
        ``calibration`` and ``threshold_metric``, which learn from the rows that all members hold out together.

    References
    ----------
    Jamieson, K. and Talwalkar, A. (2016). Non-stochastic best arm identification and hyperparameter optimization.
    AISTATS.

    Examples
    --------
    >>> from skmtl.model_selection import Halving
    >>> [Halving().survivors(n) for n in (32, 16, 3)]
    [8, 4, 3]
    >>> Halving(resource="n_estimators").amounts(8)  # numbers of members
    [1, 2, 8]
    """

    def __init__(
        self,
        factor: float = 4,
        rungs: Any = None,
        least: int | None = None,
        resource: Literal["max_iter", "n_estimators"] = "max_iter",
    ) -> None:
        self.factor, self.rungs, self.least, self.resource = factor, rungs, least, resource

    def fractions(self) -> list[float]:
        """Return the rungs as fractions of the resource.

        Returns
        -------
        list of float
            Rising, between 0 and 1.

        Raises
        ------
        ValueError
            If a parameter is not usable.
        """
        require_choice("resource of Halving", self.resource, RUNGS)
        rungs = [float(fraction) for fraction in (RUNGS[self.resource] if self.rungs is None else self.rungs)]
        if any(not 0 < fraction < 1 for fraction in rungs) or sorted(set(rungs)) != rungs:
            raise ValueError(f"rungs of Halving must rise and lie between 0 and 1; got {self.rungs!r}.")
        if not self.factor > 1 or (self.least is not None and self.least < 1):
            raise ValueError(f"Halving needs a factor above 1 and a least of at least 1; got {self!r}.")
        return rungs

    def amounts(self, n_estimators: int) -> list[float]:
        """Amount of the resource at each rung, and all of it at last.

        Parameters
        ----------
        n_estimators : int
            Of the candidates.

        Returns
        -------
        list of float
            Numbers of members, or fractions of the epochs.

        Raises
        ------
        ValueError
            If a parameter is not usable.
        """
        fractions = self.fractions()
        if self.resource == "max_iter":
            return [*fractions, 1.0]
        return sorted({max(round(fraction * n_estimators), 1) for fraction in fractions} | {n_estimators})

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
        least = LEAST[self.resource] if self.least is None else self.least
        return min(n_candidates, max(math.ceil(n_candidates / self.factor), least))

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
    """Put candidates that ended later before those that ended earlier, and those without a score last."""
    results["rung"] = rungs
    for name in [name for name in results if name.startswith("rank_test_")]:
        later = np.where(np.isnan(results[name.replace("rank_", "mean_")]), 1, -rungs)
        order = np.lexsort((results[name], later))
        keys = np.column_stack([later, results[name]])[order]
        fresh = np.append(True, (keys[1:] != keys[:-1]).any(axis=1))
        ranks = np.empty(len(rungs), dtype=np.int32)
        ranks[order] = 1 + np.maximum.accumulate(np.where(fresh, np.arange(len(rungs)), 0))
        results[name] = ranks
