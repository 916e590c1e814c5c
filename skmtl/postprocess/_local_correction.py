"""Local correction: a kernel-weighted mean of held-out residuals, added to the responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

import numpy as np
import torch

from skmtl.encoders import dense
from skmtl.network import Network
from skmtl.postprocess._base import HeldOutRows, PostprocessorOfTasks
from skmtl.postprocess._kernel import SelfTuningKernel, relevance
from skmtl.tasks import Task


@dataclass(frozen=True)
class Residuals:
    """Ideal minus held-out responses of a task.

    Attributes
    ----------
    index : int
        Index of the task in the label matrix.
    task : Task
        The task.
    truth : ndarray of shape (n, n_classes or 1)
        Ideal response; anything where no label is.
    response : ndarray of shape (n, n_classes or 1)
        Of members that held the row out.
    weights : ndarray of shape (n,)
        Of the labels, 0 where none is; their scale does not matter.
    unit : numpy.float64
        Largest residual: in this unit squares are neither too large nor too small for a float.
    moments : ndarray of shape (n, n_columns + 1)
        Relative weights times the residuals in units and, in the last column, alone.
    """

    index: int
    task: Task
    truth: np.ndarray
    response: np.ndarray
    weights: np.ndarray

    unit: np.float64 = field(init=False)
    moments: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        seen = self.weights[:, None] > 0
        values = np.where(seen, self.truth - self.response, 0.0)
        unit = np.float64(np.abs(values).max() or 1.0)
        relative = self.weights[:, None] * (np.count_nonzero(seen) / (self.weights.sum() or 1.0))  # of mean 1
        vars(self).update(unit=unit, moments=np.concatenate([relative * (values / unit), relative], axis=1))

    def squared_errors(self, rows: np.ndarray, change: np.ndarray | None) -> np.ndarray:
        """Weighted, of each of ``rows`` after a ``change`` of the response, both in units."""
        response = self.response[rows]
        if change is not None:
            response = self.task.kind.shift(response, self.unit * change)
        errors = np.square((self.truth[rows] - response) / self.unit).sum(axis=1)
        weighted: np.ndarray = self.weights[rows] * np.where(self.weights[rows] > 0, errors, 0.0)
        return weighted


def read_residuals(held_out: HeldOutRows, known: np.ndarray) -> list[Residuals]:
    """Residuals about the rows ``known``, of the tasks whose ideal response is defined."""
    found = []
    for index, (task, labels, response) in enumerate(
        zip(held_out.tasks, held_out.labels, held_out.responses, strict=True)
    ):
        weights = held_out.weights[known, index]
        labelled = known[weights > 0]
        ideal = task.kind.ideal_response(task, labels[labelled])
        if ideal is not None:
            truth = np.zeros_like(response)
            truth[labelled] = ideal
            found.append(Residuals(index, task, truth[known], response[known], weights))
    return found


WIDTHS = (1.6, 0.8, 0.4, 0.2, 0.1)  # each is half of the one before, so that its kernel is a fourth power
PRIORS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
MIN_ROWS = 8  # distinct ones
MIN_ROWS_PER_INPUT = 2  # with fewer the gradients reflect memorised rows, so all inputs count alike
MIN_GAIN = 1e-3  # of the squared error; less is not worth slower predictions
MIN_GAIN_SE = 1.5  # standard errors of the gain
MIN_LOG_WEIGHT = -80.0  # of the kernel: smaller weights would be subnormal numbers, which are slow
MAX_VALIDATION_ROWS, MAX_VALIDATION_CELLS = 4096, 1 << 20  # by which width and prior are chosen


@dataclass(frozen=True)
class TaskCorrection:
    """How the responses of a task are corrected.

    Attributes
    ----------
    index : int
        Index of the task in the label matrix.
    task : Task
        The task.
    unit : numpy.float64
        Unit of the residuals.
    moments : ndarray of shape (n, n_columns + 1)
        Held-out residuals in units times the weights of their labels, and these weights.
    width : float
        Of the kernel, in units of local widths.
    prior : float
        Prior strength: number of pseudo-rows with residual 0.
    """

    index: int
    task: Task
    unit: np.float64
    moments: np.ndarray
    width: float
    prior: float


class LocalCorrection(PostprocessorOfTasks):
    """Adds a kernel-weighted mean of the held-out residuals of similar training rows to the responses.

    The correction of a response is sum_j k_j e_j / (sum_j k_j + prior), over training rows j with held-out residuals
    e_j and kernel weights k_j. As by Quinlan (1993) a model's prediction is corrected by its errors about neighbours;
    the prior shrinks the correction where neighbours are few or far. Width of the kernel and prior of each task are
    those with the least leave-one-out squared error. A task whose gain is within 1.5 standard errors is not corrected.

    Attributes
    ----------
    kernel_ : SelfTuningKernel
        Over the training rows.
    scale_ : ndarray of shape (n_inputs,)
        Factors of encoded rows in distances.
    tasks_ : tuple of TaskCorrection
        Of the corrected tasks.

    References
    ----------
    Quinlan, J. R. (1993). Combining instance-based and model-based learning. ICML, 236-243.
    """

    state_types = MappingProxyType({"kernel": SelfTuningKernel, "task": TaskCorrection})

    kernel_: SelfTuningKernel
    scale_: np.ndarray
    tasks_: tuple[TaskCorrection, ...]

    def fit(self, network: Network, held_out: HeldOutRows) -> Self | None:
        """Choose width and prior of each task; see :meth:`Postprocessor.fit`."""
        known = held_out.known
        residuals = read_residuals(held_out, known)
        distinct, groups = np.unique(held_out.units[known], return_inverse=True)
        if not residuals or len(distinct) < MIN_ROWS:
            return None
        rows = dense(held_out.rows[known], network.architecture.dtype)
        reliable = len(rows) >= MIN_ROWS_PER_INPUT * rows.shape[1]
        scale = relevance(network, rows, held_out.learned) if reliable else np.ones(rows.shape[1])
        return self.fit_residuals(rows, groups, scale.astype(rows.dtype), residuals)

    def fit_residuals(
        self, rows: np.ndarray, groups: np.ndarray, scale: np.ndarray, residuals: Sequence[Residuals]
    ) -> Self | None:
        """Fit on residuals about ``rows``, whose inputs count by ``scale``; rows of a group are left out together."""
        scaled = rows * scale
        kernel = SelfTuningKernel(scaled, groups)
        moments = [of_task.moments.astype(scaled.dtype) for of_task in residuals]
        chosen = zip(residuals, moments, _choose(kernel, scaled, residuals, moments), strict=True)
        tasks = [TaskCorrection(r.index, r.task, r.unit, sums, *best) for r, sums, best in chosen if best is not None]
        self.kernel_, self.scale_, self.tasks_ = kernel, scale, tuple(tasks)
        return self if tasks else None

    def cross_fitted(self, held_out: HeldOutRows) -> list[np.ndarray]:
        """Correct each held-out response by the other rows; see :meth:`Postprocessor.cross_fitted`."""
        known = held_out.known
        rows = dense(held_out.rows[known], str(self.scale_.dtype))
        corrected = self(rows, [response[known] for response in held_out.responses], self.kernel_.groups)
        responses = list(held_out.responses)
        for task in self.tasks_:
            responses[task.index] = np.full_like(responses[task.index], np.nan)
            responses[task.index][known] = corrected[task.index]
        return responses

    def __call__(
        self, rows: np.ndarray, responses: Sequence[np.ndarray], groups: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """Correct responses, without the residuals of each row's group; see :meth:`Postprocessor.__call__`."""
        corrected = list(responses)
        moments = [[task.moments for task in self.tasks_ if task.width == width] for width in WIDTHS]
        sums = dict(
            zip(WIDTHS, map(iter, _kernel_sums(self.kernel_, rows * self.scale_, groups, moments)), strict=True)
        )
        for task in self.tasks_:
            change = task.unit * _mean_residual(next(sums[task.width]), task.prior)
            corrected[task.index] = task.task.kind.shift(responses[task.index], change)
        return corrected


