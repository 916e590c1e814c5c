"""What the three estimators have in common: fit and state."""

from __future__ import annotations

import copy
import sys
import warnings
from abc import ABC, abstractmethod
from functools import partial
from time import perf_counter
from typing import Any, ClassVar, Self

from sklearn.utils import Tags

from skmtl._sklearn import CallbackSupportMixin, DocLinkMixin, FitProgress, with_callbacks
from skmtl._torch_state import torch_settings
from skmtl.blocks import as_source
from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints, checkpoints_of
from skmtl.defaults import ROW_CORRECTIONS
from skmtl.estimators._added_tasks import AddedTasksMixin
from skmtl.estimators._compact import CompactMixin
from skmtl.estimators._constraints import CONSTRAINTS
from skmtl.estimators._continued import REMEMBERED
from skmtl.estimators._encoding import as_encoder
from skmtl.estimators._exported import ExportMixin
from skmtl.estimators._features import FeaturesMixin
from skmtl.estimators._fit_inputs import COLUMNS, read_inputs
from skmtl.estimators._history import HistoryMixin
from skmtl.estimators._html import AutoParamsHTMLMixin
from skmtl.estimators._identity import identity_of
from skmtl.estimators._nested_params import NestedParamsMixin
from skmtl.estimators._out_of_fold import DECIDED, OutOfFoldMixin, decided, warn_of_one_class
from skmtl.estimators._relatedness import RELATEDNESS, judged_before, relatedness_attributes
from skmtl.estimators._sources import in_memory, read_for, require_in_memory
from skmtl.estimators._versions import VersionedMixin
from skmtl.fitting import (
    LEARNED,
    FitJob,
    FitResult,
    Report,
    StackedTrainer,
    decide,
    fit_many,
    prepare,
    progress_line,
    warn_of_splits_left,
    within,
)
from skmtl.inputs import TaskLabels, object_array
from skmtl.processes import alone, current, fitting_together
from skmtl.tasks import Kind, Task

_ONE_PASS = {
    "max_iter": 1,
    "early_stopping": False,
    "cv": None,
    "learning_rate": "constant",
    "input_scaling": False,
    **dict.fromkeys(ROW_CORRECTIONS, False),
    "calibration": None,
    "threshold_metric": None,
}


