"""What fitted estimators tell of how their tasks relate, and of how that changes from call to call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skmtl.fitting import FitJob, FitResult, fixed_share, prequential_losses
from skmtl.network import Network
from skmtl.tasks import TaskLayout

RELATEDNESS = ("task_relatedness_", "relatedness_history_", "prequential_loss_")


def task_relatedness(network: Network, layout: TaskLayout) -> np.ndarray | None:
    """Correlations of the tasks that a network has learned, ``(n_tasks, n_tasks)`` in the order of the label matrix.

    Means over the members; None where the sharing architecture learns none.
    """
    by_member = network.layers.body.relatedness()
    return None if by_member is None else layout.restore(by_member.mean(0).cpu().numpy(), 0)


def relatedness_attributes(result: FitResult, estimator: Any) -> dict[str, np.ndarray]:
    """Fitted attributes of a sharing architecture that learns how tasks relate; empty for the others."""
    found = task_relatedness(result.network, result.job.inputs.layout)
    if found is None:
        return {}
    goes_on = result.job.summary.fitted_dtype is not None
    losses, n_tasks = result.job.prequential_loss, len(found)
    before = (
        (estimator.relatedness_history_, estimator.prequential_loss_)
        if goes_on
        else (np.empty((0, n_tasks, n_tasks)), np.empty((0, n_tasks)))
    )
    call = np.full(n_tasks, np.nan) if losses is None else losses
    return {
        "task_relatedness_": found,
        "relatedness_history_": np.concatenate([before[0], found[None]]),
        "prequential_loss_": np.concatenate([before[1], call[None]]),
    }


def judged_before(job: FitJob, weights: np.ndarray | None) -> FitJob:
    """A job that goes on, with the losses on its rows before they are learned from.

    Where settings of members count by these losses, so do the members in ``member_weights``; ``weights`` are those of
    the call before.
    """
    losses, layout = prequential_losses(job), job.inputs.layout
    if weights is None:
        weights = np.full(losses.shape, 1 / len(losses))
    job, weighed = replace(job, prequential_loss=(weights * losses).sum(axis=0)), job.config.sharing.weighed
    if weighed is None:
        return job
    n_labels = layout.restore((job.encoded.weights > 0).sum(axis=0))
    settings = np.asarray(job.network.architecture.strengths[weighed])
    return replace(job, member_weights=fixed_share(weights, losses, n_labels, settings))
