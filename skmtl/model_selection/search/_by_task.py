"""What a search hands on to the net at the end of its best estimator, by task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from skmtl import estimators
from skmtl._sklearn import final_model
from skmtl.estimators._frames import Library
from skmtl.estimators._task_view import TaskView
from skmtl.estimators._types import ConformalMethod


def _has(method: str) -> Callable[[Any], bool]:
    """Whether the search fits its best estimator again and the net at the end of that has a method."""

    def check(search: Any) -> bool:
        if not search.refit:
            raise AttributeError(f"{method} needs the best estimator, fitted to all rows: set refit=True.")
        return hasattr(final_model(getattr(search, "best_estimator_", search.estimator)), method)

    return check


class ByTaskMixin:
    """The methods of skmtl's estimators that scikit-learn's searches do not hand on."""

    @available_if(_has("predict_frame"))
    def predict_frame(self, X: Any, library: Library | None = None) -> Any:
        """Predict by the best estimator, as :func:`skmtl.predict_frame`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        library : {"pandas", "polars"} or None, default=None
            Library of the frame; None: that of X.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame of shape (n_samples, n_tasks)
            One column a task.
        """
        return estimators.predict_frame(self, X, library)

    @available_if(_has("predict_proba_frame"))
    def predict_proba_frame(self, X: Any, library: Library | None = None) -> Any:
        """Predict probabilities by the best estimator, as :func:`skmtl.predict_proba_frame`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        library : {"pandas", "polars"} or None, default=None
            Library of the frame; None: that of X.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame of shape (n_samples, n_classes of all tasks)
            A column for each class of each task.
        """
        return estimators.predict_proba_frame(self, X, library)

    @available_if(_has("predict_interval"))
    def predict_interval(
        self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv", normalize: bool = True
    ) -> np.ndarray:
        """Predict intervals by the best estimator, as :func:`skmtl.predict_interval`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the intervals of each task shall contain.
        method : {"cv", "cv+"}, default="cv"
            As in the net's own method.
        normalize : bool, default=True
            As in the net's own method.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_tasks, 2)
            Lower and upper bound.
        """
        return estimators.predict_interval(self, X, coverage, method=method, normalize=normalize)

    @available_if(_has("predict_set"))
    def predict_set(self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv") -> Any:
        """Predict sets of classes by the best estimator, as :func:`skmtl.predict_set`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the sets of each task shall contain.
        method : {"cv", "cv+"}, default="cv"
            As in the net's own method.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes), bool
            Which classes are in the set, None for numeric tasks; for 1-D y the entry of its task.
        """
        return estimators.predict_set(self, X, coverage, method=method)

    @available_if(_has("score_tasks"))
    def score_tasks(self, X: Any, y: Any, sample_weight: Any = None) -> dict[Any, float]:
        """Score of each task by the best estimator, as :func:`skmtl.score_tasks`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels with holes.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell.

        Returns
        -------
        dict
            Task name to score.
        """
        return estimators.score_tasks(self, X, y, sample_weight)

    @available_if(_has("task_view"))
    def task_view(self, task: Any) -> TaskView:
        """View one task of the best estimator, as :func:`skmtl.task_view`.

        Parameters
        ----------
        task : name or int
            Name or position of the task.

        Returns
        -------
        TaskView
            A fitted classifier or regressor of this task.
        """
        return estimators.task_view(self, task)
