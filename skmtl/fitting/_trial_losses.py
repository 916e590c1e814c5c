"""Held-out losses of short runs, and when one is better than another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from skmtl.fitting._job import FitJob
from skmtl.network import Network

PEERS = 2  # networks that hold out the same rows, so that they tell what an ensemble gains


class Losses(NamedTuple):
    """Held-out losses of a run.

    Attributes
    ----------
    of_units : ndarray of shape (n_units,)
        Of each unit of rows; each task's is relative to its mean under the rules, whose losses sum to 1.
    of_tasks : ndarray of shape (n_tasks,)
        Mean of each task, in the layout's order.
    """

    of_units: np.ndarray
    of_tasks: np.ndarray


def is_better(one: np.ndarray, other: np.ndarray, errors: float) -> bool:
    """Whether the sum of one loss by units is less than that of another by so many standard errors."""
    gain = other - one
    return bool(gain.sum() > errors * np.sqrt(len(gain) * np.var(gain)))


def ensemble_losses(job: FitJob, network: Network, n_members: int) -> np.ndarray:
    """Losses ``(n_units, n_tasks)`` that an ensemble would have on the rows held out; a column sums to their mean.

    The loss of a mean of members falls with their number as its variance does: half of what it can fall by is seen
    where the outputs of two are averaged; it is no less than what would be left if all loss of a single one were
    variance. Losses of classes are as if there were one unit more, with a loss of 1: so few rows do not tell a smaller
    loss from none, which separable classes come ever nearer to.
    """
    validation, units = job.validation, job.units
    assert validation is not None
    assert units is not None
    numbers = np.unique(units, return_inverse=True)[1].reshape(-1)
    sums = np.zeros((2, numbers.max() + 1, len(job.inputs.tasks)))  # of the ensemble, and of single networks
    for index, real, outputs in validation.outputs(network):
        targets, weights = validation.data.cells_at(index)
        weights = weights * real[:, :, None]
        single = job.objective.cells(outputs, targets)[0]
        mean = outputs.unflatten(0, (-1, PEERS)).mean(1, keepdim=True).expand(-1, PEERS, -1, -1).flatten(0, 1)
        ensemble = single - 2 * (1 - 1 / n_members) * (single - job.objective.cells(mean, targets)[0])
        for total, losses in zip(sums, (ensemble, single), strict=True):
            cells = torch.where(weights > 0, losses * weights, 0.0)
            np.add.at(total, numbers[index.cpu().numpy()], cells.double().cpu().numpy())
    totals = validation.totals.sum(0).double().cpu().numpy()
    of_variance = sums[1] / n_members
    sums = np.where(sums[0].sum(axis=0) < of_variance.sum(axis=0), of_variance, sums[0])
    means: np.ndarray = np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
    of_classes = np.array([task.kind.is_classifier for task in job.inputs.tasks])
    means += np.where(of_classes & (totals > 0), 1 / len(means) ** 2, 0.0)
    return means
