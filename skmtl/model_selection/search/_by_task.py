"""What a search hands on to the net at the end of its best estimator, by task."""

from __future__ import annotations

from typing import Any

from sklearn.utils.metaestimators import available_if

from skmtl import estimators
from skmtl.estimators._frames import Library
from skmtl.estimators._task_view import TaskView
from skmtl.model_selection._net_methods import ConformalOfNetMixin, net_has


class ByTaskMixin(ConformalOfNetMixin):
    """The methods of skmtl's estimators that scikit-learn's searches do not hand on."""

    @available_if(net_has("predict_frame"))
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

    @available_if(net_has("predict_proba_frame"))
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

    @available_if(net_has("score_tasks"))
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

    @available_if(net_has("task_view"))
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
