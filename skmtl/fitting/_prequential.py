"""Losses on rows before they are learned from, and what they say of the members (Herbster and Warmuth, 1998)."""

from __future__ import annotations

import numpy as np
import torch

from skmtl.fitting._job import FitJob
from skmtl.training import Validation

LEARNING_RATE = 0.5  # of the weights, by the sum of the losses of a call
SHARE = 0.1  # of each weight that is dealt to all members alike in a call


def prequential_losses(job: FitJob) -> np.ndarray:
    """Mean loss of each member on the rows of a job before its first step, ``(member, n_tasks)``.

    NaN for tasks without a label; tasks in the order of the label matrix.
    """
    every = torch.arange(job.resident.n_rows, device=job.config.device)[None]
    rows = Validation(job.objective, job.resident, every, torch.ones_like(every, dtype=job.config.torch_dtype))
    losses = rows.losses(job.network).double().cpu().numpy()
    return job.inputs.layout.restore(losses)


def fixed_share(weights: np.ndarray, losses: np.ndarray, n_labels: np.ndarray, settings: np.ndarray) -> np.ndarray:
    """Weights of the members after a call, w = (1 - share) w exp(-rate n loss) / Z + share / number of settings.

    w is the weight of a setting, which its members have in equal parts. The share keeps every weight high enough to
    rise again when the relations of the tasks change.

    Parameters
    ----------
    weights : ndarray of shape (member, n_tasks)
        Before the call; each column sums to 1.
    losses : ndarray of shape (member, n_tasks)
        Mean losses on the rows of the call; a column of NaN leaves the weights of the task as they are.
    n_labels : ndarray of shape (n_tasks,)
        Number of labels of each task in the call.
    settings : ndarray of shape (member,)
        Value of each member; members with the same value are judged by their mean loss.

    Returns
    -------
    ndarray of shape (member, n_tasks)
        Each column sums to 1.

    References
    ----------
    Herbster, M. and Warmuth, M. K. (1998). Tracking the best expert. Machine Learning 32, 151-178.
    """
    of_member = np.unique(settings, return_inverse=True)[1]
    belongs = np.eye(of_member.max() + 1)[of_member].T  # (setting, member)
    counts = belongs.sum(axis=1, keepdims=True)
    loss = belongs @ losses / counts  # (setting, task)
    known = np.isfinite(loss).all(axis=0)
    behind = np.where(known, loss - loss.min(axis=0), 0.0)
    grown = belongs @ weights * np.exp(-LEARNING_RATE * n_labels * behind)
    shared = (1 - SHARE) * grown / grown.sum(axis=0) + SHARE / len(counts)
    return np.where(known, (shared / counts)[of_member], weights)
