"""Losses and scores of the tasks that a network has learned, on the rows of a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skmtl.inputs import LabelMatrix, by_task, count_rows
from skmtl.metrics import TaskScorer, make_task_scorer
from skmtl.metrics._average import EachTask
from skmtl.metrics._registry import Metric, find_metric
from skmtl.metrics._scored import Scored
from skmtl.tasks import Task


class TestedTask(NamedTuple):
    """Labels of a task by which networks are judged.

    Attributes
    ----------
    task : Task
        As it was fitted to the training rows.
    rows : ndarray of shape (n,), int
        Positions among the test rows.
    labels, weights : ndarray of shape (n,)
        Labels and their sample weights.
    """

    task: Task
    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    def losses(self, response: np.ndarray) -> np.ndarray:
        """Loss of each label under responses ``(n_test, n_classes or 1)`` to all test rows."""
        return self.task.kind.losses(self.task, self.labels, response[self.rows])

    def error(self, losses: np.ndarray) -> float:
        """Mean loss in the unit of the target; NaN without a label."""
        if not len(losses):
            return float("nan")
        return float(np.average(losses, weights=self.weights) ** (1 / self.task.kind.degree))


def read_tested(tasks: Sequence[Task], labels: LabelMatrix, weights: np.ndarray, rows: np.ndarray) -> list[TestedTask]:
    """Labels of the test ``rows`` by task; none of a class that was not trained on, or of a constant task."""
    tested = []
    for k, task in enumerate(tasks):
        column, cells = labels.columns[k][rows], weights[rows, k]
        seen = cells > 0
        if task.classes is not None:
            seen &= np.isin(column, task.classes)
        if task.is_constant:
            seen[:] = False
        tested.append(TestedTask(task, np.flatnonzero(seen), column[seen], cells[seen]))
    return tested


class SubsetScorer:
    """Scores by the metrics that the user has chosen.

    Parameters
    ----------
    scoring : str, callable, TaskScorer or dict
        A metric for all tasks, or a dict of metrics by task.
    names : sequence
        Names of the tasks.

    Attributes
    ----------
    greater_is_better : ndarray of shape (n_tasks,), bool
        Whether a greater score of a task is better; scores are as the metric gives them, a loss is positive.
    """

    def __init__(self, scoring: Any, names: Sequence[Any]) -> None:
        if isinstance(scoring, TaskScorer) and isinstance(scoring.metric, Mapping):
            scoring = scoring.metric
        self._chosen_by_task = isinstance(scoring, Mapping)
        given = by_task("scoring", scoring, names, None) if isinstance(scoring, Mapping) else [scoring] * len(names)
        read = {id(metric): _OneMetric.read(metric) for metric in given}  # tasks of one metric are scored in one call
        self._metrics = [read[id(metric)] for metric in given]
        self.greater_is_better = np.array([metric.greater_is_better for metric in self._metrics])

    def __call__(self, model: Any, X: Any, tested: Sequence[TestedTask], tasks: Sequence[int]) -> np.ndarray:
        """Scores ``(n_tasks,)`` of a fitted model on test rows; NaN for all but ``tasks`` and where not defined."""
        scores = np.full(len(tested), np.nan)
        asked: dict[_OneMetric, list[int]] = {}
        for k in tasks:
            metric = self._metrics[k]
            if self._chosen_by_task and metric.metric is not None:
                metric.metric.require_suits(tested[k].task)
            if len(tested[k].rows) and metric.suits(tested[k].task):
                asked.setdefault(metric, []).append(k)
        for metric, of_metric in asked.items():
            scores[of_metric] = metric.scores(model, X, [tested[k] for k in of_metric])
        return scores


@dataclass(frozen=True, eq=False)
class _OneMetric:
    """A metric, None for that of each task's kind, and its settings."""

    metric: Metric | None
    settings: dict[str, Any]

    @classmethod
    def read(cls, given: Any) -> _OneMetric:
        scorer = given if isinstance(given, TaskScorer) else make_task_scorer(given)
        if scorer.metric is None:
            return cls(None, {})
        found = find_metric(scorer.metric, scorer.greater_is_better, scorer.response_method)
        return cls(found, scorer.settings or {})

    @property
    def greater_is_better(self) -> bool:
        return self.metric is None or self.metric.greater_is_better

    def scores(self, model: Any, X: Any, tested: Sequence[TestedTask]) -> np.ndarray:
        """Scores of some of the tasks of ``model``."""
        names = model.task_names_.tolist()
        tasks = [names.index(one.task.name) for one in tested]
        truth = np.full((count_rows(X), len(names)), None, dtype=object)
        weights = np.zeros(truth.shape)
        for k, one in zip(tasks, tested, strict=True):
            truth[one.rows, k] = one.labels.tolist()
            weights[one.rows, k] = one.weights
        scored = Scored(model, X, truth, weights, None)
        signed: np.ndarray = scored.scores(self.metric or scored.default_metric, EachTask(), tasks, **self.settings)[
            tasks
        ]
        return signed if self.greater_is_better else -signed

    def suits(self, task: Task) -> bool:
        return self.metric is None or self.metric.suits(task)
