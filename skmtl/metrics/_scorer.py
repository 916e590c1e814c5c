"""Scorers of multi-task estimators for scikit-learn's ``scoring``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED

from skmtl._sklearn import _BaseScorer
from skmtl.inputs import by_task
from skmtl.metrics._average import Average, EachTask, OneTask, summed_up, task_alone
from skmtl.metrics._registry import Metric, find_metric
from skmtl.metrics._scored import Scored
from skmtl.metrics._types import MetricLike, ResponseMethod


class TaskScorer(BaseEstimator):
    """Scorer over the observed cells of a label matrix, called as ``scorer(estimator, X, y, sample_weight=None)``.

    Build it with :func:`make_task_scorer`. Pass it to whatever takes ``scoring`` in scikit-learn. It scores the
    estimators of skmtl, pipelines and searches around them, and the multi-output estimators of scikit-learn. It can be
    pickled and cloned, and has ``get_params`` and ``set_params``.

    Parameters
    ----------
    metric : str, callable or None, default=None
        A metric of :mod:`skmtl.metrics`, by name or function, the name of a scorer of scikit-learn for one target, such
        a scorer, or a metric of a single task; or a dict of these by task. None: accuracy for classification tasks and
        R2 for regression tasks.
    average : {"macro", "weighted", "worst"}, str or None, default="macro"
        How the scores of the tasks become one, as in :mod:`skmtl.metrics`. The name of a task gives its score alone,
        None a dict of all scores.
    task : name, default=None
        Score this task only, also where its name is that of an average.
    greater_is_better : bool, default=None
        Whether a metric of a single task is better where it is greater; None: True.
    response_method : str, default=None
        Method of the estimator that gives a metric of a single task its predictions; None: "predict".
    missing_label : object, default=None
        A further value of y that means "no label"; None: ``missing_label`` of the estimator.
    settings : dict, default=None
        Further arguments of the metric.
    """

    __metadata_request__score = {"estimator": UNUSED}  # noqa: RUF012

    def __init__(
        self,
        metric: MetricLike = None,
        *,
        average: Average | str | None = "macro",
        task: Any = None,
        greater_is_better: bool | None = None,
        response_method: ResponseMethod | None = None,
        missing_label: object = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.metric = metric
        self.average = average
        self.task = task
        self.greater_is_better = greater_is_better
        self.response_method = response_method
        self.missing_label = missing_label
        self.settings = settings

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float | dict[str, float]:
        """Score; see :meth:`score`."""
        return self.score(estimator, X, y, sample_weight)

    def score(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float | dict[str, float]:
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels with holes.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell.

        Returns
        -------
        float or dict
            Score, greater is better: a loss is negated. With ``average=None`` a dict of each task's score (NaN where it
            is not defined), of the "mean" over those that are defined and of the "worst".

        Raises
        ------
        ValueError
            If no task's score is defined.
        """
        scored = Scored(estimator, X, y, sample_weight, self.missing_label)
        average = self.average if self.task is None else OneTask(self.task)
        if isinstance(self.metric, Mapping):
            scores = self._by_task(scored, average)
        else:
            scores = scored.scores(self._find(scored), average, **(self.settings or {}))
        return _with_summaries(scored.names, scores) if average is None else float(scores)

    def _find(self, scored: Scored) -> Metric:
        if self.metric is None:
            return scored.default_metric
        return find_metric(self.metric, self.greater_is_better, self.response_method)

    def _by_task(self, scored: Scored, average: Any) -> Any:
        """Scores where each task has a metric of its own."""
        given = by_task("metric", self.metric, scored.names, None)
        scorers = [metric if isinstance(metric, TaskScorer) else TaskScorer(metric) for metric in given]
        metrics = [scorer._find(scored) for scorer in scorers]
        for task, metric in zip(scored.tasks or [], metrics, strict=False):
            metric.require_suits(task)
        one = task_alone(average, scored.names)
        if one is not None:
            return scored.scores(metrics[one], average, [one], **(scorers[one].settings or {}))
        alike: dict[Any, list[int]] = {}  # tasks of one metric are scored in one call
        for k, metric in enumerate(given):
            alike.setdefault(metric if isinstance(metric, str) else id(metric), []).append(k)
        scores = np.full(len(given), np.nan)
        for tasks in alike.values():
            settings = scorers[tasks[0]].settings or {}
            scores[tasks] = scored.scores(metrics[tasks[0]], EachTask(), tasks, **settings)[tasks]
        weights = (self.settings or {}).get("task_weights"), scored.weights.sum(axis=0)
        return summed_up(scores, scored.names, average, *weights, greater_is_better=True)

    def _accept_sample_weight(self) -> bool:
        return True  # scikit-learn asks its scorers so where metadata routing is off


