"""What is learned from held-out responses after training: a chain of postprocessors."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from skmtl.fitting._config import Params
from skmtl.fitting._job import FitJob
from skmtl.network import Network
from skmtl.postprocess import HeldOutRows, LocalCorrection, Postprocessor


def read_postprocessors(params: Params) -> tuple[Postprocessor, ...]:
    """What changes the responses after training, in the order in which it acts."""
    return (LocalCorrection(),) if params["local_correction"] else ()


def postprocess(
    job: FitJob, network: Network, responses: list[np.ndarray]
) -> tuple[tuple[Postprocessor, ...], list[np.ndarray]]:
    """Fit each postprocessor to held-out responses as the one before leaves them.

    Returns
    -------
    tuple of Postprocessor
        Those that gain something.
    list of ndarray
        The held-out responses as the last one leaves them.
    """
    if job.row_hashes is None:
        return (), responses
    fitted = []
    held_out = HeldOutRows(
        rows=job.encoded.X,
        hashes=job.row_hashes,
        tasks=job.inputs.tasks,
        labels=job.encoded.labels.columns,
        weights=job.inputs.layout.restore(job.encoded.weights, 1),
        responses=responses,
        learned=job.objective.to_outputs(job.config.loss_weights > 0).cpu().numpy(),
    )
    for postprocessor in job.postprocessors:
        learned = copy.copy(postprocessor).fit(network, held_out)
        if learned is not None:
            held_out = replace(held_out, responses=learned.cross_fitted(held_out))
            fitted.append(learned)
    return tuple(fitted), list(held_out.responses)
