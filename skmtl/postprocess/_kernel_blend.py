"""Blend of responses with kernel ridge regressions on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np

from skmtl.encoders import dense
from skmtl.network import Network
from skmtl.postprocess._base import HeldOutRows
from skmtl.postprocess._best_regressions import BestRegressions, best_regressions
from skmtl.postprocess._blend import Blend, input_bounds
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._kernel_ridge import Ridge, RowKernels
from skmtl.postprocess._regressions import systems_of
from skmtl.postprocess._shares import TaskTargets, read_targets
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


class KernelBlend(Blend):
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
    tasks_ : tuple of TaskBlend
        The tasks whose responses are blended.

    References
    ----------
    Breiman, L. (1996). Stacked regressions. Machine Learning 24, 49-64.
    """

    state_types = MappingProxyType({"kernels": RowKernels, "task": TaskBlend})

    kernels_: RowKernels
    tasks_: tuple[TaskBlend, ...]

    def fit(self, network: Network, held_out: HeldOutRows) -> Self | None:
        """Fit the regressions and choose shares; see :meth:`Postprocessor.fit`."""
        known = held_out.known
        targets = read_targets(held_out, known)
        cubes = sum(float(len(system[0].seen)) ** 3 for system in systems_of(targets))
        if not targets or cubes > MAX_CUBES:
            return None
        bounds = input_bounds(network, held_out)
        self.n_inputs_ = len(bounds)
        self.kernels_, ridges, left_out = _regressions(held_out, targets, bounds, network.architecture.dtype)
        self.tasks_ = tuple(
            TaskBlend.of(target, shares, ridges[target.index], len(known))
            for target, shares in self.gaining(targets, left_out)
        )
        return self if self.tasks_ else None

    def left_out(self, held_out: HeldOutRows, targets: Sequence[TaskTargets]) -> Mapping[int, np.ndarray]:
        """What the regressions say of each row without it; see :meth:`Blend.left_out`."""
        return _regressions(held_out, targets, self.kernels_.bounds, self.kernels_.rows.dtype.name).left_out

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


def _regressions(
    held_out: HeldOutRows, targets: Sequence[TaskTargets], bounds: np.ndarray, dtype: str
) -> BestRegressions:
    """The regressions, which other fits to the same rows may have made."""

    def regress() -> BestRegressions:
        known = held_out.known
        rows = dense(held_out.rows[known][:, : len(bounds)], dtype)
        weights, folds = held_out.weights[known].sum(axis=1), held_out.units[known] % N_FOLDS
        return best_regressions(rows, weights, bounds, folds, targets)

    return held_out.once(("kernels", len(bounds), dtype), regress)
