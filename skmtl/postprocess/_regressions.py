"""Kernel ridge regressions of several tasks, which may differ in their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from skmtl.postprocess._kernel_ridge import LeftOut, Ridge, kernel_ridge, sets_left_out
from skmtl.postprocess._shares import TaskTargets

Strengths: TypeAlias = Mapping[int, Sequence[Sequence[float]]]  # by the task's index, those of each kernel


class System(NamedTuple):
    """Tasks that have their equations in common.

    Attributes
    ----------
    targets : list of TaskTargets
        Of the tasks.
    left_out : dict of (int, int) to ndarray
        What is left out with each row, as :func:`sets_left_out` gives it.
    """

    targets: list[TaskTargets]
    left_out: LeftOut


def systems_left_out(nearness: np.ndarray, targets: Sequence[TaskTargets]) -> list[System]:
    """Tasks by what they have in common; with each row that which is nearest to it is left out, too."""
    return [
        System(of_system, sets_left_out(nearness[np.ix_(first.seen, first.seen)], first.units))
        for of_system in systems_of(targets)
        for first in of_system[:1]
    ]


def regressions(
    kernels: Sequence[np.ndarray], systems: Sequence[System], strengths: Strengths
) -> dict[int, list[list[Ridge]]]:
    """Regressions of tasks, by kernel and strength; each predicts all rows, those without a label, too."""
    found: dict[int, list[list[Ridge]]] = {target.index: [[] for _ in kernels] for s in systems for target in s.targets}
    for j, kernel in enumerate(kernels):
        for targets, left_out in systems:
            seen = targets[0].seen
            from_seen, among_seen = kernel[:, seen], kernel[np.ix_(seen, seen)]
            for strength in sorted({strength for target in targets for strength in strengths[target.index][j]}):
                own = [target for target in targets if strength in strengths[target.index][j]]
                for target, ridge in zip(own, _solve(from_seen, among_seen, own, left_out, strength), strict=True):
                    found[target.index][j].append(ridge)
    return found


def _solve(
    from_seen: np.ndarray, among_seen: np.ndarray, targets: Sequence[TaskTargets], left_out: LeftOut, strength: float
) -> list[Ridge]:
    """Regression of each task of a system."""
    first, truth = targets[0], np.concatenate([target.truth for target in targets], axis=1)
    weights = first.weights * first.n_units  # of mean 1 over the observations
    ridge = kernel_ridge(among_seen, truth, weights, left_out, strength)
    predicted = from_seen @ ridge.dual + ridge.intercept
    predicted[first.seen] = ridge.left_out
    ends = np.cumsum([target.truth.shape[1] for target in targets]).tolist()
    return [
        Ridge(strength, ridge.dual[:, start:end], ridge.intercept[start:end], predicted[:, start:end])
        for start, end in zip([0, *ends], ends, strict=False)
    ]


def systems_of(targets: Sequence[TaskTargets]) -> list[list[TaskTargets]]:
    """Tasks by their rows and weights."""
    found: dict[Any, list[TaskTargets]] = {}
    for target in targets:
        found.setdefault((target.seen.tobytes(), target.weights.tobytes()), []).append(target)
    return list(found.values())


def best_of(target: TaskTargets, ridges: Sequence[Ridge]) -> Ridge:
    """Regression of the least leave-one-out error."""
    return min(ridges, key=lambda ridge: target.squared_errors(ridge.left_out[target.seen]).sum())
