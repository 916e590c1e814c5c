"""The noise of the test rows in the mean gain of the tasks."""

from __future__ import annotations

import numpy as np

from skmtl.metrics._bootstrap import draw_counts
from skmtl.model_selection._subset_measurements import SubsetMeasurements, mean_of_known


def bootstrap_mean_gain(
    measured: SubsetMeasurements, reference: np.ndarray, together: int, n_draws: int, rng: np.random.RandomState
) -> np.ndarray:
    """Mean over the tasks of the relative decrease of their errors, for test rows that are drawn with replacement.

    The rows of a group are drawn together, and all tasks have the same rows, so that their correlation is kept.

    Parameters
    ----------
    measured : SubsetMeasurements
        Losses of the networks.
    reference : ndarray of shape (n_tasks,), int
        Position of the subset that a task is compared with.
    together : int
        Position of the subset that is compared.
    n_draws : int
        Number of bootstrap samples.
    rng : RandomState
        Generator of the draws.

    Returns
    -------
    ndarray of shape (n_draws,)
        Positive where errors are smaller together; NaN where no task has an error.
    """
    after = measured.losses(together)
    before = np.full_like(after, np.nan)
    for task, single in enumerate(reference):
        before[:, :, task] = measured.losses(single)[:, :, task]
    weights = np.zeros(after.shape[1:])
    weights[measured.cells] = measured.cell_weights
    gains = []
    for counts in draw_counts(measured.unit_of_row[: len(weights)], n_draws, rng):
        errors = [_errors(measured, losses, weights, counts) for losses in (before, after)]
        gains.append(_relative_decrease(*errors))
    return np.concatenate(gains)


def _errors(measured: SubsetMeasurements, losses: np.ndarray, weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over the splits of each task's error, ``(draw, n_tasks)``."""
    by_split = []
    for repeat, rows in zip(measured.repeat_of_split, measured.test_rows, strict=True):
        rows = rows[rows < len(weights)]  # the last rows may have no label
        known = ~np.isnan(losses[repeat, rows])
        own = weights[rows] * known
        sums = counts[:, rows] @ (own * np.where(known, losses[repeat, rows], 0.0))
        totals = counts[:, rows] @ own
        means = np.divide(sums, totals, out=np.full(sums.shape, np.nan), where=totals > 0)
        by_split.append(means ** (1 / measured.degrees))
    return mean_of_known(np.stack(by_split))


def _relative_decrease(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    decrease = np.divide(before - after, before, out=np.full(before.shape, np.nan), where=before > 0)
    return mean_of_known(decrease, 1)
