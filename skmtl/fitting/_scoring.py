"""Scores of tasks by the metrics of their kinds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skmtl.inputs import LabelledRows
from skmtl.tasks import Task


def score_columns(tasks: Sequence[Task], observed: LabelledRows, columns: Sequence[np.ndarray]) -> dict[str, float]:
    """Score of each task, NaN where it is not defined, from predictions ``(n,)`` of each."""
    scores = {}
    cells = zip(tasks, observed.labels.columns, columns, observed.weights.T, strict=True)
    for task, truth, predicted, weights in cells:
        seen = weights > 0
        if not seen.all():
            truth, predicted, weights = truth[seen], predicted[seen], weights[seen]
        scores[task.name] = task.kind.metric(truth, predicted, weights)
    return scores
