"""The kernel ridge regressions that a blend may use: of each task and kernel the best, and what it says of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from skmtl.postprocess._kernel_ridge import SCALED, Ridge, RowKernels
from skmtl.postprocess._kernel_scale import choose_strengths, crossed_scales, learn_scale
from skmtl.postprocess._regressions import best_of, regressions, systems_left_out
from skmtl.postprocess._shares import TaskTargets


class BestRegressions(NamedTuple):
    """Regressions of each task.

    Attributes
    ----------
    kernels : RowKernels
        Between rows and the training rows.
    ridges : dict of int to list of Ridge
        Of each kernel, by the task's index.
    left_out : dict of int to ndarray of shape (n_kernels, n, n_columns)
        What they say of each training row without it, in a scale of the inputs that other folds have learned.
    """

    kernels: RowKernels
    ridges: Mapping[int, Sequence[Ridge]]
    left_out: dict[int, np.ndarray]


def best_regressions(
    rows: np.ndarray, weights: np.ndarray, bounds: np.ndarray, folds: np.ndarray, targets: Sequence[TaskTargets]
) -> BestRegressions:
    """Regressions of the least leave-one-out errors.

    Parameters
    ----------
    rows : ndarray of shape (n, n_inputs)
        Inputs.
    weights : ndarray of shape (n,)
        What each row counts in means.
    bounds : ndarray of shape (n_inputs,)
        Of the inputs, see :meth:`Encoder.plain_bounds`.
    folds : ndarray of shape (n,), int
        Fold of each row.
    targets : sequence of TaskTargets
        One or more tasks.
    """
    scale = learn_scale(rows, weights, targets)
    kernels = RowKernels(rows, weights, bounds, scale)
    systems = systems_left_out(kernels.nearness(), targets)
    tried = regressions(kernels.among(), systems, choose_strengths(rows, weights, bounds, scale, targets))
    ridges = {target.index: [best_of(target, of_kernel) for of_kernel in tried[target.index]] for target in targets}
    left_out = {index: np.stack([ridge.left_out for ridge in of_task]) for index, of_task in ridges.items()}
    strengths = {index: [[of_task[j].strength] for j in SCALED] for index, of_task in ridges.items()}
    for fold, of_others in enumerate(crossed_scales(rows, weights, targets, folds)):
        own, scaled = folds == fold, RowKernels(rows, weights, scale=of_others).among(SCALED)
        for index, of_kernels in regressions(scaled, systems, strengths).items():
            for j, (by_others,) in zip(SCALED, of_kernels, strict=True):
                left_out[index][j, own] = by_others.left_out[own]
    return BestRegressions(kernels, ridges, left_out)
