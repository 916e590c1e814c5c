"""Blend of responses with kernel ridge regressions on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np

from skmtl.encoders import dense
from skmtl.network import Network
from skmtl.postprocess._base import HeldOutRows, PostprocessorOfTasks
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._kernel_ridge import KERNELS, SCALED, STRENGTHS, Ridge, RowKernels
from skmtl.postprocess._kernel_scale import crossed_scales, learn_scale
from skmtl.postprocess._regressions import best_of, regressions, systems_of
from skmtl.postprocess._shares import (
    MIN_GAIN,
    TaskTargets,
    choose_shares,
    crossed_shares,
    read_targets,
    relative_gain,
)
from skmtl.tasks import Task

MAX_CUBES = 1e9  # of numbers of rows, summed over tasks that differ in their rows or weights: bounds the time


@dataclass(frozen=True)
class TaskBlend:
    """How the responses of a task are blended.

    Attributes
    ----------
    index : int
        Index of the task in the label matrix.
    task : Task
        The task.
    shares : ndarray of shape (1 + n_kernels,)
        Of the response and of the regressions; they sum to 1.
    duals : dict of int to ndarray of shape (n, n_columns)
        Coefficients of a kernel, by its position, times the share of the regression, if that is positive.
    intercept : ndarray of shape (n_columns,)
        Sum of the intercepts times the shares.
    """

    index: int
    task: Task
    shares: np.ndarray
    duals: dict[int, np.ndarray]
    intercept: np.ndarray

    @classmethod
    def of(cls, target: TaskTargets, shares: np.ndarray, ridges: Sequence[Ridge], n_rows: int) -> Self:
        """Blend by ``shares`` with regressions that predict a task."""
        duals, intercept = dict[int, np.ndarray](), np.zeros(target.truth.shape[1])
        for j in np.flatnonzero(shares[1:]).tolist():
            duals[j] = np.zeros((n_rows, len(intercept)))
            duals[j][target.seen] = shares[1 + j] * ridges[j].dual
            intercept += shares[1 + j] * ridges[j].intercept
        return cls(target.index, target.task, shares, duals, intercept)


class KernelBlend(PostprocessorOfTasks):
    """Blends responses with kernel ridge regressions, a linear one among them, that are fitted to the same rows.

    Regularised least squares in closed form learn what is linear in the inputs, or smooth, from few rows better than a
    network does. So a task is predicted by a weighted mean of the network and of five kernel ridge regressions on the
    encoded inputs: with two linear kernels, that of Gauss, and a narrow and a wide one of Laplace. One of the linear
    ones sees numbers as they were before they were clipped; in the last three inputs count by how much they matter to a
    regression. The penalty of each is that of the least leave-one-out error. The shares are those of the least squared
    error of held-out responses and leave-one-out predictions together, none of them negative (Breiman, 1996); the fewer
    labels a task has, the more the errors about all tasks decide. Each row is predicted in a scale of the inputs that
    was learned from the other folds. With each row its nearest neighbour is left out, too: where rows have near copies,
    as visits of one patient are, these would promise what nobody knows of a new patient. A task is left as it is where
    shares chosen on four fifths of the rows do not lower the squared error about the others.

    Attributes
    ----------
    n_inputs_ : int
        Number of encoded inputs that the kernels see: all but the bins of numbers, of which sums of many columns would
        be made less smoothly.
    kernels_ : RowKernels
        Between rows and the training rows, with the scale of the inputs.
    fold_scales_ : list of ndarray of shape (n_inputs_,)
        Scale of the inputs that all other folds have learned, in which the training rows of a fold are predicted.
    strengths_ : dict of int to list of float
        Penalties of the regressions of each task that was looked at, by its index.
    tasks_ : tuple of TaskBlend
        The tasks whose responses are blended.

    References
    ----------
    Breiman, L. (1996). Stacked regressions. Machine Learning 24, 49-64.
    """

    state_types = MappingProxyType({"kernels": RowKernels, "task": TaskBlend})

    n_inputs_: int
    kernels_: RowKernels
    fold_scales_: list[np.ndarray]
    strengths_: dict[int, list[float]]
    tasks_: tuple[TaskBlend, ...]

    def fit(self, network: Network, held_out: HeldOutRows) -> Self | None:
        """Fit the regressions and choose shares; see :meth:`Postprocessor.fit`."""
        known = held_out.known
        targets = read_targets(held_out, known)
        cubes = sum(float(len(system[0].seen)) ** 3 for system in systems_of(targets))
        if not targets or cubes > MAX_CUBES:
            return None
        encoder = network.architecture.encoder
        bounds = np.full(held_out.rows.shape[1], np.inf) if encoder is None else encoder.plain_bounds()
        self.n_inputs_ = len(bounds)
        rows = dense(held_out.rows[known][:, : self.n_inputs_], network.architecture.dtype)
        weights = held_out.weights[known].sum(axis=1)
        self.kernels_ = RowKernels(rows, weights, bounds, learn_scale(rows, weights, targets))
        self.fold_scales_ = crossed_scales(rows, weights, targets, held_out.units[known] % N_FOLDS)
        every = {target.index: [STRENGTHS] * len(KERNELS) for target in targets}
        nearness = self.kernels_.nearness()
        tried = regressions(self.kernels_.among(), nearness, targets, every)
        best = [[best_of(target, of_kernel) for of_kernel in tried[target.index]] for target in targets]
        self.strengths_ = {
            target.index: [ridge.strength for ridge in ridges] for target, ridges in zip(targets, best, strict=True)
        }
        self._cross(held_out, targets, best, nearness)
        products = _products(targets, best)
        found = zip(
            targets, best, products, choose_shares(targets, products), crossed_shares(targets, products), strict=True
        )
        self.tasks_ = tuple(
            TaskBlend.of(target, shares, ridges, len(rows))
            for target, ridges, own, shares, crossed in found
            if relative_gain(target, own, crossed) > MIN_GAIN and shares[0] < 1
        )
        return self if self.tasks_ else None

    def cross_fitted(self, held_out: HeldOutRows) -> list[np.ndarray]:
        """Blend held-out responses by shares chosen on other rows; see :meth:`Postprocessor.cross_fitted`."""
        known = held_out.known
        targets = read_targets(held_out, known)
        strengths = {index: [[strength] for strength in of_task] for index, of_task in self.strengths_.items()}
        nearness = self.kernels_.nearness()
        tried = regressions(self.kernels_.among(), nearness, targets, strengths)
        ridges = [[ridge for (ridge,) in tried[target.index]] for target in targets]
        self._cross(held_out, targets, ridges, nearness)
        crossed = crossed_shares(targets, _products(targets, ridges))
        folds = (held_out.units[known] % N_FOLDS).astype(int)
        kinds = {task.index: task.task.kind for task in self.tasks_}
        responses = list(held_out.responses)
        for target, own, by_fold in zip(targets, ridges, crossed, strict=True):
            if target.index in kinds:
                shares, before = by_fold[folds].T[..., None], responses[target.index][known]
                predicted = np.stack([before, *(ridge.left_out for ridge in own)])
                blended = responses[target.index] = np.full_like(responses[target.index], np.nan)
                blended[known] = kinds[target.index].shift(before, (shares * predicted).sum(axis=0) - before)
        return responses

    def _cross(
        self,
        held_out: HeldOutRows,
        targets: Sequence[TaskTargets],
        ridges: Sequence[Sequence[Ridge]],
        nearness: np.ndarray,
    ) -> None:
        """Let the regressions of each task predict a training row in the scale that other folds have learned."""
        known = held_out.known
        rows = dense(held_out.rows[known][:, : self.n_inputs_], self.kernels_.rows.dtype)
        weights, folds = held_out.weights[known].sum(axis=1), held_out.units[known] % N_FOLDS
        pairs = list(zip(targets, ridges, strict=True))
        strengths = {target.index: [[of_task[j].strength] for j in SCALED] for target, of_task in pairs}
        for fold, scale in enumerate(self.fold_scales_):
            kernels, own = RowKernels(rows, weights, scale=scale).among(SCALED), folds == fold
            crossed = regressions(kernels, nearness, targets, strengths)
            for target, of_task in pairs:
                for j, (by_others,) in zip(SCALED, crossed[target.index], strict=True):
                    of_task[j].left_out[own] = by_others.left_out[own]

    def __call__(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Blend the responses to new rows; see :meth:`Postprocessor.__call__`."""
        changes = {task.index: task.intercept - (1 - task.shares[0]) * responses[task.index] for task in self.tasks_}
        used = {j for task in self.tasks_ for j in task.duals}
        for j, kernel in self.kernels_.between(rows[:, : self.n_inputs_], used):
            for task in self.tasks_:
                if j in task.duals:
                    changes[task.index] += kernel @ task.duals[j]
        blended = list(responses)
        for task in self.tasks_:
            blended[task.index] = task.task.kind.shift(responses[task.index], changes[task.index])
        return blended


def _products(targets: Sequence[TaskTargets], ridges: Sequence[Sequence[Ridge]]) -> list[np.ndarray]:
    """Products of errors of each task, as :meth:`TaskTargets.products` gives them."""
    pairs = zip(targets, ridges, strict=True)
    return [target.products([ridge.left_out[target.seen] for ridge in own]) for target, own in pairs]
