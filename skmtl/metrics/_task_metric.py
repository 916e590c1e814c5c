"""A metric of one task in a report: its score, that of the trivial predictor, and its noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.dummy import DummyClassifier, DummyRegressor

from skmtl._params import as_list
from skmtl.inputs import by_task
from skmtl.metrics._average import EachTask
from skmtl.metrics._cells import TaskCells
from skmtl.metrics._registry import Metric, find_metric
from skmtl.metrics._resampled import RESAMPLED
from skmtl.tasks import Kind, Task


@dataclass(frozen=True)
class TaskMetric:
    """A metric as it is asked of one task.

    Attributes
    ----------
    name : str
        What the report calls it.
    metric : Metric
        The metric.
    settings : dict
        Further arguments, which the kind of the task gives.
    """

    name: str
    metric: Metric
    settings: Mapping[str, Any]

    def score(self, cells: TaskCells) -> float:
        """Score of the cells, NaN where it is not defined."""
        if not len(cells.y_true):
            return float("nan")
        classes = {"classes": [cells.classes]} if self.metric.takes_classes else {}
        (score,) = self.metric.function(
            cells.y_true,
            cells.y_pred,
            sample_weight=cells.weights,
            average=EachTask(),
            task_names=[cells.name],
            **classes,
            **self.settings,
        )
        return float(score)

    def resampled(self, cells: TaskCells, counts: np.ndarray) -> np.ndarray:
        """Scores where each cell is drawn so often as ``counts`` says, ``(draw, n_observed) -> (draw,)``."""
        at_once = RESAMPLED.get(self.metric.function)
        if at_once is not None:
            return at_once(cells, counts * cells.weights, **self.settings)
        return np.array([self.score(_drawn(cells, drawn)) for drawn in counts])


def _drawn(cells: TaskCells, counts: np.ndarray) -> TaskCells:
    kept = counts > 0
    weights = (counts * cells.weights)[kept]
    return replace(cells, y_true=cells.y_true[kept], y_pred=cells.y_pred[kept], weights=weights)


def choose_metrics(metrics: Any, tasks: Sequence[Task]) -> list[list[TaskMetric]]:
    """Metrics of each task: those of its kind, or those among the given ones that are for it.

    Raises
    ------
    ValueError
        If a name is unknown or occurs twice, no metric suits any task, or one given for a task does not suit it.
    """
    by_name = isinstance(metrics, Mapping)
    given = by_task("metrics", metrics, [task.name for task in tasks], None) if by_name else [metrics] * len(tasks)
    chosen = []
    for task, of_task in zip(tasks, given, strict=True):
        found = [
            _as_task_metric(metric, task.kind)
            for metric in as_list(task.kind.metrics() if of_task is None else of_task)
        ]
        names = [one.name for one in found]
        for name in names:  # by which a report knows them
            if names.count(name) > 1:
                raise ValueError(f"metrics holds several of the name {name!r}. Leave one out, or name the functions.")
        suited = [one for one in found if one.metric.suits(task)]
        if by_name:
            for one in found:
                one.metric.require_suits(task)
        chosen.append(suited)
    if not any(chosen):
        raise ValueError(f"metrics={metrics!r} holds none that suits the kind of a task. Choose others.")
    return chosen


def _as_task_metric(metric: Any, kind: Kind) -> TaskMetric:
    found = find_metric(metric)
    name = found.name.removeprefix("neg_")  # a report shows a loss as it is
    return TaskMetric(name, found, kind.metrics().get(name, {}))


def trivial_cells(cells: TaskCells, kind: Kind, method: str, training: np.ndarray | None) -> TaskCells:
    """The cells with predictions of what knows no X; it learns from the training labels, or else from these."""
    labels, weights = (cells.y_true, cells.weights) if training is None else (training, None)
    if not len(labels):
        return cells
    level = next((settings["level"] for settings in kind.metrics().values() if "level" in settings), None)
    if kind.is_classifier:
        dummy = DummyClassifier(strategy="prior")
    else:
        dummy = DummyRegressor(strategy="mean" if level is None else "quantile", quantile=level)
    dummy.fit(np.zeros((len(labels), 1)), labels, sample_weight=weights)
    predicted = getattr(dummy, method)(np.zeros((len(cells.y_true), 1)))
    return replace(cells, y_pred=predicted, classes=cells.classes if method == "predict" else dummy.classes_)


@dataclass(frozen=True)
class ScoredTask:
    """A task, its kind, a metric of it, its cells and those of the trivial predictor, and the rows that they are in."""

    place: int
    kind: Kind
    metric: TaskMetric
    cells: TaskCells
    trivial: TaskCells
    rows: np.ndarray


MIN_UNITS = 5  # rows or groups: of fewer, draws are too much alike


def fill_scores(
    table: dict[str, np.ndarray],
    scored: Sequence[ScoredTask],
    units: np.ndarray,
    draws: Iterable[np.ndarray],
    confidence: float,
) -> None:
    """Add the columns of all metrics to a report.

    ``units`` are the groups ``(n_rows,)`` that are drawn together, ``draws`` how often each row is, ``(draw, n_rows)``.
    """
    n_tasks = len(table["task"])
    for name in {one.metric.name: None for one in scored}:
        table |= {name + end: np.full(n_tasks, np.nan) for end in ("", "_low", "_high", "_trivial")}
    for one in scored:
        table[one.metric.name][one.place] = one.metric.score(one.cells)
        table[f"{one.metric.name}_trivial"][one.place] = one.metric.score(one.trivial)
    noisy = [one for one in scored if _can_be_resampled(one, units)]
    chunks = [[one.metric.resampled(one.cells, counts[:, one.rows]) for one in noisy] for counts in draws]
    for one, drawn in zip(noisy, map(np.concatenate, zip(*chunks, strict=True)), strict=False):
        defined = drawn[~np.isnan(drawn)]
        if len(defined):
            ends = _interval(table[one.metric.name][one.place], defined, confidence)
            table[f"{one.metric.name}_low"][one.place], table[f"{one.metric.name}_high"][one.place] = ends


def _interval(score: float, drawn: np.ndarray, confidence: float) -> np.ndarray:
    """Bias-corrected percentiles (Efron and Tibshirani, 1993, equation 14.10 without acceleration)."""
    below = (np.mean(drawn < score) + np.mean(drawn <= score)) / 2
    bias = norm.ppf(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    ends: np.ndarray = np.quantile(drawn, norm.cdf(2 * bias + norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])))
    return ends


def _can_be_resampled(scored: ScoredTask, units: np.ndarray) -> bool:
    """Whether enough units have labels; of classes, labels other than the most frequent one."""
    informative = units[scored.rows]
    if scored.kind.is_classifier and len(informative):
        _, codes, counts = np.unique(scored.cells.y_true, return_inverse=True, return_counts=True)
        informative = informative[codes != counts.argmax()]
    return len(np.unique(informative)) >= MIN_UNITS
