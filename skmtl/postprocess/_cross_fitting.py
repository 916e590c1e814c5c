"""Held-out responses of one task, and what each fold of them is told by the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from skmtl.postprocess._base import HeldOutResponses

Cells: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]  # probabilities, truth and weights of labelled rows

N_FOLDS = 5  # in which each row is judged by what was learned from the others


@dataclass(frozen=True)
class HeldOutTask:
    """Held-out probabilities of the classes of one task.

    Attributes
    ----------
    rows : ndarray of shape (n,), int
        Positions of the rows that a member held out, among all rows.
    probabilities : ndarray of shape (n, n_classes)
        Of these rows.
    labelled : ndarray of shape (n_labelled,), int
        Positions of those with a label, among these rows.
    truth : ndarray of shape (n_labelled,), int
        Index of the true class.
    weights : ndarray of shape (n_labelled,)
        Positive; as the user weighs the cells.
    folds : ndarray of shape (n,), int
        Fold of each row: copies of a row, or rows of a group, are in one fold.
    """

    rows: np.ndarray
    probabilities: np.ndarray
    labelled: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    folds: np.ndarray

    @property
    def can_be_learned(self) -> bool:
        """Whether labels of two classes are there."""
        return len(np.unique(self.truth)) > 1

    @property
    def cells(self) -> Cells:
        """Probabilities, truth and weights of all labelled rows."""
        return self.probabilities[self.labelled], self.truth, self.weights

    def cells_of_others(self) -> Iterator[tuple[int, Cells]]:
        """Yield the number of each fold that has rows, and the cells of all others, if there are any."""
        for fold in np.unique(self.folds).tolist():
            others = self.folds[self.labelled] != fold
            if others.any():
                yield fold, (self.probabilities[self.labelled[others]], self.truth[others], self.weights[others])


def held_out_task(held_out: HeldOutResponses, index: int) -> HeldOutTask:
    """Rows that a member held out, as of a task of classes."""
    task, response = held_out.tasks[index], held_out.responses[index]
    rows = np.flatnonzero(~np.isnan(response[:, 0]))
    weights = held_out.sample_weights[rows, index]
    labelled = np.flatnonzero(weights > 0)
    truth = task.kind.encode(task, held_out.labels[index][rows[labelled]]).astype(int)
    folds = (held_out.units[rows] % N_FOLDS).astype(int)
    return HeldOutTask(rows, response[rows].astype(np.float64), labelled, truth, weights[labelled], folds)
