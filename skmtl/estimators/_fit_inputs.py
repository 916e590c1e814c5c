"""What estimators are fitted to, read once for all that are fitted to it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from skmtl.estimators._classes import require_classifier, require_same_classes
from skmtl.estimators._encoding import as_encoder, check_columns
from skmtl.fitting import FitJob, FitResult, SharedInputs, prepare
from skmtl.inputs import LabelledRows, labels_by_task, read_classes, read_labelled_rows, require_same_tasks
from skmtl.tasks import Task

COLUMNS = ("n_features_in_", "feature_names_in_")


def read_inputs(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    *,
    classes: Any = None,
    continued: bool = False,
    keep_open: bool = False,
) -> SharedInputs:
    """Read training and validation rows; fit encoder and tasks, or take those that training goes on with.

    ``keep_open`` lets later calls bring labels that the first did not. The estimator itself stays as it is.
    """
    reader = copy.copy(estimator)  # learns the columns
    if continued:
        reader._check_columns(X)
    rows = read_labelled_rows(X, y, sample_weight, reader.missing_label, type(reader).__name__)
    given = read_classes(classes, rows.labels)
    if continued:
        _require_same(reader, rows, given)
        encoder, tasks, one_dimensional = reader.encoder_, reader.tasks_, reader._one_dimensional
    else:
        encoder = copy.deepcopy(as_encoder(reader.encoder))
        check_columns(reader, X, encoder, reset=True)
        tasks = _fit_tasks(reader, rows, given, keep_open)
        encoder.fit(rows.X, rows.row_weights)
        one_dimensional = rows.labels.one_dimensional
    columns = {name: value for name, value in vars(reader).items() if name in COLUMNS}
    inputs = SharedInputs(rows, encoder, tasks, one_dimensional, columns)
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val go together: pass both or neither.")
    if X_val is not None:
        inputs.validation = read_further_rows(reader, inputs, X_val, y_val, sample_weight_val, "y_val")
    return inputs


def read_further_rows(
    estimator: Any, inputs: SharedInputs, X: Any, y: Any, sample_weight: Any, parameter: str = "y"
) -> LabelledRows:
    """Read rows that fits to ``inputs`` are judged by, with columns and tasks as there."""
    reader = copy.copy(estimator)
    vars(reader).update(inputs.columns)
    check_columns(reader, X, inputs.encoder, reset=False)
    rows = read_labelled_rows(X, y, sample_weight, reader.missing_label, type(reader).__name__)
    require_same_tasks(parameter, rows.labels, [task.name for task in inputs.tasks])
    return rows


def _fit_tasks(estimator: Any, rows: LabelledRows, given: list[np.ndarray | None], keep_open: bool) -> list[Task]:
    columns = labels_by_task(rows, given)
    kinds = copy.deepcopy(estimator._kinds(columns))  # objects of the user's
    tasks = [kind.fit(c.name, c.labels, c.weights) for kind, c in zip(kinds, columns, strict=True)]
    for task, classes in zip(tasks, given, strict=True):
        require_classifier(task, classes)
    return [task.kind.keep_open(task) for task in tasks] if keep_open else tasks


def _require_same(estimator: Any, rows: LabelledRows, given: list[np.ndarray | None]) -> None:
    """Check that tasks, classes and number of members are those that training goes on with."""
    require_same_tasks("y", rows.labels, estimator.task_names_.tolist())
    for task, classes in zip(estimator.tasks_, given, strict=True):
        require_same_classes(task, classes)
    members = estimator.network_.architecture.members
    if members != estimator.n_estimators:
        raise ValueError(
            f"n_estimators={estimator.n_estimators}, but the network has {members} members; their number cannot change "
            f"when training goes on. Set n_estimators={members}, or fit with warm_start=False."
        )


def prepare_candidate(estimator: Any, inputs: SharedInputs) -> FitJob:
    """Prepare the fit of an estimator that stays as it is; a generator as ``random_state`` is not drawn from."""
    params = estimator.get_params(deep=False)
    return prepare(params | {"random_state": copy.deepcopy(params["random_state"])}, inputs)


def fitted_copy(estimator: Any, result: FitResult) -> Any:
    """A copy of the estimator that has learned what the fit found."""
    fitted = copy.copy(estimator)
    fitted.random_state = copy.deepcopy(estimator.random_state)
    fitted._adopt(result)
    return fitted
