"""Networks of task subsets fitted as one network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skmtl._sklearn import requests_groups
from skmtl._torch_state import torch_settings
from skmtl.checkpoints import NoCheckpoints
from skmtl.estimators._fit_inputs import prepare_candidate, read_inputs
from skmtl.fitting import join_members
from skmtl.model_selection._subset_measurements import Subset


@torch_settings()
def fit_subsets(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    groups: Any,
    subsets: Sequence[Subset],
    serving: np.ndarray,
    seed: int,
    checkpoints: NoCheckpoints,
) -> Any:
    """Fit a network of each subset as members of one, in which each task is predicted by one of them.

    Parameters
    ----------
    estimator : estimator
        One of skmtl's, or a Pipeline that ends in one.
    X, y, sample_weight : array-like
        Training data.
    groups : array-like or None
        For nets that request them.
    subsets : sequence of tuple of int
        Tasks that each network learns.
    serving : ndarray of shape (n_tasks,), int
        Position of the subset whose network predicts each task.
    seed : int
        Takes the place of a ``random_state`` that is no integer, so that all networks begin alike.
    checkpoints : Checkpoints or NoCheckpoints
        Where the fit is gone on with if it is cut off.

    Returns
    -------
    estimator
        A fitted clone.
    """
    fitted = clone(estimator)
    net = fitted
    if isinstance(fitted, Pipeline):
        net = fitted[-1]
        if len(fitted) > 1:
            X = fitted[:-1].fit_transform(X, y)
    seeded = copy.copy(net)
    if not isinstance(net.random_state, int | np.integer):
        seeded.random_state = seed
    inputs = read_inputs(seeded, X, y, sample_weight, groups=groups if requests_groups(estimator) else None)
    whole = prepare_candidate(seeded, inputs)
    weights = [whole.loss_weights * np.isin(np.arange(len(serving)), subset) for subset in subsets]
    jobs = [whole.with_loss_weights(own) for own in weights]
    if len(jobs) == 1:
        job = jobs[0]
    else:
        serves = serving == np.arange(len(subsets))[:, None]  # (subset, task)
        job = join_members(jobs, np.repeat(serves / whole.config.members, whole.config.members, axis=0))
    net._adopt(net._train(replace(job, loss_weights=whole.loss_weights), checkpoints=checkpoints).result(0))
    return fitted
