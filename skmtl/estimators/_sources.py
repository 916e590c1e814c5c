"""Fits to rows that are read in blocks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from skmtl.blocks import RowReader, Source, Survey, as_source
from skmtl.defaults import ROW_CORRECTIONS
from skmtl.estimators._continued import require_unchanged
from skmtl.estimators._encoding import as_encoder, check_columns
from skmtl.estimators._fit_inputs import (
    COLUMNS,
    copied_encoder,
    fit_encoder,
    fit_tasks,
    go_on,
    read_further_rows,
    read_inputs,
    require_same,
)
from skmtl.fitting import SharedInputs, read_seed
from skmtl.processes import current

# Parameters that take rows in memory, and what they must be
_IN_MEMORY = {
    "input_scaling": (False, "auto"),
    **dict.fromkeys(ROW_CORRECTIONS, (False, "auto")),
    "collaboration": (None,),
    "peer_sharing": (None,),
    "cv": (None,),
    "calibration": (None,),
    "threshold_metric": (None,),
    "max_time": (None,),
}


def require_streamable(estimator: Any, groups: Any) -> None:
    """Check that nothing is asked for that takes all rows in memory.

    Raises
    ------
    ValueError
        If something is.
    """
    if current().tasks > 1:
        raise ValueError(
            f"skmtl.distributed(tasks={current().tasks}) takes all rows in memory, and these are read in blocks. "
            f"Divide members or rows: leave tasks out, or pass skmtl.blocks.Source(..., in_memory=True)."
        )
    params = estimator.get_params(deep=False) | {"groups": groups}
    for name, possible in (_IN_MEMORY | {"groups": (None,)}).items():
        value = params.get(name)
        if not any(value is one or (isinstance(value, str) and value == one) for one in possible):
            shown = "" if name == "groups" else f"={value!r}"
            raise ValueError(
                f"{name}{shown} takes all rows in memory, and these are read in blocks. Leave it out, or pass "
                f"skmtl.blocks.Source(..., in_memory=True)."
            )


def read_for(
    estimator: Any,
    given: tuple[Any, ...],
    validation: tuple[Any, Any, Any],
    groups: Any,
    params: dict[str, Any],
    *,
    continued: bool,
) -> tuple[SharedInputs, dict[str, Any]]:
    """Read X, y and weights, or the one source that is ``given`` in their place.

    Also returns the parameters, in which the seed is a number where rows are sampled.
    """
    source = given[0] if isinstance(given[0], Source) else None
    if source is None or source.fits_memory():
        X, y, weights = given if source is None else source.read_all()
        of_fit = {"groups": groups, "continued": continued, "keep_stored": not continued}
        return read_inputs(estimator, X, y, weights, *validation, **of_fit), params
    require_streamable(estimator, groups)
    seed = current().world.share(read_seed(params["random_state"]))
    return read_source(estimator, source, seed, validation, continued=continued), params | {"random_state": seed}


def read_source(
    estimator: Any, source: Source, seed: int, validation: tuple[Any, Any, Any], *, continued: bool
) -> SharedInputs:
    """Go through all rows once; fit encoder and tasks to a sample, or take those that training goes on with.

    The validation rows are those given, or else rows of the source, unless ``early_stopping`` is False. The estimator
    itself stays as it is.
    """
    reader = copy.copy(estimator)
    X_val, y_val, sample_weight_val = validation
    holds_out = X_val is None and estimator.early_stopping is not False
    rows = RowReader(source.blocks, estimator.missing_label, type(estimator).__name__)
    survey = Survey.of(source, rows, seed, source.held_out_rows if holds_out else 0)
    sample, given = survey.sample, list[np.ndarray | None]([None] * len(survey.labels))
    if continued:
        reader._check_columns(sample.X)
        require_same(reader, sample, given)
        require_unchanged(reader)
        encoder, one_dimensional, tasks = reader.encoder_, reader._one_dimensional, go_on(reader, sample, False)
    else:
        encoder = copied_encoder(as_encoder(reader.encoder))
        check_columns(reader, sample.X, encoder, reset=True)
        tasks = fit_tasks(reader, survey.task_labels(), given, False)
        tasks = [
            task.kind.keep_open(task) if task.scale == 0 and len(labels.totals or (0, 0)) > 1 else task
            for task, labels in zip(tasks, survey.labels, strict=True)
        ]
        fit_encoder(encoder, sample)
        one_dimensional = sample.labels.one_dimensional
    columns = {name: value for name, value in vars(reader).items() if name in COLUMNS}
    inputs = SharedInputs(sample, encoder, tasks, one_dimensional, columns, survey=survey)
    inputs.validation = survey.judging
    if X_val is not None:
        inputs.validation = read_further_rows(reader, inputs, X_val, y_val, sample_weight_val, "_val")
    return inputs


def require_in_memory(caller: str, X: Any, cure: str) -> None:
    """Check that rows are no source.

    Raises
    ------
    TypeError
        If they are.
    """
    if not isinstance(X, np.ndarray) and as_source(X) is not None:
        raise TypeError(f"{caller} takes rows in memory, and X is read in blocks. {cure}")


def in_memory(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Rows in memory, of whatever X is: those of a source are read."""
    source = as_source(X, y, sample_weight)
    return (X, y, sample_weight) if source is None else tuple(source.read_all())
