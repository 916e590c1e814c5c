"""Rules for what learns from rows that members hold out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skmtl.defaults._summary import Choice, DataSummary

FOLDS = 8
CORRECTED_ROWS, CORRECTED_CELLS = 20_000, 1 << 23
TREE_LABELS = 1 << 17
MIN_UNITS = 8
BLENDED_ROWS, BLENDED_DIFFERENCES, FAST_DIFFERENCES = 1000, 5e8, 5e6

BLENDS = ("kernel_blend", "tree_blend")
ROW_CORRECTIONS = (*BLENDS, "local_correction")  # what changes responses by the labels of training rows, in this order

Params = Mapping[str, Any]


def local_correction(data: DataSummary, params: Params) -> Choice:
    """True where every row is held out by a member and there are not too many rows to compare with.

    That takes as many members as folds, and rows that are more than one batch, at most {CORRECTED_ROWS:,} and of at
    most {CORRECTED_CELLS:,} numbers in all. Never where the splits of ``cv`` leave rows out of both parts, as splits
    in the order of time do, behind an encoder that is trained with the network, or where training goes on.
    """
    n_rows, n_cells = data.n_rows, data.n_rows * max(data.n_inputs + data.n_tasks, data.n_outputs)
    if data.tiny:
        return Choice(False, one_batch(data))
    if n_rows > CORRECTED_ROWS:
        return Choice(False, f"{n_rows} rows: more than {CORRECTED_ROWS} to compare with")
    if n_cells > CORRECTED_CELLS:
        return Choice(False, f"{n_rows} rows with {n_cells} numbers: more than {CORRECTED_CELLS} to compare with")
    not_held_out = _not_held_out(data, params)
    if not_held_out is not None:
        return Choice(False, not_held_out)
    return Choice(True, f"{n_rows} rows, each held out by a member; at most {CORRECTED_ROWS} to compare with")


def kernel_blend(data: DataSummary, params: Params) -> Choice:
    """True for at most {BLENDED_ROWS} rows, each of them held out by a member.

    Regularised least squares learn what is linear or smooth from few rows better than a network does; with more rows
    they gain less and their time grows with the cube of the rows. There must be at most {BLENDED_DIFFERENCES:g}
    differences of an input between two rows, {FAST_DIFFERENCES:g} with ``effort="fast"``. Never where
    ``local_correction`` is given as False, which asks for the network's own responses. Nor where the splits of ``cv``
    leave rows out of both parts, behind an encoder that is trained with the network, or where training goes on, nor
    where splits keep rows together in fewer than {MIN_UNITS} groups or test parts.
    """
    n_rows, unblended = data.n_rows, _unblended(data, params)
    if unblended is not None:
        return Choice(False, unblended)
    if n_rows > BLENDED_ROWS:
        return Choice(False, f"{n_rows} rows: more than {BLENDED_ROWS}")
    most = FAST_DIFFERENCES if params["effort"] == "fast" else BLENDED_DIFFERENCES
    if (differences := n_rows**2 * data.n_inputs) > most:
        return Choice(False, f"{differences:.2g} differences of an input between two rows: too many to look at")
    not_held_out = _not_held_out(data, params)
    if not_held_out is not None:
        return Choice(False, not_held_out)
    return Choice(True, f"{n_rows} rows, each held out by a member; at most {BLENDED_ROWS}")


def tree_blend(data: DataSummary, params: Params) -> Choice:
    """True where ``local_correction`` would be, and rows times outputs are at most {TREE_LABELS:,}.

    Trees learn steps, and which few inputs matter, from rows that are too few for a network. Their leaves hold as many
    numbers a tree. Never where ``local_correction`` is given as False, nor where splits keep rows together in fewer
    than {MIN_UNITS} groups or test parts.
    """
    n_rows, unblended = data.n_rows, _unblended(data, params)
    if unblended is not None:
        return Choice(False, unblended)
    possible = local_correction(data, params)
    if not possible.value:
        return possible
    if (n_labels := n_rows * data.n_outputs) > TREE_LABELS:
        return Choice(False, f"{n_rows} rows with {n_labels} outputs: more than {TREE_LABELS} for a tree to hold")
    return Choice(True, f"{n_rows} rows, each held out by a member; at most {CORRECTED_ROWS}")


def n_held_out_folds(data: DataSummary, params: Params) -> int:
    """Folds of the training rows; 0 without early stopping, with given validation rows, or with too few rows."""
    if not params["early_stopping"] or data.validation_given:
        return 0
    n_folds = FOLDS if params["cv"] is None else params["cv"]
    return data.n_splits or (int(n_folds) if data.n_apart >= n_folds else 0)


def too_few_units(data: DataSummary) -> bool:
    """Whether splits keep rows together in so few groups or test parts that shares of a blend cannot be told."""
    return 1 < data.n_units < MIN_UNITS  # one part says nothing, and rows are told apart by their content


def _unblended(data: DataSummary, params: Params) -> str | None:
    """Why responses are not blended with anything, whatever the number of rows."""
    if params["local_correction"] != "auto" and not params["local_correction"]:
        return "local_correction=False asks for the network's own responses"
    if too_few_units(data):
        return f"splits keep rows together in {data.n_units} groups or test parts: fewer than {MIN_UNITS}"
    return None


def one_batch(data: DataSummary) -> str:
    """Why tiny data are dealt with otherwise."""
    return f"all {data.n_rows} rows are one batch"


def _not_held_out(data: DataSummary, params: Params) -> str | None:
    """Why there are rows that no member holds out, or that members hold out and others do not learn from."""
    n_folds, n_estimators = n_held_out_folds(data, params), params["n_estimators"]
    if not n_folds:
        return "no training rows are held out"
    if n_estimators < n_folds:
        return f"{n_estimators} members hold out {n_estimators} of {n_folds} folds, not all rows"
    if not (data.every_row_held_out and data.every_row_used):
        return "splits of cv hold out some rows only, or leave rows out of both parts"
    return None
