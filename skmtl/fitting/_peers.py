"""What the peers of cohorts found out together: the quality of labels, missing ones, and who predicts which task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from skmtl.collaboration import Collaboration, PeerOutputs
from skmtl.fitting._job import FitJob
from skmtl.fitting._prediction import encoded_chunks, predict_responses
from skmtl.network import Network
from skmtl.training import by_cohort, held_out_cells, n_steps, settings_by_name

Learned = dict[str, Any]
LEARNED = (
    "label_quality_",
    "pseudo_label_gain_",
    "transduction_",
    "labeled_iter_",
    "termination_condition_",
)

ERRORS = 2.0  # standard errors by which a gain must differ from 0


def label_quality(job: FitJob, network: Network, held_out: list[np.ndarray] | None) -> Learned:
    """Quality of the given labels, by responses of members that held them out, or of all where none did."""
    method, inputs = job.config.collaboration, job.inputs
    if method is None or not method.judges_labels:
        return {}
    responses = held_out
    if responses is None or any(np.isnan(response).any() for response in responses):
        own = predict_responses(network, inputs.layout, inputs.encoder, inputs.rows.X)
        given = own if responses is None else responses
        responses = [np.where(np.isnan(a), b, a) for a, b in zip(given, own, strict=True)]
    quality = np.full((len(inputs.rows.kept_mask), len(inputs.tasks)), np.nan)
    kept = np.flatnonzero(inputs.rows.kept_mask)
    for k, (task, column, response) in enumerate(zip(inputs.tasks, inputs.rows.labels.columns, responses, strict=True)):
        seen = inputs.rows.weights[:, k] > 0
        quality[kept[seen], k] = task.kind.label_quality(task, column[seen], response[seen])
    return {"label_quality_": quality[:, 0] if inputs.one_dimensional else quality}


def prove_students(job: FitJob, network: Network, n_iter: int) -> tuple[FitJob, Learned]:
    """Let each task be predicted by students of a method or by the others, whoever does better on held-out rows.

    Where the difference is within two standard errors, or unknown, all predict.

    Returns
    -------
    FitJob
        With the weights of the members.
    dict
        Fitted attributes: the gain by task, and the labels that missing cells were given.
    """
    method, n_peers = job.config.collaboration, job.config.n_peers
    students = None if method is None else method.students(n_peers)
    if method is None or students is None:
        return job, {}
    taught = np.zeros(n_peers, dtype=bool)
    taught[students] = True
    labels, learned = _transduction(job, network, method, ~taught, n_iter)
    gain, error = _gain(job, network, taught)
    learned["pseudo_label_gain_"] = {task.name: float(g) for task, g in zip(job.inputs.tasks, gain, strict=True)}
    if not labels:
        return job, learned
    better, worse = gain > ERRORS * error, gain < -ERRORS * error  # neither where the difference may be noise
    serves = np.where(taught[:, None], ~worse, ~better).astype(float)  # (peer, task)
    n_cohorts = job.config.members // n_peers
    share = np.tile(serves / serves.sum(axis=0), (n_cohorts, 1))
    if job.member_weights is None:
        return replace(job, member_weights=share / n_cohorts), learned
    return replace(job, member_weights=job.member_weights * share * n_peers), learned  # peers have the same weight


def _gain(job: FitJob, network: Network, taught: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much the held-out loss of the students is below that of the others, and its standard error by rows.

    ``(n_tasks,)`` each; the gain is NaN where it is unknown. Both are judged by the same rows, so that what is hard in
    a row is in no difference.
    """
    if job.validation is None:
        return np.full(len(job.inputs.tasks), np.nan), np.zeros(len(job.inputs.tasks))
    cells = held_out_cells(network, job.validation, len(taught))
    assert cells.weights is not None
    losses, weights = (values.double().cpu().numpy() for values in (cells.losses, cells.weights[:, 0]))
    gains = losses[:, ~taught].mean(axis=1) - losses[:, taught].mean(axis=1)  # (cohort, row, task)
    learned = job.config.loss_weights[:: len(taught), None].cpu().numpy() > 0
    if len(weights) == 1:  # all cohorts are judged by the same rows
        share = learned / np.maximum(learned.sum(axis=0), 1)
        gains, learned = (gains * share).sum(axis=0, keepdims=True), learned.max(axis=0, keepdims=True)
    weights = np.where(learned, weights, 0.0)
    counts, total = (weights > 0).sum(axis=(0, 1)), weights.sum(axis=(0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weights * gains).sum(axis=(0, 1)) / total
        squares = ((weights * (gains - mean)) ** 2).sum(axis=(0, 1))
        error = np.sqrt(squares * counts / np.maximum(counts - 1, 1)) / total
    return job.inputs.layout.restore(mean), job.inputs.layout.restore(error)


def _transduction(
    job: FitJob, network: Network, method: Collaboration, teachers: np.ndarray, n_iter: int
) -> tuple[bool, Learned]:
    """Whether any missing cell was labelled, and the labels of all cells as most cohorts see them in the end."""
    inputs, layout, config = job.inputs, job.inputs.layout, job.config
    calibrated = None
    if method.needs_held_out and job.validation is not None:
        settings = settings_by_name(method, config.collaboration_settings, config.n_peers)
        calibrated = method.calibrate(held_out_cells(network, job.validation, config.n_peers), settings)
    rounds = method.rounds_begun(_last_progress(job, method, n_iter)) if config.collaborates else 0
    known, columns, groups = [], [], layout.groups
    for _, outputs in encoded_chunks(network, inputs.encoder, inputs.rows.X):
        peers = PeerOutputs(by_cohort(torch.from_numpy(outputs).to(network.device), config.n_peers), groups)
        labelled = method.labelled(peers, calibrated).double().mean(0) >= 0.5
        known.append(layout.restore(labelled.cpu().numpy() & (rounds > 0), 1))
        whom = np.tile(teachers, len(outputs) // len(teachers))
        responses = layout.by_task(layout.mean_responses(outputs[whom]))
        columns.append([task.kind.decode(task, r) for task, r in zip(inputs.tasks, responses, strict=True)])
    given = inputs.rows.weights > 0
    pseudo = np.concatenate(known) & ~given
    labels = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    return bool(pseudo.any()), _as_matrices(job, given, pseudo, labels, rounds)


def _last_progress(job: FitJob, method: Collaboration, n_iter: int) -> float:
    """Fraction of the training done when a round could begin last: with an epoch where it is measured, else a step."""
    total = n_steps(job.config, job.data)
    per_epoch = total // job.config.max_iter
    done = n_iter * per_epoch if job.resumed is None else job.resumed.steps_done
    return (done - (per_epoch if method.needs_held_out else 1)) / total


def _as_matrices(job: FitJob, given: np.ndarray, pseudo: np.ndarray, labels: list[np.ndarray], rounds: int) -> Learned:
    """Fitted attributes, in the rows and the shape that the user gave y in."""
    inputs = job.inputs
    kept = np.flatnonzero(inputs.rows.kept_mask)
    iteration = np.full((len(inputs.rows.kept_mask), len(inputs.tasks)), -1)
    iteration[kept] = np.where(given, 0, np.where(pseudo, rounds, -1))
    columns = []
    for k, column in enumerate(inputs.rows.labels.columns):
        numbers = column.dtype.kind in "biuf"
        full = np.full(len(iteration), np.nan) if numbers else np.full(len(iteration), None, dtype=object)
        full[kept[given[:, k]]] = column[given[:, k]]
        full[kept[pseudo[:, k]]] = labels[k][pseudo[:, k]]
        columns.append(full)
    missing = ~given
    ended = np.where(pseudo.sum(0) == missing.sum(0), "all_labeled", np.where(pseudo.any(0), "max_iter", "no_change"))
    one = inputs.one_dimensional
    matrix = columns[0] if one else _side_by_side(columns)
    return {
        "transduction_": matrix,
        "labeled_iter_": iteration[:, 0] if one else iteration,
        "termination_condition_": {task.name: str(end) for task, end in zip(inputs.tasks, ended, strict=True)},
    }


def _side_by_side(columns: list[np.ndarray]) -> np.ndarray:
    """Columns as a matrix of numbers, or of objects where some are no numbers."""
    if all(column.dtype.kind == "f" for column in columns):
        return np.column_stack(columns)
    matrix = np.empty((len(columns[0]), len(columns)), dtype=object)
    for k, column in enumerate(columns):
        matrix[:, k] = column
    return matrix
