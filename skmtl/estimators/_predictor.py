"""What a fitted estimator does with rows: predict and score."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from skmtl.encoders import Encoder
from skmtl.estimators._at_cells import predict_cells, scores_at
from skmtl.estimators._blockwise import fill, map_blocks, map_pieces, observed_and_predicted, source_of
from skmtl.estimators._encoding import check_columns
from skmtl.estimators._frames import FramesMixin
from skmtl.estimators._inner import detached
from skmtl.estimators._task_view import TaskView
from skmtl.estimators._viewed_task import view_task
from skmtl.fitting import (
    TasksTogether,
    count_threads,
    decode,
    predict_responses,
    score_columns,
    sharing_findings,
    stack_columns,
    tasks_together,
)
from skmtl.inputs import LabelledRows, read_labelled_rows, require_same_tasks
from skmtl.network import Network
from skmtl.postprocess import Postprocessor
from skmtl.tasks import Task, TaskLayout, require_labels_of
from skmtl.tasks._scores import mean_score


class PredictorMixin(FramesMixin):
    """Predictions and scores from the fitted attributes."""

    n_jobs: int | None
    n_features_in_: int
    missing_label: object
    network_: Network
    encoder_: Encoder
    tasks_: list[Task]
    task_names_: np.ndarray
    _layout: TaskLayout
    _postprocessors: tuple[Postprocessor, ...] = ()
    _member_weights: np.ndarray | None = None  # (member, n_tasks); None: a task is predicted by the mean of all members
    _added_at: tuple[int, ...] = ()  # columns at which tasks begin that were added together
    _one_dimensional: bool

    def _check_columns(self, X: Any) -> None:
        """Check that X has the features seen at fit."""
        if type(X) is np.ndarray and X.shape[1:] == (self.n_features_in_,) and not hasattr(self, "feature_names_in_"):
            return  # nothing to say: scikit-learn's own check takes a quarter of the prediction of one row
        check_columns(self, X, self.encoder_, reset=False)

    def _read_labelled(
        self, X: Any, y: Any, sample_weight: Any, suffix: str = "", *, of_block: bool = False, keep_stored: bool = False
    ) -> LabelledRows:
        """Rows with labels of the tasks of the fit, of a block maybe none; names in errors end in ``suffix``."""
        settings = self.missing_label, type(self).__name__, suffix
        observed = read_labelled_rows(X, y, sample_weight, *settings, of_block=of_block, keep_stored=keep_stored)
        require_same_tasks(f"y{suffix}", observed.labels, self.task_names_.tolist())
        require_labels_of(self.tasks_, observed.labels, f"y{suffix}")
        return observed

    def _responses(self, X: Any) -> list[np.ndarray]:
        check_is_fitted(self, "network_")
        if (source := source_of(self, X)) is not None:
            return [np.concatenate(parts) for parts in zip(*map_blocks(self._responses, source), strict=True)]
        self._check_columns(X)
        n_threads, found = count_threads(self.n_jobs), list[np.ndarray]()
        for network, layout, postprocessors, weights in self._tasks_together():
            found += predict_responses(network, layout, self.encoder_, X, n_threads, postprocessors, weights)
        return found

    def _tasks_together(self) -> list[TasksTogether]:
        """What predictions are made of: once for all tasks, or for those of each call that has added some."""
        fitted = TasksTogether(self.network_, self._layout, self._postprocessors, self._member_weights)
        return tasks_together(fitted, self._added_at)

    def _predict_columns(self, X: Any) -> list[np.ndarray]:
        responses = self._responses(X)
        return decode(self.tasks_, responses, getattr(self, "thresholds_", {}))

    @overload
    def predict(self, X: Any, out: np.ndarray | None = None, cells: None = None) -> np.ndarray: ...
    @overload
    def predict(self, X: Any, out: None = None, *, cells: sparse.sparray | sparse.spmatrix) -> sparse.csr_array: ...
    def predict(
        self, X: Any, out: np.ndarray | None = None, cells: sparse.sparray | sparse.spmatrix | None = None
    ) -> np.ndarray | sparse.csr_array:
        """Predict labels.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows, which may be in blocks as in :meth:`fit`: files, a data set, a sequence of blocks.
        out : ndarray of shape (n_samples,) or (n_samples, n_tasks), default=None
            Where labels go block by block, such as an array in a file.
        cells : sparse matrix of shape (n_samples, n_tasks), default=None
            Which cells to predict: those that it stores, whatever their values. A matrix of all labels of many rows and
            tasks may be larger than the memory.

        Returns
        -------
        ndarray or csr_array of shape (n_samples,) or (n_samples, n_tasks)
            Labels in their own types; an object array where types differ between tasks. ``out``, if that is given. With
            ``cells`` a sparse array of these, whose labels must be numbers.

        Raises
        ------
        ValueError
            If the columns are not those of the fit, or ``out`` or ``cells`` has another shape or type.
        """
        if cells is not None:
            return predict_cells(self, X, cells)
        if out is not None:
            return fill(out, map_pieces(self.predict, self, X))
        columns = self._predict_columns(X)
        return columns[0] if self._one_dimensional else stack_columns(columns, self.tasks_)

    def inspect_sharing(self, X: Any) -> dict[str, np.ndarray]:
        """Show how the fitted tasks share hidden layers.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows over which gates are averaged; they matter to nothing else.

        Returns
        -------
        dict of ndarray
            By sharing architecture; empty for those that have nothing to tell. Tasks are in the order of y.

            - "mmoe", "ple", "cgc": ``gate_utilisation`` (member, task, expert), the mean gate of each task on each
              expert; for "ple" and "cgc" in the last level, on the shared experts and then on the task's own.
            - "cross_stitch": ``stitches`` (member, layer, task, task), what a task takes from each other one.
            - "soft": ``distance`` (member, task) of each task's parameters from their mean.
            - "additive": ``own_norm`` (member, task), the norm of what each task adds.
            - "relationship": ``relatedness`` (member, task, task), the correlations of the tasks; with
              ``learn="precision"`` also ``partial_correlation``, which is 0 where two tasks do not act on each other.
            - "latent_tasks": ``mixture`` (member, task, latent), what each task takes of each latent one.
            - "low_rank": ``correction`` (member, layer, task), the norm of each task's correction over that of the
              shared weights.
            - "attention": ``gates`` (member, layer, task), the mean gate.
        """
        check_is_fitted(self, "network_")
        self._check_columns(X)
        return sharing_findings(self.network_, self._layout, self.encoder_, X)

    def score_tasks(self, X: Any, y: Any = None, sample_weight: Any = None) -> dict[str, float]:
        """Score of each task on its observed labels: accuracy of classification, R2 of regression tasks.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows, which may be in blocks as in :meth:`fit`.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels, with holes as in :meth:`fit`, or the names of their columns.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell.

        Returns
        -------
        dict
            Task name to score: NaN where it is not defined, for want of an observed cell, or of a second one for R2.

        Raises
        ------
        ValueError
            If no cell is observed.
        """
        check_is_fitted(self, "network_")
        if (source := source_of(self, X, y, sample_weight)) is not None:
            return score_columns(self.tasks_, *observed_and_predicted(self, source))
        observed = self._read_labelled(X, y, sample_weight, keep_stored=True)
        if observed.keeps_stored:
            return scores_at(self, observed)
        return score_columns(self.tasks_, observed, self._predict_columns(observed.X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean of :meth:`score_tasks` over the tasks whose score is defined.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels, with holes as in :meth:`fit`.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell.

        Returns
        -------
        float
            Mean score; greater is better.

        Raises
        ------
        ValueError
            If no task's score is defined.
        """
        return mean_score(self.score_tasks(X, y, sample_weight).values())

    def task_view(self, task: str | int) -> TaskView:
        """View one task as a fitted classifier or regressor of its own.

        It is what scikit-learn's tools for a single target take: calibration, thresholds, displays, scorers.

        Parameters
        ----------
        task : str or int
            Name or position of the task.

        Returns
        -------
        TaskView
            Frozen: its ``fit`` does nothing, a clone is the view itself, and later fits of this estimator do not change
            it. It has ``predict``, ``score`` and, for classes, ``predict_proba``, ``predict_log_proba`` and
            ``classes_``.

        Raises
        ------
        ValueError
            If there is no such task.
        """
        return view_task(detached(self), task)
