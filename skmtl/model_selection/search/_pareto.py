"""Pareto fronts of candidates over the scores of the tasks."""

from __future__ import annotations

import numpy as np


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