def make_task_scorer(
    metric: MetricLike = None,
    *,
    task: Any = None,
    average: Average | str | None = "macro",
    greater_is_better: bool | None = None,
    response_method: ResponseMethod | None = None,
    missing_label: object = None,
    **settings: Any,
) -> TaskScorer:
    """Make a scorer over the observed cells of a label matrix, for ``scoring`` in scikit-learn.

    Parameters
    ----------
    metric : str, callable, dict or None, default=None
        One of these:

        - a metric of :mod:`skmtl.metrics`, by name or function;
        - the name of a scorer of scikit-learn that is for one target, such as "f1_macro", "roc_auc_ovo" or
          "neg_median_absolute_error";
        - a scorer from :func:`sklearn.metrics.make_scorer`, applied to one task after the other;
        - a metric of a single task, called as ``metric(y_true, y_pred, sample_weight=...)``;
        - a dict of all these by task, in which tasks that are not named have None;
        - None: accuracy for classification tasks and R2 for regression tasks.

        Losses are negated, with "neg_" before their name or without. Of two classes the second is the positive one; the
        names "f1", "precision", "recall" and "jaccard" stand for the mean over all where there are more.
    task : name, default=None
        Score this task only.
    average : {"macro", "weighted", "worst"} or None, default="macro"
        How the scores of the tasks become one, as in :mod:`skmtl.metrics`. None: a dict of the score of each task,
        their "mean" and the "worst" of them, with "_" appended where a task has this name.
    greater_is_better : bool, default=None
        Whether a metric of a single task is better where it is greater; None: True. Leave it out for metrics of
        :mod:`skmtl.metrics`.
    response_method : str, default=None
        Method of the estimator that gives a metric of a single task its predictions; None: "predict". Leave it out for
        metrics of :mod:`skmtl.metrics`.
    missing_label : object, default=None
        A further value of y that means "no label"; None: ``missing_label`` of the estimator.
    **settings : dict
        Further arguments of the metric, such as ``task_weights``, ``level`` or ``y_train``. With a dict of metrics
        ``task_weights`` only; a metric in it that needs another is itself made by this function.

    Returns
    -------
    TaskScorer
        Called as ``scorer(estimator, X, y, sample_weight=None)``; greater is better, a loss is negated. Metrics of
        classes leave out the regression tasks of an estimator of skmtl, and metrics of numbers its classification
        tasks. One that a dict names for a task must suit it.

        Metrics of classes leave out a task of which fewer than two classes are observed, where some would be too good;
        accuracies, "f1", log loss and Brier score do not. Likelihood ratios, "neg_max_error", "roc_auc_ovo" and
        "roc_auc_ovo_weighted" ignore sample weights, as in scikit-learn.

    Raises
    ------
    ValueError
        If the metric is unknown, or both ``task`` and ``average`` are given.
    TypeError
        If ``metric`` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_validate
    >>> from skmtl import MultiTaskNetClassifier
    >>> from skmtl.metrics import make_task_scorer
    >>> from skmtl.model_selection import MultiTaskKFold
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.2]).astype(float)
    >>> y[::3, 0] = np.nan  # no label
    >>> model = MultiTaskNetClassifier(hidden_layer_sizes=(8,), max_iter=40, random_state=0)
    >>> scoring = {"auc": make_task_scorer("roc_auc"), "worst": make_task_scorer("accuracy", average="worst")}
    >>> scores = cross_validate(model, X, y, cv=MultiTaskKFold(2, shuffle=True, random_state=0), scoring=scoring)
    >>> scores["test_auc"].round(1)
    array([1., 1.])

    A metric for each task:

    >>> scorer = make_task_scorer({"task0": "roc_auc", "task1": "f1_macro"}, average=None)
    >>> sorted(scorer(model.fit(X, y), X, y))
    ['mean', 'task0', 'task1', 'worst']
    """
    if task is not None and average != "macro":
        raise ValueError(f"task={task!r} scores one task alone, average={average!r} all of them; pass one of the two.")
    if isinstance(metric, Mapping):
        _check_metrics(metric, greater_is_better, response_method, settings)
    elif metric is not None:
        find_metric(metric, greater_is_better, response_method)
    return TaskScorer(
        metric,
        average=average,
        task=task,
        greater_is_better=greater_is_better,
        response_method=response_method,
        missing_label=missing_label,
        settings=settings or None,
    )


