"""What a fit has learned, and what its members say of rows that they held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from skmtl.conformal import Folds, HeldOutScores, gather
from skmtl.fitting._job import FitJob
from skmtl.fitting._judged import JudgedMembers
from skmtl.fitting._peers import label_quality, prove_students
from skmtl.fitting._postprocessing import fit_chain, held_out_rows_of
from skmtl.inputs import LabelledRows
from skmtl.network import Network
from skmtl.postprocess import Postprocessor, Threshold, choose_thresholds, thresholded
from skmtl.tasks import Task
from skmtl.training import History

MANY_TASKS = 100  # of which not each has its words in what is printed or warned of


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


@dataclass(frozen=True)
class OutOfFold:
    """What the members say of rows that they did not learn from.

    Attributes
    ----------
    tasks : sequence of Task
        In the order of the label matrix.
    responses : list of ndarray of shape (n_samples, n_classes or 1), or None
        Mean response of the members that held a row out, NaN where none did; in the order of the label matrix. None
        after unpickling: they are of use beside the training rows only, and would make the pickle grow with these.
    scores : dict
        Task name to score, without the tasks that have no held-out label.
    thresholds : dict of ndarray of shape (n_samples,) or (n_samples, n_classes)
        Task name to the threshold of each row, as chosen without its fold. Empty after unpickling.
    judged : JudgedMembers or None
        What each of the members says of them. None after unpickling.
    """

    tasks: Sequence[Task]
    responses: list[np.ndarray] | None
    scores: dict[str, float]
    thresholds: dict[Any, np.ndarray]
    judged: JudgedMembers | None

    @cached_property
    def conformal(self) -> HeldOutScores:
        """How far the responses are from the labels, which pickles keep."""
        assert self.responses is not None
        assert self.judged is not None
        observed = self.judged.observed
        responses = [response[observed.kept_mask] for response in self.responses]
        folds = Folds.of(len(observed.weights), self.judged.rows, self.judged.real)
        return gather(self.tasks, observed.labels.columns, responses, observed.weights, folds, self.judged.groups)

    def __getstate__(self) -> dict[str, Any]:
        kept = {"tasks": self.tasks, "scores": self.scores, "conformal": self.conformal}
        return kept | {"responses": None, "thresholds": {}, "judged": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def score_responses(
    tasks: Sequence[Task],
    responses: Sequence[np.ndarray],
    observed: LabelledRows,
    thresholds: Mapping[Any, np.ndarray],
) -> dict[str, float]:
    """Score of each task by responses ``(n, n_classes or 1)``, on its labels that have one; thresholds of each row."""
    scores = {}
    cells = zip(tasks, responses, observed.labels.columns, observed.weights.T, strict=True)
    for task, response, truth, weights in cells:
        seen = (weights > 0) & ~np.isnan(response[:, 0])
        of_rows = thresholds[task.name][seen] if task.name in thresholds else None
        predicted = task.kind.decode(task, thresholded(response[seen], of_rows))
        scores[task.name] = task.kind.metric(truth[seen], predicted, weights[seen])
    return scores


def out_of_fold(
    tasks: Sequence[Task],
    responses: Sequence[np.ndarray],
    judged: JudgedMembers,
    thresholds: Mapping[Any, np.ndarray],
) -> OutOfFold:
    """Score the responses under the thresholds of each row, and line all up with the rows that the user gave."""
    aligned, kept = [], judged.observed.kept_mask
    for task, response in zip(tasks, responses, strict=True):
        full = np.full((len(kept), response.shape[1]), np.nan)
        # means of what the members have rounded to their own type do not sum to 1 in this one
        total = response.sum(axis=1, keepdims=True) if task.kind.is_classifier else 1.0
        full[kept] = response / total
        aligned.append(full)
    of_rows = {name: np.full((len(kept), *values.shape[1:]), np.nan) for name, values in thresholds.items()}
    for name, values in thresholds.items():
        of_rows[name][kept] = values
    return OutOfFold(tasks, aligned, score_responses(tasks, responses, judged.observed, thresholds), of_rows, judged)


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
    postprocessors : tuple of Postprocessor
        Of responses, in the order in which they act; each was fitted to held-out responses as those before leave them.
    held_out : OutOfFold or None
        Responses of members to training rows that they never learned from.
    thresholds : dict
        Task name to the threshold, or the offsets of the classes, by which its labels are predicted.
    learned : dict
        Further fitted attributes, which peers found out together.
    """

    job: FitJob
    network: Network
    history: dict[str, np.ndarray]
    n_iter: int
    postprocessors: tuple[Postprocessor, ...] = ()
    held_out: OutOfFold | None = None
    thresholds: dict[Any, Threshold] = field(default_factory=dict)
    learned: dict[str, Any] = field(default_factory=dict)