def _choose(
    kernel: SelfTuningKernel, scaled: np.ndarray, residuals: Sequence[Residuals], moments: Sequence[np.ndarray]
) -> list[tuple[float, float] | None]:
    """Width and prior by which each task gains most; None if the gain is not significant."""
    cells_per_row = sum(of_task.shape[1] - 1 for of_task in moments)
    n_rows = min(MAX_VALIDATION_ROWS, max(MAX_VALIDATION_CELLS // cells_per_row, 1))
    chosen = np.sort(np.random.default_rng(0).permutation(len(scaled))[:n_rows])  # rows may be sorted
    sums = _kernel_sums(kernel, scaled[chosen], kernel.groups[chosen], [moments] * len(WIDTHS))
    copies = np.unique(kernel.groups[chosen], return_inverse=True)[1]
    by_task = zip(residuals, zip(*sums, strict=True), strict=True)
    return [_best(of_task, chosen, copies, by_width) for of_task, by_width in by_task]


def _best(
    residuals: Residuals, rows: np.ndarray, copies: np.ndarray, sums: Sequence[np.ndarray]
) -> tuple[float, float] | None:
    """Width and prior of a task, by the sums under each width."""
    before = residuals.squared_errors(rows, None)
    best, best_gain = None, MIN_GAIN * float(before.sum())
    for width, of_width in zip(WIDTHS, sums, strict=True):
        for prior in PRIORS:
            after = residuals.squared_errors(rows, _mean_residual(of_width, prior))
            of_rows = np.bincount(copies, weights=before - after)  # a row and its copies are one observation
            gain, standard_error = float(of_rows.sum()), float(np.sqrt(len(of_rows)) * of_rows.std())
            if gain >= best_gain and gain > MIN_GAIN_SE * standard_error:
                best, best_gain = (width, prior), gain
    return best


def _mean_residual(sums: np.ndarray, prior: float) -> np.ndarray:
    """Shrunken mean residual in units, from kernel-weighted sums of residuals and, in the last column, of weights."""
    mean: np.ndarray = sums[:, :-1] / (sums[:, -1:] + prior)
    return mean


def _kernel_sums(
    kernel: SelfTuningKernel,
    rows: np.ndarray,
    groups: np.ndarray | None,
    moments: Sequence[Sequence[np.ndarray]],
) -> list[list[np.ndarray]]:
    """Kernel-weighted sums over the training rows of the moments given for each of the ``WIDTHS``."""
    joined = [torch.from_numpy(np.concatenate(of_width, axis=1)) if of_width else None for of_width in moments]
    sums = [np.empty((len(rows), 0 if both is None else both.shape[1]), dtype=rows.dtype) for both in joined]
    used = [k for k, of_width in enumerate(moments) if of_width]
    for block, distances in kernel.relative_distances(rows, groups):
        weights = distances.mul_(-0.5 / WIDTHS[used[0]] ** 2).clamp_(min=MIN_LOG_WEIGHT).exp_()
        for k in range(used[0], used[-1] + 1):
            weights = weights if k == used[0] else weights.square_().square_()
            both = joined[k]
            if both is not None:
                sums[k][block] = weights @ both
    split = zip(sums, moments, strict=True)
    return [np.split(of_width, np.cumsum([own.shape[1] for own in asked])[:-1], axis=1) for of_width, asked in split]
