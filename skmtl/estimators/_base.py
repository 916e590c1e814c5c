"""What the three estimators have in common: fit and state."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import Tags

from skmtl._sklearn import CallbackSupportMixin, FitProgress, Interval, StrOptions, with_callbacks
from skmtl.estimators._classes import require_classifier, require_same_classes
from skmtl.estimators._encoding import as_encoder, check_columns
from skmtl.estimators._html import AutoParamsHTMLMixin
from skmtl.estimators._learner import Learner
from skmtl.estimators._nested_params import NestedParamsMixin
from skmtl.estimators._out_of_fold import OutOfFold, OutOfFoldMixin
from skmtl.estimators._predictor import PredictorMixin
from skmtl.estimators._weights import class_weight_factors
from skmtl.inputs import (
    LabelledRows,
    TaskLabels,
    labels_by_task,
    read_classes,
    read_labelled_rows,
    require_same_tasks,
)
from skmtl.network import ACTIVATIONS
from skmtl.tasks import Kind, Task
from skmtl.training import SCHEDULES

_AUTO = StrOptions({"auto"})
COLUMNS = ("n_features_in_", "feature_names_in_")
_ONE_PASS = {
    "max_iter": 1,
    "early_stopping": False,
    "learning_rate": "constant",
    "input_scaling": False,
    "local_correction": False,
}


class BaseMultiTaskNet(
    AutoParamsHTMLMixin, CallbackSupportMixin, PredictorMixin, OutOfFoldMixin, NestedParamsMixin, ABC
):
    """Base of the multi-task networks."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"auto", *ACTIVATIONS})],
        "dropout": [_AUTO, Interval(Real, 0, 1, closed="left")],
        "input_dropout": [_AUTO, Interval(Real, 0, 1, closed="left")],
        "input_scaling": [_AUTO, "boolean"],
        "local_correction": [_AUTO, "boolean"],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto", *SCHEDULES})],
        "learning_rate_init": [_AUTO, Interval(Real, 0, None, closed="neither")],
        "weight_decay": [_AUTO, Interval(Real, 0, None, closed="left")],
        "batch_size": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "max_iter": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "early_stopping": [_AUTO, "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [
            _AUTO,
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, np.inf, None, closed="left"),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "cuda_graphs": ["boolean"],
        "dtype": [StrOptions({"auto", "float32", "float64", "bfloat16"})],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "record": [tuple, list],
    }

    @abstractmethod
    def _kinds(self, columns: list[TaskLabels]) -> list[Kind]:
        """Kind of each task, from parameters and observed labels."""

    def _expose(self, tasks: list[Task], one_dimensional: bool) -> dict[str, Any]:
        """Further fitted attributes of the subclass."""
        return {}

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows; NaN is a missing value.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels; NaN, None, pandas.NA and ``missing_label`` mean "no label".
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell; 0 is the same as an absent row or label.
        X_val, y_val, sample_weight_val : default=None
            Rows that decide which epoch's weights are kept, in place of held-out training rows.

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
        """
        self._validate_params()
        resume = self.warm_start and hasattr(self, "network_")
        with self._columns_kept_on_failure():
            observations = self._observe(X, y, sample_weight, known=resume)
            learner = self._continued(observations) if resume else self._started(observations)
            validation = self._observe_validation(X_val, y_val, sample_weight_val, learner)
            learner.prepare(observations, self._weights(observations, learner), validation)
            progress = FitProgress(self, learner.max_iter, X, y)
            learner.train(
                verbose=bool(self.verbose), after_epoch=lambda: progress.epoch(lambda: self._snapshot(learner))
            )
            held_out = learner.out_of_fold(observations)
        self._adopt(learner, held_out)
        progress.end()
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go over the given rows once.

        The first call fits the encoder and the scaling of the targets to its rows; later calls keep them. A failed call
        leaves the estimator as it was. After unpickling, training goes on with fresh moments of the optimizer.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels, with holes as in :meth:`fit`.
        classes : array-like, or list of array-like, default=None
            All classes (1-D y) or those of each task (2-D y; None for a numeric task). Without them the classes are
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
        known = hasattr(self, "network_")
        with self._columns_kept_on_failure():
            observations = self._observe(X, y, sample_weight, known=known)
            learner = (
                self._continued(observations, classes)
                if known
                else self._started(observations, classes, more_to_come=True)
            )
            learner.resume(getattr(self, "_run", None))
            learner.prepare(observations, self._weights(observations, learner), None, **_ONE_PASS)
            self.__dict__.pop("_run", None)  # a pass that fails leaves its moments unusable
            learner.train(verbose=bool(self.verbose))
        self._adopt(learner)
        self._run = learner.run
        return self

    def _observe(self, X: Any, y: Any, sample_weight: Any, known: bool) -> LabelledRows:
        if known:
            self._check_columns(X)
        observations = read_labelled_rows(X, y, sample_weight, self.missing_label, type(self).__name__)
        if not known:
            check_columns(self, X, as_encoder(self.encoder), reset=True)
        return observations

    @contextmanager
    def _columns_kept_on_failure(self) -> Iterator[None]:
        """Remember the columns of the last fit that succeeded."""
        before = {name: value for name, value in self.__dict__.items() if name in COLUMNS}
        try:
            yield
        except BaseException:
            for name in COLUMNS:
                self.__dict__.pop(name, None)
            self.__dict__.update(before)
            raise

    def _started(self, observations: LabelledRows, classes: Any = None, *, more_to_come: bool = False) -> Learner:
        given = read_classes(classes, observations.labels)
        columns = labels_by_task(observations, given)
        kinds = self._kinds(columns)
        tasks = [kind.fit(c.name, c.labels, c.weights) for kind, c in zip(kinds, columns, strict=True)]
        if more_to_come:
            tasks = [task.kind.keep_open(task) for task in tasks]
        for task, classes_of_task in zip(tasks, given, strict=True):
            require_classifier(task, classes_of_task)
        encoder = copy.deepcopy(as_encoder(self.encoder))
        encoder.fit(observations.X, observations.row_weights)
        return Learner(self.get_params(deep=False), encoder, tasks, observations.labels.one_dimensional)

    def _continued(self, observations: LabelledRows, classes: Any = None) -> Learner:
        require_same_tasks("y", observations.labels, self.task_names_.tolist())
        for task, given in zip(self.tasks_, read_classes(classes, observations.labels), strict=True):
            require_same_classes(task, given)
        members = self.network_.architecture.members
        if members != self.n_estimators:
            raise ValueError(
                f"n_estimators={self.n_estimators}, but the network has {members} members; their number cannot change "
                f"when training goes on. Set n_estimators={members}, or fit with warm_start=False."
            )
        return Learner(self.get_params(deep=False), self.encoder_, self.tasks_, self._one_dimensional, self.network_)

    def _weights(self, observations: LabelledRows, learner: Learner) -> np.ndarray:
        """Weights of the cells with the class weights in them."""
        labels, class_weight = observations.labels, getattr(self, "class_weight", None)
        if class_weight is None:
            return observations.weights
        factors = class_weight_factors(
            class_weight,
            learner.tasks,
            labels.columns,
            observations.weights,
            learner.one_dimensional,
        )
        weights: np.ndarray = observations.weights * factors
        return weights

    def _observe_validation(
        self, X_val: Any, y_val: Any, sample_weight_val: Any, learner: Learner
    ) -> tuple[LabelledRows, np.ndarray] | None:
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: pass both or neither.")
        if X_val is None:
            return None
        check_columns(self, X_val, learner.encoder, reset=False)
        observations = read_labelled_rows(X_val, y_val, sample_weight_val, self.missing_label, type(self).__name__)
        require_same_tasks("y_val", observations.labels, [task.name for task in learner.tasks])
        return observations, self._weights(observations, learner)

    def _attributes(self, learner: Learner) -> dict[str, Any]:
        names = [task.name for task in learner.tasks]
        return {
            "encoder_": learner.encoder,
            "tasks_": learner.tasks,
            "task_names_": np.asarray(names, dtype=object),
            "loss_weights_": learner.loss_weights,
            "auto_params_": learner.resolved.choices,
            "history_": learner.history,
            "n_iter_": learner.n_iter,
            "network_": learner.network,
            "_layout": learner.layout,
            "_correction": learner.correction,
            "_one_dimensional": learner.one_dimensional,
            **self._expose(learner.tasks, learner.one_dimensional),
        }

    def _adopt(self, learner: Learner, held_out: OutOfFold | None = None) -> None:
        self.__dict__.pop("_run", None)
        self.__dict__.update(self._attributes(learner), _out_of_fold=held_out)

    def _snapshot(self, learner: Learner) -> dict[str, Any]:
        return {**self._attributes(learner), "network_": copy.deepcopy(learner.network), "_out_of_fold": None}

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_run"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        encoder = as_encoder(self.encoder)
        tags.input_tags.allow_nan = encoder.allows_nan
        tags.input_tags.sparse = encoder.allows_sparse
        return tags