def describe(job: FitJob, network: Network, history: Mapping[str, np.ndarray], n_iter: int) -> FitResult:
    """Network of a fit that may still be going on, and its history with tasks in the order of the label matrix."""
    layout, n_tasks = job.inputs.layout, len(job.inputs.tasks)

    def arranged(values: np.ndarray) -> np.ndarray:
        if not len(values):
            return values.reshape(0, job.config.members, n_tasks)
        return layout.restore(values, 2) if values.shape[2] == n_tasks else values  # of many tasks, their mean

    return FitResult(job, network, {name: arranged(values) for name, values in history.items()}, n_iter)


def finish(job: FitJob, network: Network, history: History) -> FitResult:
    """Result of a fit that has ended, with what its members say of the rows that they held out."""
    collaborates, learned = job.config.collaboration is not None, dict[str, Any]()
    if collaborates:
        job, learned = prove_students(job, network, len(history))
    result = describe(job, network, history.arrays(), len(history))
    if not job.responds or job.validation is None or job.inputs.rows.keeps_stored:
        return replace(result, learned=learned | (label_quality(job, network, None) if collaborates else {}))
    judged, tasks = JudgedMembers.by_held_out_rows(job, network), job.inputs.tasks
    responses = judged.responses(job.inputs.layout, job.member_weights)
    postprocessors = tuple[Postprocessor, ...]()
    thresholds, of_rows = dict[int, Threshold](), dict[int, np.ndarray]()
    if job.postprocessors or job.threshold_scores:
        postprocessors, held_out = fit_chain(job.postprocessors, network, held_out_rows_of(job, responses))
        if job.threshold_scores:
            thresholds, of_rows = choose_thresholds(held_out, job.threshold_scores)
        responses = list(held_out.responses)
    return replace(
        result,
        postprocessors=postprocessors,
        held_out=out_of_fold(tasks, responses, judged, {tasks[k].name: values for k, values in of_rows.items()}),
        thresholds={tasks[k].name: threshold for k, threshold in thresholds.items()},
        learned=learned | (label_quality(job, network, responses) if collaborates else {}),
    )


def progress_line(result: FitResult, seconds: float) -> str:
    """One line an epoch: mean over the members of each task's loss, and of the held-out loss where there is one.

    At its end stand the ``seconds`` so far, and how many more all remaining epochs would take.
    """
    losses = np.nanmean(result.history["loss"][-1], axis=0)
    held_out = result.history["validation_loss"][-1]
    tasks = result.job.inputs.tasks
    if len(tasks) > MANY_TASKS:
        parts = [f"{len(tasks)} tasks {np.nanmean(losses):.4f} on average"]
    else:
        parts = [f"{task.name} {loss:.4f}" for task, loss in zip(tasks, losses, strict=True)]
    if not np.isnan(held_out).all():
        parts.append(f"held out {np.nanmean(held_out):.4f}")
    left = seconds / result.n_iter * (result.job.config.max_iter - result.n_iter)
    parts.append(f"{seconds:.1f} s, at most {left:.1f} s left")
    return f"epoch {result.n_iter}: " + ", ".join(parts) + "\n"
