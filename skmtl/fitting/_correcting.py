"""From held-out responses to a correction of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmtl.correction import Evidence, LocalCorrection, fit_local_correction, relevance
from skmtl.fitting._shared_inputs import EncodedRows
from skmtl.network import Network
from skmtl.tasks import Task, TaskLayout

LEAST_ROWS = 8
ROWS_AN_INPUT = 2  # below which what the network attends to is no measure of likeness


def correct_locally(
    data: EncodedRows,
    content: np.ndarray,
    layout: TaskLayout,
    tasks: Sequence[Task],
    network: Network,
    responses: list[np.ndarray],
) -> tuple[LocalCorrection | None, list[np.ndarray]]:
    """Learn from held-out errors what to add to responses.

    Parameters
    ----------
    data : EncodedRows
        Training rows.
    content : ndarray of shape (n,)
        A number for what is in each row, its labels included.
    layout : TaskLayout
        The tasks.
    tasks : sequence of Task
        In the order of the label matrix.
    network : Network
        Trained.
    responses : list of ndarray of shape (n, n_classes or 1)
        By task: of members that held the rows out, NaN where none did.

    Returns
    -------
    LocalCorrection or None
        None where it would gain nothing.
    list of ndarray
        ``responses``, each corrected by the errors about the other rows.
    """
    known = np.flatnonzero(~np.isnan(responses[0][:, 0]))
    evidence = _evidence(data, layout, tasks, responses, known)
    distinct, groups = np.unique(content[known], return_inverse=True)
    if not evidence or len(distinct) < LEAST_ROWS:
        return None, responses
    rows = dense(data.X[known], network.architecture.dtype)
    found = fit_local_correction(rows, groups, _scale(network, rows), evidence)
    if found is None:
        return None, responses
    correction, corrected = found
    responses = list(responses)
    for task, response in zip(correction.tasks, corrected, strict=True):
        responses[task.place] = np.full_like(responses[task.place], np.nan)
        responses[task.place][known] = response
    return correction, responses


def _scale(network: Network, rows: np.ndarray) -> np.ndarray:
    """What inputs matter to the network; where they are many, it has found this out by learning the rows by heart."""
    n_rows, n_inputs = rows.shape
    scale = relevance(network, rows) if n_rows >= ROWS_AN_INPUT * n_inputs else np.ones(n_inputs)
    return scale.astype(rows.dtype)


def _evidence(
    data: EncodedRows, layout: TaskLayout, tasks: Sequence[Task], responses: list[np.ndarray], known: np.ndarray
) -> list[Evidence]:
    """What is known of the tasks whose errors average to 0 where a response is right."""
    weights = layout.restore(data.weights, 1)
    found = []
    for place, (task, column, response) in enumerate(zip(tasks, data.labels.columns, responses, strict=True)):
        seen = known[weights[known, place] > 0]
        ideal = task.kind.ideal_response(task, column[seen])
        if ideal is not None:
            truth = np.zeros_like(response)
            truth[seen] = ideal
            found.append(Evidence(place, task, truth[known], response[known], weights[known, place]))
    return found


def dense(rows: Any, dtype: str) -> np.ndarray:
    """Encoded rows, which may be sparse, as an array."""
    array: np.ndarray = np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray(), dtype=dtype)
    return array
