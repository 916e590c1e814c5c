"""Held-out residuals of one task."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skmtl.postprocess._base import HeldOutRows
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
    """

    index: int
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
    def values(self) -> np.ndarray:
        """Residuals, 0 where no label is."""
        residuals: np.ndarray = np.where(self.weights[:, None] > 0, self.truth - self.response, 0.0)
        return residuals

    @cached_property
    def unit(self) -> np.float64:
        """Largest residual: in this unit squares are neither too large nor too small for a float."""
        return np.float64(np.abs(self.values).max() or 1.0)

    @property
    def moments(self) -> np.ndarray:
        """Relative weights times the residuals in units and, in the last column, alone, ``(n, n_columns + 1)``."""
        weights = self.relative_weights[:, None]
        return np.concatenate([weights * (self.values / self.unit), weights], axis=1)

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
