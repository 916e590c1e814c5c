"""Metrics under many weightings of the same cells at once, for the bootstrap.

A metric of scikit-learn takes milliseconds a call, however few the rows are: half a minute for the draws of a dozen
tasks. Here a call takes all draws. Each function gives what the metric of its name gives, but R2 is NaN where all that
was drawn is one value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import xlogy

from skmtl.metrics._cells import TaskCells
from skmtl.metrics._labels import accuracy, balanced_accuracy, classes_of_labels, codes_of_labels, f1
from skmtl.metrics._numbers import mae, poisson_deviance, r2, rmse
from skmtl.metrics._pinball import pinball_loss
from skmtl.metrics._scores import average_precision, brier, codes_of_scores, log_loss, roc_auc
from skmtl.metrics._tables import f1_of_weights, mean_of_shares

Resampled = Callable[..., np.ndarray]  # of cells, weights (draw, n_observed) and the metric's settings: (draw,)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient, NaN where the whole is 0."""
    quotient = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(-1), known.sum(-1))


def _mean(of_cell: Callable[..., np.ndarray]) -> Resampled:
    """A metric that is the mean of a number for each cell."""
    return lambda task, weights, **settings: _ratio(weights @ of_cell(task, **settings), weights.sum(1))


def _residuals(task: TaskCells) -> np.ndarray:
    difference: np.ndarray = task.y_true.astype(np.float64) - task.y_pred
    return difference


def _log_losses(task: TaskCells) -> np.ndarray:
    _, codes, probabilities = codes_of_scores(task)
    smallest = np.finfo(probabilities.dtype).eps
    of_label = np.take_along_axis(probabilities, codes[:, None], axis=1)[:, 0]
    losses: np.ndarray = -np.log(of_label.clip(smallest, 1 - smallest), dtype=np.float64)
    return losses


def _brier_scores(task: TaskCells) -> np.ndarray:
    codes, codes_true, probabilities = codes_of_scores(task)
    scores: np.ndarray = ((probabilities - (codes_true[:, None] == codes)) ** 2).sum(1)
    return scores / 2 if len(codes) == 2 else scores


def _pinball_losses(task: TaskCells, level: float = 0.5) -> np.ndarray:
    residuals = _residuals(task)
    return np.maximum(level * residuals, (level - 1) * residuals)


def _deviances(task: TaskCells) -> np.ndarray:
    deviances: np.ndarray = 2 * (xlogy(task.y_true, task.y_true / task.y_pred) - _residuals(task))
    return deviances


def _r2(task: TaskCells, weights: np.ndarray) -> np.ndarray:
    truth = task.y_true.astype(np.float64)
    truth = truth - truth.mean()
    total = weights @ truth**2 - _ratio((weights @ truth) ** 2, weights.sum(1))
    of_rounding = 1e-12 * (weights @ truth**2)
    return 1 - _ratio(weights @ _residuals(task) ** 2, np.where(total > of_rounding, total, 0.0))


def _f1(task: TaskCells, weights: np.ndarray) -> np.ndarray:
    classes = classes_of_labels(task)
    if len(classes) < 2:
        return np.full(len(weights), np.nan)
    is_true, is_predicted = _one_hot(task, classes)
    return f1_of_weights(weights @ (is_true & is_predicted), weights @ is_true, weights @ is_predicted)


def _balanced_accuracy(task: TaskCells, weights: np.ndarray) -> np.ndarray:
    is_true, is_predicted = _one_hot(task, np.unique(task.y_true))
    return mean_of_shares(weights @ (is_true & is_predicted), weights @ is_true)


def _one_hot(task: TaskCells, classes: np.ndarray) -> list[np.ndarray]:
    """Whether each cell is truly, and by prediction, of each class, ``(n_observed, n_classes)``."""
    return [codes[:, None] == np.arange(len(classes)) for codes in codes_of_labels(task, classes)]


def _of_rankings(score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Resampled:
    """Mean over the classes of a score of the weights of labels and others by falling score of the class."""

    def of_task(task: TaskCells, weights: np.ndarray) -> np.ndarray:
        codes, codes_true, scores = codes_of_scores(task)
        of_classes = []
        for code in codes[1:] if len(codes) == 2 else codes:
            order = np.argsort(-scores[:, code], kind="stable")
            ranked = scores[order, code]
            firsts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))  # of equal scores
            is_label = codes_true[order] == code
            drawn = weights[:, order]
            labels, others = (np.add.reduceat(drawn * which, firsts, axis=1) for which in (is_label, ~is_label))
            defined = (labels.sum(1) > 0) & (others.sum(1) > 0)
            of_classes.append(np.where(defined, score(labels, others), np.nan))
        return _mean_of_known(np.stack(of_classes, axis=-1))

    return of_task


def _area(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Rate of pairs in the right order; a pair of equal scores counts half."""
    above = np.cumsum(labels, axis=1) - labels / 2
    return _ratio((others * above).sum(1), others.sum(1) * labels.sum(1))


def _precision(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    found = np.cumsum(labels, axis=1)
    precision = np.nan_to_num(_ratio(found, found + np.cumsum(others, axis=1)))
    return _ratio((labels * precision).sum(1), labels.sum(1))


def _rmse(task: TaskCells, weights: np.ndarray) -> np.ndarray:
    root: np.ndarray = np.sqrt(_ratio(weights @ _residuals(task) ** 2, weights.sum(1)))
    return root


RESAMPLED: dict[Callable[..., float], Resampled] = {
    accuracy: _mean(lambda task: task.y_true == task.y_pred),
    balanced_accuracy: _balanced_accuracy,
    f1: _f1,
    roc_auc: _of_rankings(_area),
    average_precision: _of_rankings(_precision),
    log_loss: _mean(_log_losses),
    brier: _mean(_brier_scores),
    r2: _r2,
    rmse: _rmse,
    mae: _mean(lambda task: np.abs(_residuals(task))),
    pinball_loss: _mean(_pinball_losses),
    poisson_deviance: _mean(_deviances),
}
