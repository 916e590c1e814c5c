"""A mean of the held-out errors of rows alike, added to what the network says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from skmtl.correction._kernel import SelfTuningKernel
from skmtl.tasks import Task

WIDEST, N_WIDTHS = 1.6, 5  # each width is half of the one before, so that its kernel is a fourth power
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

    def squared_errors(self, rows: np.ndarray, change: np.ndarray | None) -> np.ndarray:
        """Weighted, of each of ``rows`` after a ``change`` of the response, both in units."""
        response = self.response[rows]
        if change is not None:
            response = self.task.kind.shift(response, self.unit * change)
        errors = np.square((self.truth[rows] - response) / self.unit).sum(axis=1)
        weighted: np.ndarray = self.weights[rows] * np.where(self.weights[rows] > 0, errors, 0.0)
        return weighted


@dataclass(frozen=True)
class LocalCorrection:
    """Corrects the responses to rows by the errors about rows alike.

    Attributes
    ----------
    kernel : SelfTuningKernel
        Likeness to the training rows.
    scale : ndarray of shape (n_inputs,)
        Factors of encoded rows before they are compared.
    tasks : tuple of (int, Task)
        The corrected tasks with their places in the label matrix.
    units : tuple of numpy.float64
        Size of the errors of each.
    errors : ndarray of shape (n, total number of columns)
        Held-out errors in units, task by task, times the weights of their labels.
    weights : ndarray of shape (n, number of corrected tasks)
        Weights of the labels.
    width : float
        Of the kernel, in units of local widths.
    prior : float
        How many rows just like this one the network's word is worth.
    """

    kernel: SelfTuningKernel
    scale: np.ndarray
    tasks: tuple[tuple[int, Task], ...]
    units: tuple[np.float64, ...]
    errors: np.ndarray
    weights: np.ndarray
    width: float
    prior: float

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
        changed = self._shift(rows * self.scale, [responses[place] for place, _ in self.tasks])
        for (place, _), response in zip(self.tasks, changed, strict=True):
            corrected[place] = response
        return corrected

    def leave_one_out(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Correct responses of the corrected tasks to the references, each by those that are no copies of it."""
        return self._shift(rows * self.scale, responses, self.kernel.groups)

    def _shift(
        self, scaled: np.ndarray, responses: Sequence[np.ndarray], own: np.ndarray | None = None
    ) -> list[np.ndarray]:
        sums, totals = _sums(self.kernel, scaled, own, self.errors, self.weights, [self.width])
        changes = _cut(sums[0], [response.shape[1] for response in responses])
        totals_and_prior = totals[0] + self.prior
        each = zip(self.tasks, self.units, responses, changes, totals_and_prior.T, strict=True)
        return [
            task.kind.shift(response, unit * (change / total[:, None]))
            for (_, task), unit, response, change, total in each
        ]


def fit_local_correction(
    rows: np.ndarray, groups: np.ndarray, scale: np.ndarray, evidence: Sequence[Evidence]
) -> tuple[LocalCorrection, list[np.ndarray]] | None:
    """Learn what to add to a network's responses from its errors about rows that it did not learn from.

    The correction of a response is sum_j k_j e_j / (sum_j k_j + prior), over training rows j with held-out errors e_j
    and likeness k_j: as by Quinlan (1993) a model's prediction is moved by what it gets wrong about neighbours, and as
    for a kernel smoother with a prior of 0 the more neighbours there are and the nearer, the more it is. The width of
    the kernel and the prior are those with the least leave-one-out squared error, relative to that without a
    correction, in the mean over the tasks. A task that would not gain by them is left alone, and counts as 1 there.

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
        In place of both, if with no width and prior a task gains more than luck would: 1.5 standard errors.

    References
    ----------
    Quinlan, J. R. (1993). Combining instance-based and model-based learning. ICML, 236-243.
    """
    scaled = rows * scale
    kernel = SelfTuningKernel(scaled, groups)
    found = _choose(kernel, scaled, evidence)
    if found is None:
        return None
    width, prior, gaining = found
    corrected = [known for known, gains in zip(evidence, gaining, strict=True) if gains]
    tasks = tuple((known.place, known.task) for known in corrected)
    units = tuple(known.unit for known in corrected)
    correction = LocalCorrection(kernel, scale, tasks, units, *_joined(corrected, scaled.dtype), width, prior)
    return correction, correction.leave_one_out(rows, [known.response for known in corrected])


