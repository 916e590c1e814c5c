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
from skmtl.postprocess._best_regressions import BestRegressions, best_regressions
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._kernel_ridge import Ridge, RowKernels
from skmtl.postprocess._regressions import systems_of
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
    regression. The penalty of each is that of the least leave-one-out error, of many rows among some. The shares are
    those of the least squared error of held-out responses and leave-one-out predictions together, none of them negative
    (Breiman, 1996); the fewer labels a task has, the more the errors about all tasks decide. Each row is predicted in a
    scale of the inputs that was learned from the other folds. With each row its nearest neighbour is left out, too:
    where rows have near copies, as visits of one patient are, these would promise what nobody knows of a new patient. A
    task is left as it is where shares chosen on four fifths of the rows do not lower the squared error about the
    others.

    Attributes
    ----------
    n_inputs_ : int
        Number of encoded inputs that the kernels see: all but the bins of numbers, of which sums of many columns would
        be made less smoothly.
    kernels_ : RowKernels
        Between rows and the training rows, with the scale of the inputs.
    left_out_ : dict of int to ndarray of shape (n_kernels, n, n_columns)
        What the regressions of each task that was looked at, by its index, say of each training row without it.
    tasks_ : tuple of TaskBlend
        The tasks whose responses are blended.

    References
    ----------
    Breiman, L. (1996). Stacked regressions. Machine Learning 24, 49-64.
    """

    state_types = MappingProxyType({"kernels": RowKernels, "task": TaskBlend})

    n_inputs_: int
    kernels_: RowKernels
    left_out_: dict[int, np.ndarray]
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

        def regress() -> BestRegressions:
            rows = dense(held_out.rows[known][:, : self.n_inputs_], network.architecture.dtype)
            weights, folds = held_out.weights[known].sum(axis=1), held_out.units[known] % N_FOLDS
            return best_regressions(rows, weights, bounds, folds, targets)

        name = "kernels", self.n_inputs_, network.architecture.dtype
        self.kernels_, ridges, self.left_out_ = held_out.once(name, regress)
        products = self._products(targets)
        found = zip(targets, products, choose_shares(targets, products), crossed_shares(targets, products), strict=True)
        self.tasks_ = tuple(
            TaskBlend.of(target, shares, ridges[target.index], len(known))
            for target, own, shares, crossed in found
            if relative_gain(target, own, crossed) > MIN_GAIN and shares[0] < 1
        )
        return self if self.tasks_ else None

    def cross_fitted(self, held_out: HeldOutRows) -> list[np.ndarray]:
        """Blend held-out responses by shares chosen on other rows; see :meth:`Postprocessor.cross_fitted`."""
        known = held_out.known
        targets = read_targets(held_out, known)
        crossed = zip(targets, crossed_shares(targets, self._products(targets)), strict=True)
        of_folds = {target.index: shares for target, shares in crossed}
        folds, responses = (held_out.units[known] % N_FOLDS).astype(int), list(held_out.responses)
        for task in self.tasks_:
            shares, before = of_folds[task.index][folds].T[..., None], responses[task.index][known]
            predicted = np.concatenate([before[None], self.left_out_[task.index]])
            blended = responses[task.index] = np.full_like(responses[task.index], np.nan)
            blended[known] = task.task.kind.shift(before, (shares * predicted).sum(axis=0) - before)
        return responses

    def _products(self, targets: Sequence[TaskTargets]) -> list[np.ndarray]:
        """Products of errors of each task, as :meth:`TaskTargets.products` gives them."""
        return [target.products(self.left_out_[target.index][:, target.seen]) for target in targets]

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
