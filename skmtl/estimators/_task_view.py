"""What views of single tasks have in common."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, get_tags

from skmtl._sklearn import final_model
from skmtl.estimators._inner import at_net
from skmtl.inputs import count_rows, object_array, read_labelled_rows, read_labels, require_same_tasks, take_rows
from skmtl.tasks import Task, require_labels_of


class TaskView(FrozenEstimator):
    """One task of a fitted multi-task estimator; frozen, so that ``fit`` does nothing and a clone is the view itself.

    A :class:`~sklearn.frozen.FrozenEstimator`, by which scikit-learn knows that all rows given to a calibration may be
    used for it.

    Parameters
    ----------
    estimator : MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor or Pipeline
        Fitted; a pipeline ends in one of these, and its steps transform the rows.
    task : int
        Position of the task.
    """

    def __init__(self, estimator: Any, task: int) -> None:
        self.estimator = estimator
        self.task = task

    def __getattr__(self, name: str) -> Any:
        # a frozen estimator lends out all that its estimator has; most of this is about many tasks
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Do nothing: the network is fitted.

        Parameters
        ----------
        X, y, sample_weight : object
            Not used.

        Returns
        -------
        Self
            The view.
        """
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the task's labels.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels in their own type.
        """
        net, rows = at_net(self.estimator, X)
        predicted: np.ndarray = net._predict_columns(rows)[self.task]
        return predicted

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score on the observed labels: accuracy of a classification task, R2 of a regression task.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels of the task, with holes as in the estimator's ``fit``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        float
            Score; greater is better.

        Raises
        ------
        ValueError
            If y holds several tasks or no label.
        """
        observed = read_labelled_rows(X, y, sample_weight, self.missing_label, type(self).__name__)
        if len(observed.labels.columns) != 1:
            raise ValueError(
                f"y must hold the labels of task {self._task.name!r} alone; got {len(observed.labels.columns)} columns."
            )
        require_labels_of([self._task], observed.labels)
        truth, weights = observed.labels.columns[0], observed.weights[:, 0]
        return self._task.kind.metric(truth, self.predict(observed.X), weights)

    def observed(self, X: Any, y: Any, *arrays: Any) -> list[Any]:
        """Rows that have a label of the task, for tools that know no missing labels.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels of the task, or of all tasks of the estimator.
        *arrays : array-like of n_samples rows
            What belongs to the rows, such as sample weights or groups.

        Returns
        -------
        list
            X, the labels of the task, of shape (n_observed,), and the arrays, of the rows with a label.

        Raises
        ------
        ValueError
            If y holds other tasks or labels of another type, or lengths differ.
        """
        labels = read_labels(y, self.missing_label)
        alone = len(labels.names) == 1
        tasks, place = ([self._task], 0) if alone else (final_model(self.estimator).tasks_, self.task)
        require_same_tasks("y", labels, [task.name for task in tasks])
        require_labels_of(tasks, labels)
        known = labels.observed[:, place]
        for array in (X, *arrays):
            if count_rows(array) != len(known):
                raise ValueError(f"All arrays must have the {len(known)} rows of y; got one of {count_rows(array)}.")
        rows = np.flatnonzero(known)
        return [take_rows(X, rows), labels.columns[place][rows], *(take_rows(array, rows) for array in arrays)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return what is viewed.

        Parameters
        ----------
        deep : bool, default=True
            Not used: parameters of the fitted estimator are not the view's.

        Returns
        -------
        dict
            The estimator and the position of the task.
        """
        return {"estimator": self.estimator, "task": self.task}

    def set_params(self, **params: Any) -> Self:
        """Refuse: a view is frozen.

        Parameters
        ----------
        **params : dict
            None may be given.

        Returns
        -------
        Self
            The view.

        Raises
        ------
        ValueError
            If a parameter is given.
        """
        if params:
            raise ValueError(
                f"A task view is frozen; {next(iter(params))!r} cannot be set. Call task_view of another estimator."
            )
        return self

    @property
    def _task(self) -> Task:
        task: Task = final_model(self.estimator).tasks_[self.task]
        return task

    @property
    def tasks_(self) -> list[Task]:
        """The task, alone in a list."""
        return [self._task]

    @property
    def task_names_(self) -> np.ndarray:
        """Name of the task, shape (1,)."""
        return object_array([self._task.name])

    @property
    def missing_label(self) -> Any:
        """A further value of y that means "no label"."""
        return final_model(self.estimator).missing_label

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X."""
        return int(self.estimator.n_features_in_)

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns of X, if they are strings."""
        names: np.ndarray = self.estimator.feature_names_in_
        return names

    def __sklearn_tags__(self) -> Tags:
        tags = BaseEstimator.__sklearn_tags__(self)
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
