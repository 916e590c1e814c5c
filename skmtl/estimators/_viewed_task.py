"""One task of a fitted network as a classifier or regressor of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from skmtl._sklearn import final_model
from skmtl.estimators._inner import at_net
from skmtl.estimators._task_view import TaskView
from skmtl.estimators._types import ConformalMethod
from skmtl.tasks import has_several_quantiles
from skmtl.tasks._classification import log_probabilities


class TaskClassifier(ClassifierMixin, TaskView):
    """A task of classes; see :class:`TaskView`."""

    score = TaskView.score  # the mixin's knows no missing labels

    @property
    def classes_(self) -> np.ndarray:
        """Sorted classes of the task."""
        assert self._task.classes is not None
        return self._task.classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probabilities of the task's classes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities.
        """
        net, rows = at_net(self.estimator, X)
        probabilities: np.ndarray = net._responses(rows)[self.task]
        return probabilities

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities.
        """
        return log_probabilities(self.predict_proba(X))

    def predict_set(self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv") -> np.ndarray:
        """Predict sets of classes that contain the task's labels with a given probability; see the estimator.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the sets shall contain.
        method : {"cv", "cv+"}, default="cv"
            Whether predicted probabilities count, or those by the members that held each training row out.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), bool
            Which of ``classes_`` are in the set.
        """
        net, rows = at_net(self.estimator, X)
        sets: list[np.ndarray] = net._sets(rows, [self.task], coverage, method)
        return sets[0]


class TaskRegressor(RegressorMixin, TaskView):
    """A task of numbers; see :class:`TaskView`."""

    score = TaskView.score  # the mixin's knows no missing labels

    def predict_interval(
        self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv", normalize: bool = True
    ) -> np.ndarray:
        """Predict intervals that contain the task's labels with a given probability; see the estimator.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the intervals shall contain.
        method : {"cv", "cv+"}, default="cv"
            Whether intervals lie around predictions, or around those of the members that held each training row out.
        normalize : bool, default=True
            Whether widths follow the size of held-out errors.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Lower and upper bound.
        """
        net, rows = at_net(self.estimator, X)
        intervals: list[np.ndarray] = net._intervals(rows, [self.task], coverage, method, normalize)
        return intervals[0]

    @available_if(lambda self: has_several_quantiles(self._task))
    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Predict all quantiles of the task, which has several; see the estimator.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_levels)
            Rising quantiles.
        """
        net, rows = at_net(self.estimator, X)
        quantiles: np.ndarray = self._task.restored(net._responses(rows)[self.task])
        return quantiles


def view_task(estimator: Any, task: Any) -> TaskView:
    """View of a task by its position or name; of the estimator itself, which must not change later.

    Raises
    ------
    ValueError
        If there is no such task.
    """
    net = final_model(estimator)
    names = net.task_names_.tolist()
    task = task.item() if isinstance(task, np.generic) else task
    named = [k for k, name in enumerate(names) if type(name) is type(task) and name == task]  # True and 1.0 equal 1
    if named:
        task = named[0]
    if isinstance(task, bool) or not isinstance(task, int) or not -len(names) <= task < len(names):
        raise ValueError(
            f"task must be the name of a task, {', '.join(map(repr, names))}, or a position below {len(names)}; "
            f"got {task!r}."
        )
    number = int(task) % len(names)
    cls = TaskClassifier if net.tasks_[number].kind.is_classifier else TaskRegressor
    return cls(estimator, number)
