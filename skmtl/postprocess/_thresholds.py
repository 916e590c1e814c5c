"""From probabilities to labels: thresholds and offsets of classes, chosen on held-out rows by a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from scipy.special import expit

from skmtl.postprocess._base import HeldOutResponses
from skmtl.postprocess._cross_fitting import held_out_task
from skmtl.postprocess.calibration import Sigmoid
from skmtl.tasks._classification import log_probabilities

Threshold: TypeAlias = "float | np.ndarray"  # of the second of two classes; offsets of log-probabilities of more
Score: TypeAlias = Callable[[np.ndarray], np.ndarray]  # (candidate, true, predicted) -> (candidate,), greater is better

N_CANDIDATES = 100
MAX_ROUNDS = 3
LABEL_SHARE = 0.5
SAME = 1e-12  # difference of scores that is rounding


def thresholded(response: np.ndarray, threshold: Threshold | None) -> np.ndarray:
    """Scores of the classes, of which the label has the largest.

    Parameters
    ----------
    response : ndarray of shape (n, n_classes)
        Probabilities.
    threshold : float or ndarray, or None
        Above which probability the second of two classes is predicted, of all rows or (n,); or what is added to the
        log-probabilities of more classes, (n_classes,) or (n, n_classes). None: the most probable class is predicted.

    Returns
    -------
    ndarray of shape (n, n_classes)
        Of no meaning but their order within a row.
    """
    if threshold is None:
        return response
    if response.shape[1] == 2:
        return np.column_stack([np.broadcast_to(threshold, len(response)), response[:, 1]])
    scores: np.ndarray = log_probabilities(response) + threshold
    return scores


def choose_thresholds(
    held_out: HeldOutResponses, scores: Mapping[int, Score]
) -> tuple[dict[int, Threshold], dict[int, np.ndarray]]:
    """Thresholds of tasks, and of each row those that would have been chosen without its fold.

    Parameters
    ----------
    held_out : HeldOutResponses
        Rows with their responses.
    scores : dict of int to callable
        Of each task that is asked for, by its position: score of tables of weights of true and predicted classes.

    Returns
    -------
    dict of int to float or ndarray
        Threshold of each task with labels of two classes.
    dict of int to ndarray
        The same tasks' thresholds by row, (n,) or (n, n_classes); NaN where no member held the row out.
    """
    chosen, crossed = dict[int, Threshold](), dict[int, np.ndarray]()
    for index, score in scores.items():
        task = held_out_task(held_out, index)
        if not task.can_be_learned:
            continue
        chosen[index] = choose_threshold(*task.cells, score)
        of_rows = np.full((len(held_out.units), *np.shape(chosen[index])), np.nan)
        of_rows[task.rows] = chosen[index]  # where all rows are of one fold
        for fold, others in task.cells_of_others():
            of_rows[task.rows[task.folds == fold]] = choose_threshold(*others, score)
        crossed[index] = of_rows
    return chosen, crossed


def choose_threshold(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray, score: Score) -> Threshold:
    """Threshold of the best score, or offsets of classes, found one after another.

    Half of each label's weight is spread over the classes by their probabilities, calibrated on the same rows: that
    makes a smooth function of the threshold out of one that jumps with each label of a rare class.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
        Held-out probabilities.
    truth : ndarray of shape (n,), int
        Index of the true class.
    weights : ndarray of shape (n,)
        Positive.
    score : callable
        As in :func:`choose_thresholds`.

    Returns
    -------
    float or ndarray of shape (n_classes,)
        As :func:`thresholded` takes it.
    """
    n_classes = probabilities.shape[1]
    calibrated = Sigmoid.fit(probabilities, truth, weights)(probabilities)
    shares = LABEL_SHARE * np.eye(n_classes)[truth] + (1 - LABEL_SHARE) * calibrated
    cells, logarithms = weights[:, None] * shares, log_probabilities(probabilities)
    if n_classes == 2:
        return float(expit(-_best_offset(logarithms, cells, 1, 0.0, score)[0]))
    offsets, best = np.zeros(n_classes), -np.inf
    for _ in range(MAX_ROUNDS):
        before = best
        for k in range(n_classes):
            offsets[k], best = _best_offset(logarithms + offsets, cells, k, offsets[k], score)
        if best <= before + SAME:
            break
    centred: np.ndarray = offsets - offsets.mean()
    return centred


def _best_offset(logarithms: np.ndarray, cells: np.ndarray, k: int, offset: float, score: Score) -> tuple[float, float]:
    """Offset of class ``k`` that scores best, the nearest to its present one of several; with the score.

    Parameters
    ----------
    logarithms : ndarray of shape (n, n_classes)
        Log-probabilities with the present offsets.
    cells : ndarray of shape (n, n_classes)
        Weight of each class as the truth of a row.
    k : int
        The class.
    offset : float
        Its present offset.
    score : callable
        As in :func:`choose_thresholds`.
    """
    n_classes = logarithms.shape[1]
    rivals = logarithms.copy()
    rivals[:, k] = -np.inf
    rival = rivals.argmax(axis=1)
    needed = np.take_along_axis(rivals, rival[:, None], axis=1)[:, 0] - logarithms[:, k]  # beyond the present offset
    changes = _candidates(needed, cells, k)
    step = np.searchsorted(changes, needed) * n_classes + rival
    size = (len(changes) + 1) * n_classes
    by_step = np.stack([np.bincount(step, of_class, size) for of_class in cells.T]).reshape(n_classes, -1, n_classes)
    won = by_step.cumsum(axis=1)[:, :-1].transpose(1, 0, 2)  # (candidate, true, rival that loses the rows)
    tables = by_step.sum(axis=1) - won
    tables[:, :, k] = won.sum(axis=2)
    scores = np.nan_to_num(score(np.maximum(tables, 0.0)), nan=-np.inf)
    best = np.flatnonzero(scores >= scores.max() - SAME)
    nearest = best[np.abs(changes[best]).argmin()]
    return offset + float(changes[nearest]), float(scores[nearest])


def _candidates(needed: np.ndarray, cells: np.ndarray, k: int) -> np.ndarray:
    """Rising changes of an offset, halfway between rows, and beyond all of them.

    Of many they are those between which equally many rows lie, rows of the class and others counting half each.
    """
    order = np.argsort(needed)
    needed = needed[order]
    gaps = np.flatnonzero(np.diff(needed) > 0)
    if len(gaps) > N_CANDIDATES:
        own, others = cells[order, k], cells[order].sum(axis=1) - cells[order, k]
        passed = (own / own.sum()).cumsum() + (others / others.sum()).cumsum()
        wanted = np.linspace(0, 2, N_CANDIDATES + 2)[1:-1]
        gaps = gaps[np.unique(np.searchsorted(passed[gaps], wanted).clip(max=len(gaps) - 1))]
    halfway = (needed[gaps] + needed[gaps + 1]) / 2
    return np.concatenate([[needed[0] - 1], halfway, [needed[-1] + 1]])
