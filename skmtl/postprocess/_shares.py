"""Shares of several predictions of the same rows in a weighted mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.optimize import nnls

from skmtl.defaults import MIN_UNITS
from skmtl.postprocess._base import HeldOutRows
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.tasks import Task

MIN_GAIN = 1e-3  # of the squared error; less is not worth slower predictions
N_PRIOR = 100  # observations of the mean task that count beside a task's own
SUM_WEIGHT = 100.0  # of the equation that shares sum to 1


@dataclass(frozen=True)
class TaskTargets:
    """What the responses of a task should be.

    Attributes
    ----------
    index : int
        Index of the task in the label matrix.
    task : Task
        The task.
    seen : ndarray of shape (n_seen,), int
        Positions of its labelled rows, among those that a member held out.
    truth, response : ndarray of shape (n_seen, n_classes or 1)
        Ideal response, and that of the members that held the row out.
    weights : ndarray of shape (n_seen,)
        Of the labels, of sum 1.
    units : ndarray of shape (n_seen,), int
        Equal for rows that tell of one another, which are one observation.
    n_units : int
        Number of observations.
    unit : float
        Of errors, whose squares are then neither too large nor too small for a float.
    """

    index: int
    task: Task
    seen: np.ndarray
    truth: np.ndarray
    response: np.ndarray
    weights: np.ndarray
    units: np.ndarray
    n_units: int
    unit: float

    def squared_errors(self, predicted: np.ndarray) -> np.ndarray:
        """Squared errors ``(n_seen,)``, in units, of predictions ``(n_seen, n_columns)``; their sum is a mean."""
        errors: np.ndarray = self.weights * np.square((predicted - self.truth) / self.unit).sum(axis=1)
        return errors

    def among(self, kept: np.ndarray) -> Self:
        """Targets of the rows that a mask ``(n,)`` keeps, by their positions among these."""
        own = kept[self.seen]
        weights, units = self.weights[own], self.units[own]
        return replace(
            self,
            seen=np.cumsum(kept)[self.seen[own]] - 1,
            truth=self.truth[own],
            response=self.response[own],
            weights=weights / weights.sum(),
            units=units,
            n_units=len(np.unique(units)),
        )

    @property
    def variance(self) -> float:
        """Weighted variance of the ideal responses, in units, of all columns together; 1 where it is 0."""
        mean = np.broadcast_to(self.weights @ self.truth, self.truth.shape)
        return float(self.squared_errors(mean).sum()) or 1.0

    def products(self, others: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Weighted products ``(n_seen, source, source)`` of the errors of the response and of other predictions."""
        errors = (np.stack([self.response, *others]) - self.truth) / self.unit
        products: np.ndarray = np.einsum("n,inc,jnc->nij", self.weights, errors, errors)
        return products


def read_targets(held_out: HeldOutRows, known: np.ndarray) -> list[TaskTargets]:
    """Targets of the rows ``known``, of tasks whose ideal response is defined and that have enough labels to tell."""
    found = []
    cells = zip(held_out.tasks, held_out.labels, held_out.responses, strict=True)
    for index, (task, labels, response) in enumerate(cells):
        weights = held_out.weights[known, index]
        seen = np.flatnonzero(weights > 0)
        rows = known[seen]
        units, n_units = held_out.units[rows], len(np.unique(held_out.units[rows]))
        ideal = task.kind.ideal_response(task, labels[rows]) if n_units >= MIN_UNITS else None
        if ideal is not None and (ideal != ideal[0]).any():  # equal labels say nothing about other tasks
            shares = weights[seen] / weights.sum()
            largest = float(np.abs(ideal - response[rows]).max()) or 1.0
            # In units of other responses, which are powers of two as well, all that labels teach has the same bits
            unit = 2.0 ** math.floor(math.log2(largest))
            found.append(TaskTargets(index, task, seen, ideal, response[rows], shares, units, n_units, unit))
    return found


def choose_shares(targets: Sequence[TaskTargets], products: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Shares of the sources, ``(source,)`` of each task, by which the squared error is least.

    None is negative, and they sum to 1. Where a task has few labels, the errors of all tasks have their say.

    Parameters
    ----------
    targets : sequence of TaskTargets
        One or more tasks.
    products : sequence of ndarray of shape (n_seen, source, source)
        Of the errors of each.
    """
    grams = [_normalised(of_task.sum(axis=0)) for of_task in products]
    mean = np.mean(grams, axis=0)
    return [
        _least_error((of_task.n_units * gram + N_PRIOR * mean) / (of_task.n_units + N_PRIOR))
        for of_task, gram in zip(targets, grams, strict=True)
    ]


def crossed_shares(targets: Sequence[TaskTargets], products: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Shares for the rows of each fold as the others would have them, ``(fold, source)`` of each task.

    A row is of the fold that its unit modulo ``N_FOLDS`` says.
    """
    by_fold = []
    for fold in range(N_FOLDS):
        others = [own[of_task.units % N_FOLDS != fold] for of_task, own in zip(targets, products, strict=True)]
        by_fold.append(choose_shares(targets, others))
    return [np.stack(of_task) for of_task in zip(*by_fold, strict=True)]


def relative_gain(of_task: TaskTargets, products: np.ndarray, crossed: np.ndarray) -> float:
    """Share of the squared error of the responses that the mean by ``crossed`` shares does not make."""
    shares = crossed[(of_task.units % N_FOLDS).astype(int)]
    before, after = float(products[:, 0, 0].sum()), float(np.einsum("ni,nij,nj->", shares, products, shares))
    return 1 - after / before if before > 0 else 0.0


def _normalised(gram: np.ndarray) -> np.ndarray:
    scale = float(np.trace(gram))
    return gram / scale if scale > 0 else np.eye(len(gram)) / len(gram)


def _least_error(gram: np.ndarray) -> np.ndarray:
    """Shares w of least w' gram w."""
    values, vectors = np.linalg.eigh(gram)
    root = vectors.T * np.sqrt(values.clip(min=1e-9))[:, None]
    n_sources = len(gram)
    equations = np.vstack([root, np.full((1, n_sources), SUM_WEIGHT)])
    found: np.ndarray = nnls(equations, np.append(np.zeros(n_sources), SUM_WEIGHT))[0]
    shares: np.ndarray = found / found.sum()
    return shares
