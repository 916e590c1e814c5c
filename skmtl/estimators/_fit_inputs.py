"""What estimators are fitted to, read once for all that are fitted to it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from skmtl.collaboration import Collaboration
from skmtl.encoders import Encoder
from skmtl.estimators._continued import require_unchanged
from skmtl.estimators._encoding import as_encoder, check_columns
from skmtl.estimators._target_transforms import target_transforms
from skmtl.estimators._validation_rows import told_of_pipelines, warn_of_other_ranges
from skmtl.fitting import MANY_TASKS, FitJob, FitResult, SharedInputs, prepare, read_peer_method
from skmtl.inputs import (
    LabelledRows,
    RowSplitter,
    TaskLabels,
    labels_by_task,
    read_classes,
    read_labelled_rows,
    require_same_tasks,
    take_rows,
)
from skmtl.tasks import TargetTransform, Task, require_labels_of


def require_classifier(task: Task) -> None:
    """Check that a task that is given classes is one of classification.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not task.kind.is_classifier:
        raise ValueError(f"classes has an entry for task {task.name!r}, which is a regression task; pass None for it.")


def require_same_classes(task: Task, given: np.ndarray) -> None:
    """Check that later calls give the classes of the first.

    Raises
    ------
    ValueError
        If they do not.
    """
    require_classifier(task)
    if task.classes is not None and not np.array_equal(given, task.classes):
        raise ValueError(
            f"classes of task {task.name!r} are {given.tolist()}, but were {task.classes.tolist()} in the first call; "
            f"they cannot change. Fit anew with all classes."
        )


MOST_WARNINGS = 5  # that are shown of many tasks
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
    groups: Any = None,
    classes: Any = None,
    continued: bool = False,
    one_pass: bool = False,
    keep_stored: bool = False,
) -> SharedInputs:
    """Read training and validation rows; fit encoder and tasks, or take those that training goes on with.

    With ``one_pass`` later calls may bring labels that this one does not. The estimator itself stays as it is.
    With ``keep_stored`` only the stored cells of a large sparse y are kept.
    """
    reader = copy.copy(estimator)  # learns the columns
    if continued:
        reader._check_columns(X)
    method = read_peer_method(Collaboration, reader.collaboration)
    keep = method is not None and method.uses_unlabeled
    settings = reader.missing_label, type(reader).__name__
    rows = read_labelled_rows(X, y, sample_weight, *settings, keep_unlabeled=keep, keep_stored=keep_stored)
    given: list[np.ndarray | None] = [None] * len(rows.labels.names)
    if classes is not None:
        given = read_classes(classes, rows.labels, reader.missing_label)
    if continued:
        require_same(reader, rows, given)
        require_unchanged(reader)
        encoder, one_dimensional = reader.encoder_, reader._one_dimensional
        tasks = go_on(reader, rows, one_pass)
    else:
        encoder = copied_encoder(as_encoder(reader.encoder))
        check_columns(reader, X, encoder, reset=True)
        tasks = fit_tasks(reader, labels_by_task(rows, given), given, one_pass)
        fit_encoder(encoder, rows)
        if one_pass and (constant := encoder.constant_columns()):
            warnings.warn(
                f"X has a single value in {', '.join(constant[:5])}{', ...' * (len(constant) > 5)} of the first batch "
                f"of partial_fit, so that later values are ignored, too. Begin with more rows, or drop the columns.",
                stacklevel=4,
            )
        one_dimensional = rows.labels.one_dimensional
    columns = {name: value for name, value in vars(reader).items() if name in COLUMNS}
    splits = not one_pass and (reader.cv is not None or groups is not None)
    splitter = RowSplitter.read(reader.cv, X, y, groups) if splits else None
    inputs = SharedInputs(rows, encoder, tasks, one_dimensional, columns, splitter=splitter)
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val go together: pass both or neither.")
    if X_val is not None:
        with told_of_pipelines():
            inputs.validation = read_further_rows(reader, inputs, X_val, y_val, sample_weight_val, "_val")
        warn_of_other_ranges(X, X_val)
    return inputs