def _joined(evidence: Sequence[Evidence], dtype: npt.DTypeLike) -> tuple[np.ndarray, np.ndarray]:
    """Weighted errors in units, ``(n, total number of columns)``, and weights, ``(n, n_tasks)``, of all tasks."""
    weights = np.stack([known.relative_weights for known in evidence], axis=1)
    errors = [w[:, None] * (known.errors / known.unit) for known, w in zip(evidence, weights.T, strict=True)]
    return np.concatenate(errors, axis=1).astype(dtype), weights.astype(dtype)


def _choose(
    kernel: SelfTuningKernel, scaled: np.ndarray, evidence: Sequence[Evidence]
) -> tuple[float, float, np.ndarray] | None:
    """Width, prior and which tasks gain by them, beyond luck; None if none do."""
    errors, weights = _joined(evidence, scaled.dtype)
    n_rows, columns = len(scaled), [known.response.shape[1] for known in evidence]
    most = min(JUDGING_ROWS, max(JUDGING_CELLS // errors.shape[1], 1))
    judging = np.sort(np.random.default_rng(0).permutation(n_rows)[:most])  # the order of the rows may mean something
    widths = [WIDEST * 0.5**k for k in range(N_WIDTHS)]
    sums, totals = _sums(kernel, scaled[judging], kernel.groups[judging], errors, weights, widths)
    before = np.stack([known.squared_errors(judging, None) for known in evidence])  # (task, row)
    total_before = before.sum(axis=1)
    copies = np.unique(kernel.groups[judging], return_inverse=True)[1]
    best, least = None, LEAST_GAIN
    for width, of_width, total in zip(widths, sums, totals, strict=True):
        changes = _cut(of_width, columns)
        for prior in PRIORS:
            after = np.stack(
                [
                    known.squared_errors(judging, change / (own[:, None] + prior))
                    for known, change, own in zip(evidence, changes, total.T, strict=True)
                ]
            )
            gains, luck = _gains(before - after, copies)
            gaining = gains > SURE * luck
            gain = float((gains[gaining] / total_before[gaining]).sum()) / len(evidence)
            if gain >= least:
                best, least = (width, prior, gaining), gain
    return best


def _gains(gains: np.ndarray, copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum over the rows ``(task, row)`` and its standard error; a row and its copies are one observation."""
    of_rows = np.stack([np.bincount(copies, weights=own) for own in gains])
    return of_rows.sum(axis=1), np.sqrt(of_rows.shape[1]) * of_rows.std(axis=1)


def _sums(
    kernel: SelfTuningKernel,
    rows: np.ndarray,
    own: np.ndarray | None,
    errors: np.ndarray,
    weights: np.ndarray,
    widths: Sequence[float],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sums over the references of likeness times errors and times weights, for widths that halve one another."""
    both = torch.from_numpy(np.concatenate([errors, weights], axis=1))
    sums = [np.empty((len(rows), both.shape[1]), dtype=rows.dtype) for _ in widths]
    for block, distances in kernel.relative_distances(rows, own):
        likeness = distances.mul_(-0.5 / widths[0] ** 2).clamp_(min=NEGLIGIBLE).exp_()
        for k, of_width in enumerate(sums):
            of_width[block] = (likeness.square_().square_() if k else likeness) @ both
    n_columns = errors.shape[1]
    return [both[:, :n_columns] for both in sums], [both[:, n_columns:] for both in sums]


def _cut(array: np.ndarray, columns: Sequence[int]) -> list[np.ndarray]:
    edges = np.concatenate([[0], np.cumsum(columns)]).tolist()
    return [array[:, first:last] for first, last in pairwise(edges)]
