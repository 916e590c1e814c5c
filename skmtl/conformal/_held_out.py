"""What is kept of the rows that members held out, for intervals and sets about new rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skmtl.conformal._errors import HeldOutCells
from skmtl.conformal._intervals import BandScores, IntervalScores
from skmtl.conformal._sets import SetScores
from skmtl.tasks import Task

MAX_ROWS = 8192  # of a task: more would hardly change a quantile, but make pickles large


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of labels about which members were asked that had not learned from their rows.

    Attributes
    ----------
    folds : ndarray of shape (fold, member), bool
        Sets of members that have held out the same rows.
    tasks : list of IntervalScores, BandScores or SetScores
        In the order of the label matrix.
    """

    folds: np.ndarray
    tasks: list[IntervalScores | BandScores | SetScores]


@dataclass(frozen=True)
class Folds:
    """Which members held out which rows.

    Attributes
    ----------
    members : ndarray of shape (fold, member), bool
        Sets of members that have held out the same rows.
    of_rows : ndarray of shape (n,), int
        Fold of each row.
    """

    members: np.ndarray
    of_rows: np.ndarray

    @classmethod
    def of(cls, n_rows: int, rows: np.ndarray, real: np.ndarray) -> Folds:
        """Folds by the rows of each member, ``(member, n_held_out)``, of which only the real ones count."""
        held_out = np.zeros((n_rows, len(rows)), dtype=bool)
        for member, (own, counts) in enumerate(zip(rows, real, strict=True)):
            held_out[own[counts], member] = True
        members, of_rows = np.unique(held_out, axis=0, return_inverse=True)
        return cls(members, of_rows.astype(np.min_scalar_type(len(members))))


def gather(
    tasks: Sequence[Task],
    labels: Sequence[np.ndarray],
    responses: Sequence[np.ndarray],
    weights: np.ndarray,
    folds: Folds,
    groups: np.ndarray | None = None,
) -> HeldOutScores:
    """Scores of the labels of all tasks.

    Parameters
    ----------
    tasks : sequence of Task
        In the order of the label matrix, as everything below.
    labels : sequence of ndarray of shape (n,)
        Of each task.
    responses : sequence of ndarray of shape (n, n_classes or 1)
        By the members that held a row out, NaN where none did.
    weights : ndarray of shape (n, n_tasks)
        Of the labels, 0 where none is.
    folds : Folds
        Who held out which row.
    groups : ndarray of shape (n,), optional
        Equal for rows of a group; by default each row counts alone.
    """
    found: list[IntervalScores | BandScores | SetScores] = []
    for task, truth, response, own in zip(tasks, labels, responses, weights.T, strict=True):
        rows = np.flatnonzero((own > 0) & ~np.isnan(response[:, 0]))
        if len(rows) > MAX_ROWS:
            rows = np.sort(np.random.default_rng(0).permutation(rows)[:MAX_ROWS])  # rows may be sorted
        truth, response = truth[rows], response[rows]
        kept = None if (own[rows] == 1).all() else own[rows].astype(np.float32)
        cells = HeldOutCells(kept, folds.of_rows[rows], None if groups is None else _numbers(groups[rows]))
        if task.kind.is_classifier:
            found.append(SetScores.of(task.kind.label_quality(task, truth, response), cells))
        elif response.shape[1] > 1:
            found.append(BandScores.of(task.transformed(truth), response, cells))
        else:
            found.append(IntervalScores.of(task.transformed(truth), response[:, 0], cells))
    return HeldOutScores(folds.members, found)


def _numbers(groups: np.ndarray) -> np.ndarray | None:
    """Groups by numbers from 0, in few bytes; None where each has one row."""
    distinct, numbers = np.unique(groups, return_inverse=True)
    return None if len(distinct) == len(groups) else numbers.astype(np.min_scalar_type(len(distinct)))