def fit_encoder(encoder: Encoder, rows: LabelledRows) -> None:
    """Fit to the rows with a label, so that it is the same whether others are kept or not."""
    weights = rows.row_weights
    labelled = weights > 0
    if labelled.all():
        encoder.fit(rows.X, weights)
    else:
        encoder.fit(take_rows(rows.X, np.flatnonzero(labelled)), weights[labelled])


def copied_encoder(encoder: Encoder) -> Encoder:
    try:
        return copy.deepcopy(encoder)
    except Exception as error:  # of a torch module that cannot be copied
        raise TypeError(
            f"encoder cannot be copied, and fit trains a copy: {error} Pass a function that makes the module: "
            f"ModuleEncoder(function)."
        ) from error


def read_further_rows(
    estimator: Any, inputs: SharedInputs, X: Any, y: Any, sample_weight: Any, suffix: str = ""
) -> LabelledRows:
    """Read rows that fits to ``inputs`` are judged by, with columns and tasks as there; names in errors end so."""
    reader = copy.copy(estimator)
    vars(reader).update(inputs.columns)
    check_columns(reader, X, inputs.encoder, reset=False)
    settings = reader.missing_label, type(reader).__name__, suffix
    rows = read_labelled_rows(X, y, sample_weight, *settings, keep_stored=inputs.rows.keeps_stored)
    parameter = f"y{suffix}"
    require_same_tasks(parameter, rows.labels, [task.name for task in inputs.tasks])
    require_labels_of(inputs.tasks, rows.labels, parameter)
    return rows


def fit_tasks(
    estimator: Any, columns: list[TaskLabels], given: Sequence[np.ndarray | None], keep_open: bool
) -> list[Task]:
    """Tasks by their labels and by the classes that are ``given``."""
    kinds = copy.deepcopy(estimator._kinds(columns))  # objects of the user's
    transforms: list[TargetTransform | None] = [None] * len(kinds)
    if getattr(estimator, "target_transform", None) is not None:
        transforms = target_transforms(estimator.target_transform, [c.name for c in columns], kinds)
    parts = zip(kinds, transforms, columns, strict=True)
    with _few_warnings() if len(columns) > MANY_TASKS else nullcontext():
        tasks = [kind.fit_transformed(transform, c.name, c.labels, c.weights) for kind, transform, c in parts]
    for task, classes in zip(tasks, given, strict=True):
        if classes is not None:
            require_classifier(task)
    return [task.kind.keep_open(task) for task in tasks] if keep_open else tasks


@contextmanager
def _few_warnings() -> Iterator[None]:
    """Warn of the first of many tasks, and of how many others there is something to say."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for told in caught[:MOST_WARNINGS]:
        warnings.warn(told.message, stacklevel=5)
    if len(caught) > MOST_WARNINGS:
        warnings.warn(f"There are {len(caught) - MOST_WARNINGS} further warnings about tasks.", stacklevel=5)


def go_on(estimator: Any, rows: LabelledRows, keep_open: bool) -> list[Task]:
    """Tasks for training that goes on with these rows."""
    scales_inputs = estimator.network_.architecture.input_scale is not None

    def learned(task: Task, labels: np.ndarray, weights: np.ndarray) -> Task:
        labels, weights = labels[weights > 0], weights[weights > 0]
        new = task.kind.go_on(task, labels, weights)
        if new is task:
            return (
                task if task.transform is None else replace(task, transform=task.transform.extended(task.name, labels))
            )
        if scales_inputs:
            warnings.warn(
                f"Task {task.name!r} was constant until now, so that inputs which matter to it alone may have been "
                f"scaled down. Fit anew with warm_start=False, or begin with input_scaling=False.",
                stacklevel=6,
            )
        return new.kind.keep_open(new) if keep_open else new

    return [learned(*cells) for cells in zip(estimator.tasks_, rows.labels.columns, rows.weights.T, strict=True)]


def require_same(estimator: Any, rows: LabelledRows, given: Sequence[np.ndarray | None]) -> None:
    """Check that tasks and classes are those that training goes on with."""
    require_same_tasks("y", rows.labels, estimator.task_names_.tolist())
    require_labels_of(estimator.tasks_, rows.labels)
    for task, classes in zip(estimator.tasks_, given, strict=True):
        if classes is not None:
            require_same_classes(task, classes)


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
