"""A mean of the held-out errors of rows alike, added to what the network says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

from skmtl.correction._kernel import SelfTuningKernel
from skmtl.tasks import Task

WIDTHS = (1.6, 0.8, 0.4, 0.2, 0.1)  # each is half of the one before, so that its kernel is a fourth power
PRIORS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
LEAST_GAIN = 1e-3  # of the squared error; for less, predictions are not to take longer
SURE = 1.5  # standard errors that a gain must exceed not to be luck
NEGLIGIBLE = -80.0  # logarithm of a likeness: smaller ones would be subnormal numbers, which take long
JUDGING_ROWS, JUDGING_CELLS = 4096, 1 << 20  # by which width and prior are chosen


@dataclass(frozen=True)
class Evidence:
    """What is known of a task's training rows.

    Attributes
    ----------
    place : int
        Place of the task in the label matrix.
    task : Task
        The task.
    truth : ndarray of shape (n, n_classes or 1)
        Response that would have been right; anything where no label is.
    response : ndarray of shape (n, n_classes or 1)
        Of members that held the row out.
    weights : ndarray of shape (n,)
        Of the labels, 0 where none is; their scale does not matter.
    """

    place: int
    task: Task
    truth: np.ndarray
    response: np.ndarray
    weights: np.ndarray

    @property
    def relative_weights(self) -> np.ndarray:
        """Weights whose mean over the labels is 1."""
        total = self.weights.sum()
        return self.weights * (np.count_nonzero(self.weights) / total) if total > 0 else self.weights

    @property
    def errors(self) -> np.ndarray:
        """What the response lacks, 0 where no label is."""
        errors: np.ndarray = np.where(self.weights[:, None] > 0, self.truth - self.response, 0.0)
        return errors

    @cached_property
    def unit(self) -> np.float64:
        """Size of the errors, in which their squares are neither too large nor too small for a float."""
        return np.float64(np.abs(self.errors).max() or 1.0)

    @property
    def moments(self) -> np.ndarray:
        """Relative weights times the errors in units and, in the last column, alone, ``(n, n_columns + 1)``."""
        weights = self.relative_weights[:, None]
        return np.concatenate([weights * (self.errors / self.unit), weights], axis=1)

    def squared_errors(self, rows: np.ndarray, change: np.ndarray | None) -> np.ndarray:
        """Weighted, of each of ``rows`` after a ``change`` of the response, both in units."""
        response = self.response[rows]
        if change is not None:
            response = self.task.kind.shift(response, self.unit * change)
        errors = np.square((self.truth[rows] - response) / self.unit).sum(axis=1)
        weighted: np.ndarray = self.weights[rows] * np.where(self.weights[rows] > 0, errors, 0.0)
        return weighted


@dataclass(frozen=True)
class TaskCorrection:
    """What a task's responses are corrected by.

    Attributes
    ----------
    place : int
        Place of the task in the label matrix.
    task : Task
        The task.
    unit : numpy.float64
        Size of the errors.
    moments : ndarray of shape (n, n_columns + 1)
        Held-out errors in units times the weights of their labels, and these weights.
    width : float
        Of the kernel, in units of local widths.
    prior : float
        How many rows just like this one the network's word is worth.
    """

    place: int
    task: Task
    unit: np.float64
    moments: np.ndarray
    width: float
    prior: float

    def shift(self, response: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """Correct a response ``(m, n_columns)`` by the sums of the moments of rows alike."""
        return self.task.kind.shift(response, self.unit * _change(sums, self.prior))


@dataclass(frozen=True)
class LocalCorrection:
    """Corrects the responses to rows by the errors about rows alike.

    Attributes
    ----------
    kernel : SelfTuningKernel
        Likeness to the training rows.
    scale : ndarray of shape (n_inputs,)
        Factors of encoded rows before they are compared.
    tasks : tuple of TaskCorrection
        Of the corrected tasks.
    """

    kernel: SelfTuningKernel
    scale: np.ndarray
    tasks: tuple[TaskCorrection, ...]

    def __call__(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Correct responses.

        Parameters
        ----------
        rows : ndarray of shape (m, n_inputs)
            Encoded.
        responses : sequence of ndarray of shape (m, n_classes or 1)
            Of all tasks, in the order of the label matrix.

        Returns
        -------
        list of ndarray
            Arrays of their own where they are corrected.
        """
        corrected = list(responses)
        changed = self._shift(rows * self.scale, [responses[task.place] for task in self.tasks])
        for task, response in zip(self.tasks, changed, strict=True):
            corrected[task.place] = response
        return corrected

    def leave_one_out(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Correct responses of the corrected tasks to the references, each by those that are no copies of it."""
        return self._shift(rows * self.scale, responses, self.kernel.groups)

    def _shift(
        self, scaled: np.ndarray, responses: Sequence[np.ndarray], own: np.ndarray | None = None
    ) -> list[np.ndarray]:
        asked = [[task.moments for task in self.tasks if task.width == width] for width in WIDTHS]
        sums = dict(zip(WIDTHS, map(iter, _sums(self.kernel, scaled, own, asked)), strict=True))
        pairs = zip(self.tasks, responses, strict=True)
        return [task.shift(response, next(sums[task.width])) for task, response in pairs]


def fit_local_correction(
    rows: np.ndarray, groups: np.ndarray, scale: np.ndarray, evidence: Sequence[Evidence]
) -> tuple[LocalCorrection, list[np.ndarray]] | None:
    """Learn what to add to a network's responses from its errors about rows that it did not learn from.

    The correction of a response is sum_j k_j e_j / (sum_j k_j + prior), over training rows j with held-out errors e_j
    and likeness k_j: as by Quinlan (1993) a model's prediction is moved by what it gets wrong about neighbours, and as
    for a kernel smoother with a prior of 0 the more neighbours there are and the nearer, the more it is. The width of
    the kernel and the prior are those with the least leave-one-out squared error, for each task its own. A task that
    would gain no more by them than luck would, 1.5 standard errors, is left alone.

    Parameters
    ----------
    rows : ndarray of shape (n, n_inputs)
        Encoded training rows.
    groups : ndarray of int of shape (n,)
        Equal for rows that are copies of one another, labels included; they are left out together.
    scale : ndarray of shape (n_inputs,)
        Factors of the inputs in distances.
    evidence : sequence of Evidence
        Of the tasks that may be corrected.

    Returns
    -------
    LocalCorrection
        Fitted.
    list of ndarray of shape (n, n_classes or 1)
        The held-out responses of the corrected tasks, each corrected by the other rows.
    None
        In place of both, if no task gains.

    References
    ----------
    Quinlan, J. R. (1993). Combining instance-based and model-based learning. ICML, 236-243.
    """
    scaled = rows * scale
    kernel = SelfTuningKernel(scaled, groups)
    moments = [known.moments.astype(scaled.dtype) for known in evidence]
    chosen = zip(evidence, moments, _choose(kernel, scaled, evidence, moments), strict=True)
    gaining = [(known, own, best) for known, own, best in chosen if best is not None]
    if not gaining:
        return None
    tasks = [TaskCorrection(known.place, known.task, known.unit, own, *best) for known, own, best in gaining]
    correction = LocalCorrection(kernel, scale, tuple(tasks))
    return correction, correction.leave_one_out(rows, [known.response for known, _, _ in gaining])


def _choose(
    kernel: SelfTuningKernel, scaled: np.ndarray, evidence: Sequence[Evidence], moments: Sequence[np.ndarray]
) -> list[tuple[float, float] | None]:
    """Width and prior by which each task gains most; None if no more than luck would."""
    most = min(JUDGING_ROWS, max(JUDGING_CELLS // sum(own.shape[1] - 1 for own in moments), 1))
    judging = np.sort(np.random.default_rng(0).permutation(len(scaled))[:most])  # the order of rows may mean something
    sums = _sums(kernel, scaled[judging], kernel.groups[judging], [moments] * len(WIDTHS))
    copies = np.unique(kernel.groups[judging], return_inverse=True)[1]
    return [_best(known, judging, copies, own) for known, own in zip(evidence, zip(*sums, strict=True), strict=True)]


def _best(
    known: Evidence, judging: np.ndarray, copies: np.ndarray, sums: Sequence[np.ndarray]
) -> tuple[float, float] | None:
    """Width and prior of a task, by the sums under each width."""
    before = known.squared_errors(judging, None)
    best, most = None, LEAST_GAIN * float(before.sum())
    for width, of_width in zip(WIDTHS, sums, strict=True):
        for prior in PRIORS:
            gain, luck = _gain(before - known.squared_errors(judging, _change(of_width, prior)), copies)
            if gain >= most and gain > SURE * luck:
                best, most = (width, prior), gain
    return best


def _gain(of_cells: np.ndarray, copies: np.ndarray) -> tuple[float, float]:
    """Sum over the rows and its standard error; a row and its copies are one observation."""
    of_rows = np.bincount(copies, weights=of_cells)
    return float(of_rows.sum()), float(np.sqrt(len(of_rows)) * of_rows.std())


def _change(sums: np.ndarray, prior: float) -> np.ndarray:
    """Mean error of rows alike in units, from the sums of errors and, in the last column, of weights."""
    change: np.ndarray = sums[:, :-1] / (sums[:, -1:] + prior)
    return change


def _sums(
    kernel: SelfTuningKernel, rows: np.ndarray, own: np.ndarray | None, asked: Sequence[Sequence[np.ndarray]]
) -> list[list[np.ndarray]]:
    """Sums over the references of likeness times moments, under each of the ``WIDTHS`` of those asked for."""
    joined = [torch.from_numpy(np.concatenate(moments, axis=1)) if moments else None for moments in asked]
    sums = [np.empty((len(rows), 0 if both is None else both.shape[1]), dtype=rows.dtype) for both in joined]
    used = [k for k, moments in enumerate(asked) if moments]
    for block, distances in kernel.relative_distances(rows, own):
        likeness = distances.mul_(-0.5 / WIDTHS[used[0]] ** 2).clamp_(min=NEGLIGIBLE).exp_()
        for k in range(used[0], used[-1] + 1):
            likeness = likeness if k == used[0] else likeness.square_().square_()
            both = joined[k]
            if both is not None:
                sums[k][block] = likeness @ both
    return [_cut(of_width, [own.shape[1] for own in moments]) for of_width, moments in zip(sums, asked, strict=True)]


def _cut(array: np.ndarray, columns: Sequence[int]) -> list[np.ndarray]:
    edges = np.concatenate([[0], np.cumsum(columns, dtype=int)]).tolist()
    return [array[:, first:last] for first, last in pairwise(edges)]
