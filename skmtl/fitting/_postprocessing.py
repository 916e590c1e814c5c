"""What is learned from held-out responses after training: a chain of postprocessors, and thresholds."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skmtl.fitting._config import Params
from skmtl.fitting._job import FitJob
from skmtl.inputs import by_task
from skmtl.metrics._registry import find_metric
from skmtl.metrics._table_score import TableScore
from skmtl.network import Network
from skmtl.postprocess import Calibration, HeldOutRows, KernelBlend, LocalCorrection, Postprocessor, Score, TreeBlend
from skmtl.tasks import Task


def read_postprocessors(params: Params) -> tuple[Postprocessor, ...]:
    """What changes the responses after training, in the order in which it acts."""
    chain: list[Postprocessor] = []
    if params["kernel_blend"]:
        chain.append(KernelBlend())
    if params["tree_blend"]:
        chain.append(TreeBlend())
    if params["local_correction"]:
        chain.append(LocalCorrection())
    if params.get("calibration") is not None:
        chain.append(Calibration(params["calibration"]))
    return tuple(chain)


def read_threshold_scores(threshold_metric: Any, tasks: Sequence[Task]) -> dict[int, Score]:
    """Score by which the threshold of each task is chosen, by its position in the label matrix.

    Raises
    ------
    ValueError, TypeError
        If a metric or task is not known, a metric is not one of predicted labels of such a task, or a list is not one
        for each task.
    """
    values = by_task("threshold_metric", threshold_metric, [task.name for task in tasks], None)
    if not isinstance(values, list):
        values = [values if task.kind.is_classifier else None for task in tasks]
    if len(values) != len(tasks):
        raise ValueError(f"threshold_metric must have one entry for each of the {len(tasks)} tasks; got {len(values)}.")
    scores = zip(tasks, values, strict=True)
    return {index: _table_score(task, value) for index, (task, value) in enumerate(scores) if value is not None}


def _table_score(task: Task, value: Any) -> Score:
    if task.classes is None:
        raise ValueError(
            f"threshold_metric names task {task.name!r}, which is a regression task and has no threshold; leave it out."
        )
    try:
        metric = find_metric(value)
        metric.require_suits(task)
    except (ValueError, TypeError) as error:
        raise type(error)(f"threshold_metric={value!r} of task {task.name!r} cannot be used. {error}") from error
    if metric.response_method != "predict":
        raise ValueError(
            f"threshold_metric of task {task.name!r} must be a metric of predicted labels, such as 'f1' or "
            f"'balanced_accuracy'; {metric.name} is one of probabilities, which no threshold changes."
        )
    if not metric.takes_weights:
        raise ValueError(
            f"threshold_metric of task {task.name!r} must be a metric with an argument sample_weight, by which "
            f"thresholds are scored on tables of true and predicted labels; {metric.name} has none. Add it, or choose "
            "another metric."
        )
    return TableScore(metric, task.classes)


def held_out_rows_of(job: FitJob, responses: Sequence[np.ndarray]) -> HeldOutRows:
    """Training rows with held-out responses to them."""
    assert job.units is not None
    return HeldOutRows(
        rows=job.encoded.X,
        units=job.units,
        tasks=job.inputs.tasks,
        labels=job.encoded.labels.columns,
        weights=job.inputs.layout.restore(job.encoded.weights, 1),
        sample_weights=job.inputs.rows.weights,
        responses=responses,
        learned=job.objective.to_outputs(job.config.loss_weights > 0).cpu().numpy(),
        memo=job.encoded.memo,
    )


def fit_chain(
    postprocessors: Sequence[Postprocessor], network: Network, held_out: HeldOutRows
) -> tuple[tuple[Postprocessor, ...], HeldOutRows]:
    """Fit each postprocessor to held-out responses as the one before leaves them.

    Returns
    -------
    tuple of Postprocessor
        Those that gain something.
    HeldOutRows
        With the held-out responses as the last one leaves them.
    """
    fitted = []
    for postprocessor in postprocessors:
        learned = copy.copy(postprocessor).fit(network, held_out)
        if learned is not None:
            held_out = replace(held_out, responses=learned.cross_fitted(held_out))
            fitted.append(learned)
    return tuple(fitted), held_out
