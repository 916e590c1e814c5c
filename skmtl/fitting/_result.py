"""What a fit has learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from skmtl.fitting._job import FitJob
from skmtl.fitting._out_of_fold import OutOfFold, held_out_responses, out_of_fold
from skmtl.network import Network
from skmtl.postprocess import HeldOutRows, LocalCorrection, Postprocessor
from skmtl.training import History


@dataclass(frozen=True)
class FitResult:
    """A trained network and what was found with its help.

    Attributes
    ----------
    job : FitJob
        What was trained.
    network : Network
        With parameters of its own.
    history : dict of ndarray of shape (epoch, member, task)
        Quantity to its values by epoch, tasks in the order of the label matrix.
    n_iter : int
        Epochs done.
    correction : Postprocessor or None
        Of responses.
    held_out : OutOfFold or None
        Responses of members to training rows that they never learned from.
    """

    job: FitJob
    network: Network
    history: dict[str, np.ndarray]
    n_iter: int
    correction: Postprocessor | None = None
    held_out: OutOfFold | None = None


def describe(job: FitJob, network: Network, history: Mapping[str, np.ndarray], n_iter: int) -> FitResult:
    """Network of a fit that may still be going on, and its history with tasks in the order of the label matrix."""
    layout, empty = job.inputs.layout, (0, job.members, len(job.inputs.tasks))
    arrays = {
        name: layout.restore(values, 2) if len(values) else values.reshape(empty) for name, values in history.items()
    }
    return FitResult(job, network, arrays, n_iter)


def finish(job: FitJob, network: Network, history: History) -> FitResult:
    """Result of a fit that has ended, with what its members say of the rows that they held out."""
    result = describe(job, network, history.arrays(), len(history))
    if not job.responds or job.validation is None:
        return result
    correction, inputs = None, job.inputs
    responses = held_out_responses(job.validation, network, inputs.layout)
    if job.row_hashes is not None:
        weights = inputs.layout.restore(job.encoded.weights, 1)
        rows = HeldOutRows(job.encoded.X, job.row_hashes, inputs.tasks, job.encoded.labels.columns, weights, responses)
        correction = LocalCorrection().fit(network, rows)
        responses = responses if correction is None else correction.cross_fitted(rows)
    return replace(result, correction=correction, held_out=out_of_fold(inputs.tasks, responses, inputs.rows))


def progress_line(result: FitResult) -> str:
    """One line an epoch: mean over the members of each task's loss, and of the held-out loss where there is one."""
    losses = np.nanmean(result.history["loss"][-1], axis=0)
    held_out = result.history["validation_loss"][-1]
    parts = [f"{task.name} {loss:.4f}" for task, loss in zip(result.job.inputs.tasks, losses, strict=True)]
    if not np.isnan(held_out).all():
        parts.append(f"held out {np.nanmean(held_out):.4f}")
    return f"epoch {result.n_iter}: " + ", ".join(parts) + "\n"
