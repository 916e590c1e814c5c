"""Predictions of the training rows by the members that held them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skmtl.inputs import LabelledRows
from skmtl.network import Network
from skmtl.tasks import Task, TaskLayout
from skmtl.training import Validation


@dataclass(frozen=True)
class OutOfFold:
    """What the members say of rows that they did not learn from.

    Attributes
    ----------
    responses : list of ndarray of shape (n_samples, n_classes or 1), or None
        Mean response of the members that held a row out, NaN where none did; in the order of the label matrix. None
        after unpickling: they are of use beside the training rows only, and would make the pickle grow with these.
    scores : dict
        Task name to score, without the tasks that have no held-out label.
    """

    responses: list[np.ndarray] | None
    scores: dict[str, float]

    def __getstate__(self) -> dict[str, Any]:
        return {"responses": None, "scores": self.scores}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def held_out_responses(validation: Validation, network: Network, layout: TaskLayout) -> list[np.ndarray]:
    """Mean response of the members that hold a row out, one array ``(n, n_classes or 1)`` a task.

    Parameters
    ----------
    validation : Validation
        Each member's own rows.
    network : Network
        Fitted.
    layout : TaskLayout
        Its tasks.

    Returns
    -------
    list of ndarray
        NaN where no member holds the row out; in the order of the label matrix.
    """
    n_rows = validation.data.n_rows
    sums: list[np.ndarray] = []
    counts = np.zeros(n_rows)
    for index, real, outputs in validation.outputs(network):
        responses = layout.member_responses(outputs.cpu().numpy())
        sums = sums or [np.zeros((n_rows, *response.shape[2:])) for response in responses]
        for member, (rows, holds) in enumerate(zip(index.cpu().numpy(), real.cpu().numpy() > 0, strict=True)):
            counts[rows[holds]] += 1  # a member's rows are distinct
            for total, response in zip(sums, responses, strict=True):
                total[rows[holds]] += response[member, holds]
    counts[counts == 0] = np.nan
    return layout.by_task([total / counts[:, None, None] for total in sums])


def out_of_fold(tasks: list[Task], responses: list[np.ndarray], observations: LabelledRows) -> OutOfFold:
    """Score the responses and line them up with the rows that the user gave."""
    scores, aligned = {}, []
    cells = zip(tasks, responses, observations.labels.columns, observations.weights.T, strict=True)
    for task, response, truth, weights in cells:
        seen = (weights > 0) & ~np.isnan(response[:, 0])
        scores[task.name] = task.kind.metric(truth[seen], task.kind.decode(task, response[seen]), weights[seen])
        full = np.full((len(observations.kept_mask), response.shape[1]), np.nan)
        # means of what the members have rounded to their own type do not sum to 1 in this one
        total = response.sum(axis=1, keepdims=True) if task.kind.is_classifier else 1.0
        full[observations.kept_mask] = response / total
        aligned.append(full)
    return OutOfFold(aligned, scores)