class BaseMultiTaskNet(
    AddedTasksMixin,
    AutoParamsHTMLMixin,
    CallbackSupportMixin,
    CompactMixin,
    DocLinkMixin,
    ExportMixin,
    FeaturesMixin,
    HistoryMixin,
    OutOfFoldMixin,
    NestedParamsMixin,
    VersionedMixin,
    ABC,
):
    """Base of the multi-task networks."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    @abstractmethod
    def _kinds(self, columns: list[TaskLabels]) -> list[Kind]:
        """Kind of each task, from parameters and observed labels."""

    def _given_kinds(self, names: list[Any]) -> dict[Any, Kind]:
        """Kinds of tasks that the parameters name, whatever the labels."""
        return {}

    def _expose(self, tasks: list[Task], one_dimensional: bool) -> dict[str, Any]:
        """Further fitted attributes of the subclass."""
        return {}

    @with_callbacks
    @torch_settings()
    @fitting_together()
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Fit to training data.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Training data; NaN is a missing value. Or where they are read in blocks: a Parquet file or a folder of them,
            a pyarrow data set, a sequence of blocks ``(X, y[, sample_weight])``, a :class:`skmtl.blocks.Source`.
        y : array-like, data frame or sparse matrix of shape (n_samples,) or (n_samples, n_tasks), default=None
            Labels, or the names of their columns in files; NaN, None, pandas.NA and ``missing_label`` mark missing
            ones. A sparse matrix needs ``missing_label="unstored"``.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of rows or of single labels; weight 0 is the same as no row or no label.
        X_val, y_val, sample_weight_val : default=None
            Validation data, by which the epoch is chosen whose weights are kept, in place of held-out training rows.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, given to ``cv``. Where ``cv`` is None or a number, rows of a group are held out together.

        Returns
        -------
        Self
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, y or a weight is not usable; the message names it and the cure.
        DivergenceError
            If the loss stops being finite.
        DistributedError
            In a group of processes, if another one has ended or failed; see :func:`skmtl.distributed`.
        """
        self._validate_params()
        deadline = None if self.max_time is None else perf_counter() + self.max_time
        network = self.network_ if self.warm_start and hasattr(self, "network_") else None
        source, params = as_source(X, y, sample_weight), self.get_params(deep=False)
        validation = X_val, y_val, sample_weight_val
        if X_val is not None:
            validation = in_memory(*validation)
        given = (X, y, sample_weight) if source is None else (source,)
        identity = partial(identity_of, self, *given, validation, groups, network and network.buffer.values)
        with checkpoints_of(self.checkpoint, identity) as checkpoints:
            params["random_state"] = current().world.share(checkpoints.seed(self.random_state))
            inputs, params = read_for(self, given, validation, groups, params, continued=network is not None)
            job = prepare(params, inputs, network=network)
            warn_of_splits_left(job)
            if self.effort != "fixed" and network is None:
                job = decide(job, params, deadline, checkpoints.of_trials())
            if deadline is not None:
                job = within(job, params, deadline, network)
            progress = FitProgress(self, job.config.max_iter, X, y, sample_weight)
            current().require_same_callbacks(progress.context is not None)
            trainer = self._train(
                job, lambda trainer: progress.step("epoch", lambda: self._attributes(trainer.snapshot(0))), checkpoints
            )
            self._adopt(trainer.result(0))
        if self._out_of_fold is not None:
            warn_of_one_class(self.tasks_, self._out_of_fold, trainer.result(0).thresholds)
        progress.end()
        return self

    @torch_settings()
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on a batch of data.

        The first call fits the encoder and the scaling of the targets; later calls keep them. A failed call leaves the
        estimator as it was. After unpickling, training goes on with fresh moments of the optimizer.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels, of which some may be missing as in :meth:`fit`.
        classes : array-like, or list of array-like, default=None
            All classes (1-D y) or those of each task (2-D y; None for a regression task). Without them the classes are
            those of the first call.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            As in :meth:`fit`, and if a label is not among the classes.
        """
        self._validate_params()
        require_in_memory("partial_fit", X, "Pass one block after another, or call fit.")
        continued = hasattr(self, "network_")
        inputs = read_inputs(self, X, y, sample_weight, classes=classes, continued=continued, one_pass=True)
        params, resumed = self.get_params(deep=False) | _ONE_PASS, getattr(self, "_training", None)
        job = prepare(params, inputs, network=self.network_ if continued else None, resumed=resumed)
        if hasattr(self, "task_relatedness_"):
            job = judged_before(job, self._member_weights)
        self.__dict__.pop("_training", None)  # a pass that fails leaves its moments unusable
        with alone():  # one pass takes less time than telling the others
            trainer = self._train(job)
        self._adopt(trainer.result(0))
        self._training = trainer.training.forget_rows()
        return self

    def _train(
        self, job: FitJob, report: Report = lambda trainer: False, checkpoints: NoCheckpoints = NO_CHECKPOINTS
    ) -> StackedTrainer:
        """Train one job; a keyboard interrupt ends the training, and the weights so far are kept."""
        started = perf_counter()

        def after_epoch(trainer: StackedTrainer) -> bool:
            if self.verbose and current().world.rank == 0:
                sys.stdout.write(progress_line(trainer.last_epoch(0), perf_counter() - started))
            return report(trainer)

        if self.verbose and job.config.collaboration is not None:
            sys.stdout.write(f"{job.inputs.n_unlabeled} rows without any label are learned from\n")
        (trainer,) = fit_many([(0, job)], report=after_epoch, checkpoints=checkpoints)
        result = trainer.result(0)  # raises what made the fit fail
        if trainer.interrupted:
            checkpoints.keep()
            message = f"Training interrupted by user in epoch {result.n_iter}; the weights so far are kept."
            warnings.warn(message, stacklevel=3)
        return trainer

    def _attributes(self, result: FitResult) -> dict[str, Any]:
        inputs = result.job.inputs
        is_new = result.job.summary.fitted_dtype is None
        return inputs.columns | {
            "encoder_": inputs.encoder,
            "tasks_": inputs.tasks,
            "task_names_": object_array([task.name for task in inputs.tasks]),
            "loss_weights_": result.job.loss_weights,
            "auto_params_": result.job.choices,
            "trials_": result.job.trials,
            "history_": result.history,
            "n_iter_": result.n_iter,
            "n_peers_": result.job.config.n_peers,
            "n_unlabeled_rows_": 0 if result.job.config.collaboration is None else inputs.n_unlabeled,
            "network_": result.network,
            "_layout": inputs.layout,
            "_postprocessors": result.postprocessors,
            "_member_weights": result.job.member_weights,
            "_added_at": (),
            "_out_of_fold": result.held_out,
            "_one_dimensional": inputs.one_dimensional,
            "_categories": inputs.rows.labels.categories if is_new else self._categories,
            "_begun_with": {name: getattr(self, name, None) for name in REMEMBERED} if is_new else self._begun_with,
            **relatedness_attributes(result, self),
            **self._expose(inputs.tasks, inputs.one_dimensional),
            **decided(result),
            **result.learned,
        }

    def _adopt(self, result: FitResult) -> None:
        """Take over what a fit has learned."""
        attributes = self._attributes(result)
        for name in (*COLUMNS, *RELATEDNESS, *LEARNED, *DECIDED, "_training", "compaction_"):
            self.__dict__.pop(name, None)
        self.__dict__.update(attributes)

    @torch_settings()
    def __sklearn_clone__(self) -> Self:
        clone: Self = super().__sklearn_clone__()
        return clone

    @torch_settings()
    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy all attributes, large modules too, where a process was forked, without threads."""
        memo[id(self)] = copied = copy.copy(self)
        copied.__dict__.update(copy.deepcopy(copied.__dict__, memo))
        return copied

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied.__dict__.pop("_training", None)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        state.pop("_training", None)
        return state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        encoder = as_encoder(self.encoder)
        tags.input_tags.allow_nan = encoder.allows_nan
        tags.input_tags.sparse = encoder.allows_sparse
        return tags
