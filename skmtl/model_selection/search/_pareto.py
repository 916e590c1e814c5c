"""Pareto fronts of candidates over the scores of the tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from skmtl.inputs import object_array


def means_by_task(scores: Sequence[Mapping[str, float]], n_candidates: int) -> tuple[np.ndarray, np.ndarray]:
    """Names of the tasks, and each candidate's mean score on each over the folds, ``(n_candidates, n_tasks)``."""
    names = list(dict.fromkeys(name for of_fit in scores for name in of_fit))
    by_fit = np.array([[of_fit.get(name, np.nan) for name in names] for of_fit in scores])
    by_fold = by_fit.reshape(n_candidates, -1, len(names)) if names else np.empty((n_candidates, 1, 0))
    seen = ~np.isnan(by_fold).all(axis=0)  # a fold without a label of a task says nothing of it
    counts = np.broadcast_to(seen, by_fold.shape).sum(axis=1)
    means: np.ndarray = np.where(seen, by_fold, 0.0).sum(axis=1) / np.maximum(counts, 1)
    return object_array(names), means


def pareto_front(scores: np.ndarray) -> np.ndarray:
    """Candidates that no other is better than: none scores at least as well on every task and better on one.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_tasks)
        Greater is better; a candidate with a NaN is left out. Without a task nobody is on the front.

    Returns
    -------
    ndarray of int
        Their places, rising by the score of the first task.
    """
    if not scores.shape[1]:
        return np.array([], dtype=np.intp)
    usable = np.flatnonzero(~np.isnan(scores).any(axis=1))
    values = scores[usable]
    at_least = (values[:, None] >= values[None]).all(axis=2)  # (dominating, dominated)
    better = (values[:, None] > values[None]).any(axis=2)
    front = usable[~(at_least & better).any(axis=0)]
    ordered: np.ndarray = front[np.lexsort(scores[front].T[::-1])]
    return ordered
