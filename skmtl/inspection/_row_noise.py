"""The noise of the test rows in what a task gains on a split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skmtl.model_selection._subset_measurements import SubsetMeasurements, mean_of_known


class RowNoise(NamedTuple):
    """What test rows make of differences of errors.

    Attributes
    ----------
    variance : float
        Of a difference, by the rows that its errors are means over.
    parts : float
        Number of test parts of this size without common rows.
    """

    variance: float
    parts: float


NO_ROW_NOISE = RowNoise(0.0, 1.0)


def row_noise(measured: SubsetMeasurements, task: int, alone: int, together: int) -> RowNoise:
    """Noise of test rows in the relative differences of a task's errors in two subsets.

    The variance is that of the losses within each split, its mean over the splits. Rows of a group count as one.

    Parameters
    ----------
    measured : SubsetMeasurements
        Losses of the networks.
    task : int
        The task.
    alone, together : int
        Positions of the subset that the differences are relative to, and of the other one.

    Returns
    -------
    RowNoise
        None where no split has two rows with a label of the task.
    """
    own = measured.cells[1] == task
    rows, weights = measured.cells[0][own], measured.cell_weights[own]
    losses = measured.cell_losses[[alone, together]][:, :, own]  # (subset, repeat, cell)
    reference, other = mean_of_known(measured.scores[[alone, together], :, task], 1)
    cell_of_row = np.full(len(measured.unit_of_row), -1)
    cell_of_row[rows] = np.arange(len(rows))
    variances, sizes, tested = [], [], np.zeros(len(measured.unit_of_row), dtype=bool)
    for repeat, test in zip(measured.repeat_of_split, measured.test_rows, strict=True):
        cells = cell_of_row[test[cell_of_row[test] >= 0]]
        cells = cells[~np.isnan(losses[0, repeat, cells])]
        units, unit_of_cell = np.unique(measured.unit_of_row[rows[cells]], return_inverse=True)
        if len(units) < 2:
            continue
        changes = _changes(losses[:, repeat, cells], weights[cells], measured.degrees[task])
        of_units = np.bincount(unit_of_cell, (changes[1] - other / reference * changes[0]) / reference)
        variances.append(float(of_units @ of_units) * len(units) / (len(units) - 1))
        sizes.append(len(units))
        tested[units] = True
    return RowNoise(float(np.mean(variances)), float(tested.sum() / np.mean(sizes))) if sizes else NO_ROW_NOISE


def _changes(losses: np.ndarray, weights: np.ndarray, degree: int) -> np.ndarray:
    """What each cell adds to the errors of a split, to first order, ``(subset, cell)``: sums over cells are 0.

    The error is the mean loss to the power of 1 over the degree.
    """
    share = weights / weights.sum()
    means = (losses @ share)[:, None]
    slopes = np.divide(means ** (1 / degree), degree * means, out=np.zeros_like(means), where=means > 0)
    changes: np.ndarray = share * slopes * (losses - means)
    return changes
