"""Tasks that a fitted estimator gets later, over the hidden layers that it has."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmtl._params import require_boolean
from skmtl._torch_state import torch_settings
from skmtl.checkpoints import checkpoints_of
from skmtl.estimators._continued import require_unchanged
from skmtl.estimators._fit_inputs import COLUMNS, fit_tasks
from skmtl.estimators._identity import identity_of
from skmtl.estimators._out_of_fold import DECIDED
from skmtl.estimators._predictor import PredictorMixin
from skmtl.fitting import LEARNED, FitResult, SharedInputs, joined_network, prepare_new_tasks
from skmtl.inputs import (
    RowSplitter,
    as_mapping,
    as_spelt,
    labels_by_task,
    object_array,
    read_labelled_rows,
    require_known,
)
from skmtl.network import require_shared_layers
from skmtl.tasks import TaskLayout

_BY_TASK = ("loss", "tasks", "target_transform", "class_weight", "loss_weights")  # parameters that may name tasks


class AddedTasksMixin(PredictorMixin):
    """The method ``add_tasks``."""

    @torch_settings()
    def add_tasks(
        self, X: Any, y_new: Any, sample_weight: Any = None, *, groups: Any = None, freeze: bool = True
    ) -> Self:
        """Learn further tasks with the hidden layers of this fitted estimator.

        The new tasks get output layers of their own, and ``task_layer_sizes`` if there are any, which are trained on
        what the shared hidden layers make of the rows. Few labels are enough where these layers have learned what
        matters. With ``freeze`` the layers stay as they are, and so does all that the estimator says of its other
        tasks: predictions, intervals, out-of-fold predictions and thresholds have the same bits as before.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows, which may be others than those of the fit, with the same columns.
        y_new : array-like, data frame or sparse matrix of shape (n_samples,) or (n_samples, n_new_tasks)
            Labels of the new tasks, with holes as in :meth:`fit`. They come after the other tasks, and are called by
            the names of the columns, else by their position among all tasks. Parameters by task, such as ``loss``, may
            name new tasks in a dict; a list has their entries after those of the others.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_new_tasks), default=None
            Weight of each row or cell.
        groups : array-like of shape (n_samples,), default=None
            Rows of a group are held out together, as in :meth:`fit`.
        freeze : bool, default=True
            Whether the shared layers stay as they are. If not, they learn from the new labels, too. The other tasks
            are then predicted differently, mostly worse, without ``kernel_blend``, ``tree_blend``,
            ``local_correction``, calibration, thresholds, intervals and out-of-fold predictions, until ``fit`` or
            ``partial_fit`` goes on with labels of all tasks.

        Returns
        -------
        Self
            The estimator. ``history_`` is that of the new tasks, NaN for the others.

        Raises
        ------
        ValueError
            If the tasks share no layers that new ones can read as they are (``sharing`` "independent", "soft",
            "relationship", "ple" or "cross_stitch"), a new task has the name of another, or X or a label is not usable.

        Notes
        -----
        New tasks have no out-of-fold predictions, intervals, kernel blend, local correction, calibration or thresholds.
        All these come from rows that the network has not learned from, and it may have learned from any row with other
        labels.

        Examples
        --------
        >>> import numpy as np
        >>> from skmtl import MultiTaskNetRegressor
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> model = MultiTaskNetRegressor(n_estimators=2, max_iter=10, random_state=0).fit(X, X[:, :2])
        >>> before = model.predict(X)
        >>> after = model.add_tasks(X[:50], X[:50, 0] + X[:50, 1]).predict(X)
        >>> after.shape, bool((after[:, :2] == before).all())
        ((200, 3), True)
        """
        check_is_fitted(self, "network_")
        self._validate_params()  # type: ignore[attr-defined]
        require_boolean("freeze", freeze)
        require_shared_layers(self.network_.architecture)
        net: Any = self
        deadline = None if net.max_time is None else perf_counter() + net.max_time
        drawn = "add_tasks", X, y_new, sample_weight, groups, freeze, self.network_.buffer.values
        with checkpoints_of(net.checkpoint, partial(identity_of, self, *drawn)) as checkpoints:
            inputs, params = read_new_tasks(self, X, y_new, sample_weight, groups)
            params["random_state"] = checkpoints.seed(net.random_state)
            job = prepare_new_tasks(params, inputs, self.network_, freeze=freeze, deadline=deadline)
            self._adopt_tasks(net._train(job, checkpoints=checkpoints).result(0), freeze)
        return self

    def _adopt_tasks(self, result: FitResult, freeze: bool) -> None:
        net: Any = self
        new, n_tasks = result.job.inputs, len(self.tasks_)
        tasks = [*self.tasks_, *new.tasks]
        network = joined_network((self.network_, self._layout), (result.network, new.layout), freeze=freeze)
        categories = net._categories or [None] * n_tasks, new.rows.labels.categories
        weights = n_tasks * net.loss_weights_, len(new.tasks) * result.job.loss_weights
        attributes = {
            "tasks_": tasks,
            "task_names_": object_array([task.name for task in tasks]),
            "network_": network,
            "history_": {name: _after_blank(values, n_tasks) for name, values in result.history.items()},
            "n_iter_": result.n_iter,
            "loss_weights_": np.concatenate(weights) / len(tasks),
            "_layout": TaskLayout(tasks),
            "_added_at": (*self._added_at, n_tasks) if freeze else (),
            "_categories": [*categories[0], *categories[1]],
            "_one_dimensional": False,
            **net._expose(tasks, False),
        }
        if self._member_weights is not None:
            alike = np.full((len(self._member_weights), len(new.tasks)), 1 / len(self._member_weights))
            attributes["_member_weights"] = np.column_stack([self._member_weights, alike])
        if not freeze:
            attributes |= {"_postprocessors": (), "_out_of_fold": None}
        for name in ("_training", *(() if freeze else (*LEARNED, *DECIDED, "compaction_"))):
            self.__dict__.pop(name, None)
        self.__dict__.update(attributes)


def read_new_tasks(
    estimator: Any, X: Any, y: Any, sample_weight: Any, groups: Any
) -> tuple[SharedInputs, dict[str, Any]]:
    """Rows with the fitted new tasks, and the parameters of the estimator, as far as they are by task of these.

    Raises
    ------
    ValueError
        If parameters have changed in what cannot change, a name occurs twice, or rows or labels are not usable.
    """
    estimator._check_columns(X)
    before, settings = estimator.task_names_.tolist(), (estimator.missing_label, type(estimator).__name__)
    rows = read_labelled_rows(X, y, sample_weight, *settings, n_before=len(before))
    rows = replace(rows, labels=replace(rows.labels, one_dimensional=False))
    names = rows.labels.names
    _require_new(names, before)
    require_unchanged(_of_tasks(estimator, [*before, *names], slice(len(before))))
    reader = _of_tasks(estimator, [*before, *names], slice(len(before), None))
    given: list[np.ndarray | None] = [None] * len(names)
    tasks = fit_tasks(reader, labels_by_task(rows, given), given, keep_open=False)
    columns = {name: vars(estimator)[name] for name in COLUMNS if name in vars(estimator)}
    splitter = RowSplitter.read(estimator.cv, X, y, groups)
    inputs = SharedInputs(rows, estimator.encoder_, tasks, False, columns, splitter=splitter)
    return inputs, reader.get_params(deep=False)


def _require_new(names: Sequence[Any], before: Sequence[Any]) -> None:
    known = [name for name in names if name in before]
    if known:
        raise ValueError(
            f"y_new has the task {known[0]!r}, which the estimator has already. Rename it, or train the known task "
            f"further by fit with warm_start=True, or by partial_fit."
        )


def _of_tasks(estimator: Any, names: Sequence[Any], some: slice) -> Any:
    """A copy of the estimator whose parameters by task are those of some of the tasks."""
    copied = copy.copy(estimator)
    for parameter in _BY_TASK:
        value = as_mapping(getattr(estimator, parameter, None), names)
        if parameter == "class_weight" and estimator._one_dimensional and isinstance(value, Mapping):
            value = value if some.start is None else None  # by class of the only task that there was
        elif isinstance(value, Mapping):
            value = as_spelt(value, names)
            require_known(parameter, value, names)
            value = {name: value[name] for name in names[some] if name in value}
        elif isinstance(value, list | tuple | np.ndarray):
            if len(value) not in (some.start, some.stop, len(names)):  # of the other tasks, or of all
                raise ValueError(
                    f"{parameter} has {len(value)} entries, but there are {len(names)} tasks with the new ones. Give "
                    f"one for each, in their order, or a dict by name."
                )
            value = value[some] if len(value[some]) else None
        if hasattr(estimator, parameter):
            setattr(copied, parameter, value)
    return copied


def _after_blank(values: np.ndarray, n_tasks: int) -> np.ndarray:
    """Values ``(epoch, member, task)``, or by pairs of tasks, after NaN for other tasks."""
    widths = [(0, 0), (0, 0), *[(n_tasks, 0)] * (values.ndim - 2)]
    return np.pad(values, widths, constant_values=np.nan)
