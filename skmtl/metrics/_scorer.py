"""Scorers of multi-task estimators for scikit-learn's ``scoring``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.metadata_routing import UNUSED

from skmtl._sklearn import final_model
from skmtl.inputs import LabelMatrix, read_labels, read_sample_weight, require_same_tasks
from skmtl.metrics._average import OneTask, averaged
from skmtl.metrics._cells import TaskCells, read_cells
from skmtl.metrics._registry import METRICS, SCIKIT_LEARN, Metric, find_metric
from skmtl.tasks import require_labels_of
from skmtl.tasks._scores import accuracy, r2


class TaskScorer(BaseEstimator):
    """Scorer over the observed cells of a label matrix, called as ``scorer(estimator, X, y, sample_weight=None)``.

    Build it with :func:`make_task_scorer`. Pass it to whatever takes ``scoring`` in scikit-learn. It scores the
    estimators of skmtl, pipelines and searches around them, and the multi-output estimators of scikit-learn. It can be
    pickled and cloned, and has ``get_params`` and ``set_params``.

    Parameters
    ----------
    metric : str, callable or None, default=None
        A metric of :mod:`skmtl.metrics`, by name or function, or a metric of a single task. None: accuracy for
        classification tasks and R2 for regression tasks.
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
        metric: Any = None,
        *,
        average: str | None = "macro",
        task: Any = None,
        greater_is_better: bool | None = None,
        response_method: str | None = None,
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
        model = final_model(estimator)
        missing_label = getattr(model, "missing_label", None) if self.missing_label is None else self.missing_label
        labels = read_labels(y, missing_label)
        names = _task_names(model, labels)
        options = {
            "missing_label": missing_label,
            "task_names": names,
            "average": self.average if self.task is None else OneTask(self.task),
            **(self.settings or {}),
        }
        if self.metric is None:
            scores = _default_scores(model, y, estimator.predict(X), sample_weight=sample_weight, **options)
        else:
            metric = find_metric(self.metric, self.greater_is_better, self.response_method)
            weights = _suited_weights(metric, model, sample_weight, labels)
            if metric.takes_classes:
                options["classes"] = _classes(model, len(names))
            response = getattr(estimator, metric.response_method)(X)
            scores = metric.function(y, response, sample_weight=weights, **options)
            scores = scores if metric.greater_is_better else -scores
        return _with_summaries(names, scores) if self.average is None and self.task is None else float(scores)

    def _accept_sample_weight(self) -> bool:
        return True  # scikit-learn asks its scorers so where metadata routing is off


def make_task_scorer(
    metric: Any = None,
    *,
    task: Any = None,
    average: str | None = "macro",
    greater_is_better: bool | None = None,
    response_method: str | None = None,
    missing_label: object = None,
    **settings: Any,
) -> TaskScorer:
    """Make a scorer over the observed cells of a label matrix, for ``scoring`` in scikit-learn.

    Parameters
    ----------
    metric : str, callable or None, default=None
        A metric of :mod:`skmtl.metrics`, by name or function; or a metric of a single task, called as
        ``metric(y_true, y_pred, sample_weight=...)``. None: accuracy for classification tasks and R2 for regression
        tasks.
    task : name, default=None
        Score this task only.
    average : {"macro", "weighted", "worst"} or None, default="macro"
        How the scores of the tasks become one, as in :mod:`skmtl.metrics`. None: a dict of the score of each task,
        their "mean" and the "worst" of them; with an underscore more where a task has this name.
    greater_is_better : bool, default=None
        Whether a metric of a single task is better where it is greater; None: True. Leave it out for metrics of
        :mod:`skmtl.metrics`.
    response_method : str, default=None
        Method of the estimator that gives a metric of a single task its predictions; None: "predict". Leave it out for
        metrics of :mod:`skmtl.metrics`.
    missing_label : object, default=None
        A further value of y that means "no label"; None: ``missing_label`` of the estimator.
    **settings : dict
        Further arguments of the metric, such as ``task_weights``, ``level`` or ``y_train``.

    Returns
    -------
    TaskScorer
        Called as ``scorer(estimator, X, y, sample_weight=None)``; greater is better, a loss is negated. Metrics of
        classes leave out the regression tasks of an estimator of skmtl, and metrics of numbers its classification
        tasks.

    Raises
    ------
    ValueError
        If the metric is unknown, or both ``task`` and ``average`` are given.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_validate
    >>> from skmtl import MultiTaskNetClassifier
    >>> from skmtl.metrics import make_task_scorer
    >>> from skmtl.model_selection import MultiTaskKFold
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.5]).astype(float)
    >>> y[::3, 0] = np.nan  # no label
    >>> model = MultiTaskNetClassifier(hidden_layer_sizes=(8,), max_iter=40, random_state=0)
    >>> scoring = {"auc": make_task_scorer("roc_auc"), "worst": make_task_scorer("accuracy", average="worst")}
    >>> scores = cross_validate(model, X, y, cv=MultiTaskKFold(2, shuffle=True, random_state=0), scoring=scoring)
    >>> scores["test_auc"].round(1)
    array([1., 1.])
    """
    if task is not None and average != "macro":
        raise ValueError(f"task={task!r} scores one task alone, average={average!r} all of them; pass one of the two.")
    if metric is not None:
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


def read_scoring(scoring: Any) -> Any:
    """``scoring`` of a search or a cross-validation with scorers over observed cells in place of names."""
    if isinstance(scoring, str):
        return make_task_scorer(scoring) if scoring in METRICS or scoring in SCIKIT_LEARN else scoring
    if isinstance(scoring, Mapping):
        return {name: read_scoring(scorer) for name, scorer in scoring.items()}
    if isinstance(scoring, list | tuple | set) and all(isinstance(name, str) for name in scoring):
        return {name: read_scoring(name) for name in scoring}
    return scoring


def _task_names(model: Any, labels: LabelMatrix) -> list[Any]:
    known = getattr(model, "task_names_", None)
    if known is None:
        return labels.names
    require_same_tasks("y", labels, list(known))
    require_labels_of(model.tasks_, labels)
    return list(known)


def _classes(model: Any, n_tasks: int) -> Any:
    classes = getattr(model, "classes_", None)
    return classes if n_tasks == 1 or isinstance(classes, list) else None


def _suited_weights(metric: Metric, model: Any, sample_weight: Any, labels: LabelMatrix) -> Any:
    """Weights without those of the tasks that the metric is not for."""
    tasks = getattr(model, "tasks_", None)
    if tasks is None or metric.of_classes is None:
        return sample_weight
    suited = np.array([task.kind.is_classifier == metric.of_classes for task in tasks])
    if suited.all():
        return sample_weight
    if not suited.any():
        raise ValueError(
            f"The metric {metric.name} is for {'classes' if metric.of_classes else 'numbers'}, "
            "which no task has. Choose another metric."
        )
    weights = read_sample_weight(sample_weight, len(labels.observed), labels.names, one_dimensional=False)
    return weights * suited


def _default_scores(model: Any, y: Any, predicted: Any, *, average: Any, task_weights: Any = None, **read: Any) -> Any:
    """Scores by the default metric of each task."""
    cells = read_cells(y, predicted, **read)
    kinds = {task.name: task.kind.metric for task in getattr(model, "tasks_", [])}
    plain = accuracy if is_classifier(model) else r2

    def of_task(task: TaskCells) -> float:
        return float(kinds.get(task.name, plain)(task.y_true, task.y_pred, task.weights))

    return averaged(of_task, cells, average, task_weights)


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