def _check_metrics(
    metrics: Mapping[Any, Any], greater_is_better: Any, response_method: Any, settings: dict[str, Any]
) -> None:
    """Check metrics by task, as far as this can be done without tasks."""
    for metric in metrics.values():
        if metric is not None and not isinstance(metric, TaskScorer):
            find_metric(metric)
    common = {"greater_is_better": greater_is_better, "response_method": response_method} | settings
    for name, value in common.items():
        if value is not None and name != "task_weights":
            task = next(iter(metrics), "task")
            raise ValueError(
                f"{name} belongs to a single metric, but there is one for each task. Give it with the metric: "
                f"{{{task!r}: make_task_scorer(..., {name}={value!r})}}."
            )


def read_scoring(scoring: Any) -> Any:
    """``scoring`` of a search or a cross-validation with scorers over observed cells in place of scikit-learn's.

    Raises
    ------
    ValueError
        If a name is unknown, or one of several scorers gives more than one number.
    """
    if isinstance(scoring, str):
        name: Any = scoring
        return make_task_scorer(name)
    if isinstance(scoring, Mapping):
        return {name: _one_of_several(name, read_scoring(scorer)) for name, scorer in scoring.items()}
    if isinstance(scoring, list | tuple | set) and all(isinstance(name, str) for name in scoring):
        return {name: read_scoring(name) for name in scoring}
    if isinstance(scoring, _BaseScorer) and scoring._score_func.__module__.startswith("sklearn."):
        return make_task_scorer(scoring)  # scikit-learn's functions know no missing labels
    return scoring


def _one_of_several(name: Any, scorer: Any) -> Any:
    if isinstance(scorer, TaskScorer) and scorer.average is None and scorer.task is None:
        raise ValueError(
            f"scoring[{name!r}] gives the score of each task, where one number is needed. Pass this scorer alone as "
            "scoring, or build it with an average or a task."
        )
    return scorer


def _with_summaries(names: list[Any], scores: np.ndarray) -> dict[Any, float]:
    labels = [str(name) if isinstance(name, tuple) else name for name in names]  # searches format tuples otherwise
    found = dict(zip(labels, scores.tolist(), strict=True))
    for summary, value in (("mean", np.nanmean(scores)), ("worst", np.nanmin(scores))):
        while summary in found:  # a task of this name keeps it
            summary += "_"
        found[summary] = float(value)
    return found


task_scores = make_task_scorer(average=None)
"""Score of each task, their "mean" and the "worst" of them: the scorer ``make_task_scorer(average=None)``."""
