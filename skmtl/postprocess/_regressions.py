"""Kernel ridge regressions of several tasks, which may differ in their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from skmtl.postprocess._kernel_ridge import LeftOut, Ridge, kernel_ridge, sets_left_out
from skmtl.postprocess._shares import TaskTargets

Strengths: TypeAlias = Mapping[int, Sequence[Sequence[float]]]  # by the task's index, those of each kernel


def regressions(
    kernels: Sequence[np.ndarray], nearness: np.ndarray, targets: Sequence[TaskTargets], strengths: Strengths
) -> dict[int, list[list[Ridge]]]:
    """Regressions of tasks, by kernel and strength; each predicts all rows, those without a label, too.

    Tasks with the same rows and weights have their equations in common. With each row that which is nearest to it is
    left out, too.
    """
    found: dict[int, list[list[Ridge]]] = {target.index: [[] for _ in kernels] for target in targets}
    systems = []
    for system in systems_of(targets):
        seen = system[0].seen
        systems.append((system, sets_left_out(nearness[np.ix_(seen, seen)], system[0].units)))
    for j, kernel in enumerate(kernels):
        for system, left_out in systems:
            for strength in sorted({strength for target in system for strength in strengths[target.index][j]}):
                own = [target for target in system if strength in strengths[target.index][j]]
                for target, ridge in zip(own, _solve(kernel, own, left_out, strength), strict=True):
                    found[target.index][j].append(ridge)
    return found


def _solve(kernel: np.ndarray, system: Sequence[TaskTargets], left_out: LeftOut, strength: float) -> list[Ridge]:
    """Regression of each task of a system."""
    first, truth = system[0], np.concatenate([target.truth for target in system], axis=1)
    seen = first.seen
    weights = first.weights * first.n_units  # of mean 1 over the observations
    ridge = kernel_ridge(kernel[np.ix_(seen, seen)], truth, weights, left_out, strength)
    predicted = kernel[:, seen] @ ridge.dual + ridge.intercept
    predicted[seen] = ridge.left_out
    ends = np.cumsum([target.truth.shape[1] for target in system]).tolist()
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
