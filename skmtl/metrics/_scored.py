"""An estimator on labelled rows, as metrics look at it."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skmtl._sklearn import final_model
from skmtl.inputs import LabelMatrix, count_rows, read_labels, read_sample_weight, require_same_tasks
from skmtl.metrics._average import averaged, task_alone
from skmtl.metrics._cells import TaskCells, read_cells, read_known_classes, read_score_cells
from skmtl.metrics._registry import Metric
from skmtl.tasks import Binary, Kind, Multiclass, SquaredError, Task, require_labels_of
from skmtl.tasks._scores import accuracy, r2


class Scored:
    """A fitted estimator and the rows that it is scored on, by one metric or several.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X, y : array-like
        Rows and labels with holes.
    sample_weight : array-like, optional
        Weight of each row or cell.
    missing_label : object
        A further value of y that means "no label"; None: ``missing_label`` of the estimator.

    Attributes
    ----------
    names : list
        Names of the tasks.
    tasks : list of Task, optional
        The tasks, where the estimator is one of skmtl.
    columns : list of ndarray of shape (n,)
        Labels of each task.
    missing_label : object
        A further value of y that means "no label".
    cells : callable
        Observed cells of each task with what a method of the estimator predicts for them, a list of TaskCells.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, missing_label: Any) -> None:
        self._estimator, self._X, self._y, self._sample_weight = estimator, X, y, sample_weight
        self._model = final_model(estimator)
        self.missing_label = getattr(self._model, "missing_label", None) if missing_label is None else missing_label
        self._labels: LabelMatrix = read_labels(y, self.missing_label)
        n_rows = len(self._labels.observed)
        if count_rows(X) != n_rows:
            raise ValueError(f"X has {count_rows(X)} rows, y has {n_rows}. Pass the labels of these rows.")
        self.columns = self._labels.columns
        self.names = _task_names(self._model, self._labels)
        self.tasks: list[Task] | None = getattr(self._model, "tasks_", None)
        self._response = cache(lambda method: getattr(estimator, method)(X))
        self.cells = cache(self._cells)

    def scores(self, metric: Metric, average: Any, only: Any = None, **settings: Any) -> Any:
        """Scores by a metric, a loss negated: the average, or those of the tasks.

        Parameters
        ----------
        metric : Metric
            The metric, which leaves out tasks that it is not for.
        average : object
            As of :func:`averaged`.
        only : list of int, default=None
            Positions of the tasks to score; None: of all.
        **settings : dict
            Further arguments of the metric.

        Returns
        -------
        float or ndarray of shape (n_tasks,)
            The average, or each task's score.

        Raises
        ------
        ValueError
            If no task suits the metric, the only one asked for does not, or no score is defined.
        """
        alone = task_alone(average, self.names)
        if alone is not None and self.tasks is not None:
            metric.require_suits(self.tasks[alone])
        weights = self._weights_for(metric, only)
        if metric.takes_classes:
            settings = settings | {"classes": self._classes}
        read = {"sample_weight": weights, "missing_label": self.missing_label, "task_names": self.names}
        found = metric.function(self._y, self._response(metric.response_method), average=average, **read, **settings)
        return found if metric.greater_is_better else -found

    @property
    def default_metric(self) -> Metric:
        """The metric of each task's kind."""
        kinds = {task.name: task.kind.metric for task in self.tasks or []}
        plain = accuracy if is_classifier(self._model) else r2

        def of_task(task: TaskCells) -> float:
            return float(kinds.get(task.name, plain)(task.y_true, task.y_pred, task.weights))

        def over_labels(y_true: Any, y_pred: Any, *, average: Any, task_weights: Any = None, **read: Any) -> Any:
            return averaged(of_task, read_cells(y_true, y_pred, **read), average, task_weights)

        return Metric("the default", over_labels, None)

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights of the cells ``(n, n_tasks)``, 0 where no label is."""
        weights = read_sample_weight(
            self._sample_weight, len(self._labels.observed), self._labels.names, self._labels.one_dimensional
        )
        observed: np.ndarray = weights * self._labels.observed
        return observed

    @cached_property
    def likely_tasks(self) -> list[Task]:
        """The tasks; those of another estimator by its type and the classes that it knows or that are observed."""
        if self.tasks is not None:
            return self.tasks
        numeric = not is_classifier(self._model)
        known = read_known_classes(self._classes, len(self.names))
        found = []
        for name, column, seen, given in zip(self.names, self.columns, self._labels.observed.T, known, strict=True):
            classes = np.unique(column[seen]) if given is None else given
            kind: Kind = Multiclass() if len(classes) > 2 else Binary()
            found.append(Task(name, SquaredError()) if numeric else Task(name, kind, classes=classes))
        return found

    def _cells(self, method: str) -> list[TaskCells]:
        read = read_cells if method == "predict" else read_score_cells
        truth = self._sample_weight, self.missing_label, self.names, self._classes
        return read(self._y, self._response(method), *truth)

    @property
    def _classes(self) -> Any:
        classes = getattr(self._model, "classes_", None)
        return classes if len(self.names) == 1 or isinstance(classes, list) else None

    def _weights_for(self, metric: Metric, only: list[int] | None) -> Any:
        """Weights without those of the tasks that are not asked for, or that the metric is not for."""
        suited = np.ones(len(self.names), dtype=bool)
        if self.tasks is not None:
            suited[:] = [metric.suits(task) for task in self.tasks]
            if not suited.any():
                raise ValueError(
                    f"The metric {metric.name} is for {metric.purpose}, which no task has. Choose another metric."
                )
        if only is not None:
            suited &= np.isin(np.arange(len(suited)), only)
        return self._sample_weight if suited.all() else self.weights * suited


def _task_names(model: Any, labels: LabelMatrix) -> list[Any]:
    known = getattr(model, "task_names_", None)
    if known is None:
        return labels.names
    require_same_tasks("y", labels, list(known))
    require_labels_of(model.tasks_, labels)
    return list(known)
