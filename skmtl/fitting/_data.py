"""Rows in memory as what members learn from and are judged by, and which of them each member holds out."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse

from skmtl.defaults import FOLDS, DataSummary
from skmtl.fitting._class_weights import cell_weights
from skmtl.fitting._config import Params
from skmtl.fitting._job import FitJob
from skmtl.fitting._shared_inputs import EncodedRows, SharedInputs
from skmtl.inputs import LabelledRows, Splits, held_out_rows, take_turns
from skmtl.training import (
    DenseRows,
    FitConfig,
    Objective,
    Rows,
    SparseRows,
    StoredData,
    StoredValidation,
    TrainingData,
    Validation,
    as_tensor,
)


class HeldOut(NamedTuple):
    """Rows of each member.

    Attributes
    ----------
    rows, learned : ndarray of shape (member, n), bool
        Those that judge it, and those that it learns from.
    units : ndarray of shape (n,), int
        Equal for rows that tell of one another: copies, rows of a group, or rows that the same members hold out. Those
        of a member that is the first to hold them out follow one another, so that any modulus divides them evenly.
    """

    rows: np.ndarray
    learned: np.ndarray
    units: np.ndarray


def read_splits(params: Params, inputs: SharedInputs) -> Splits | None:
    """Splits by ``cv`` and groups; None where rows are dealt to folds by their content, or none are held out.

    Raises
    ------
    ValueError
        If they are not usable, or no member holds out rows by them.
    """
    cv, splitter, n_members = params["cv"], inputs.splitter, params["n_estimators"]
    holds_out = inputs.validation is None and bool(params["early_stopping"])
    if cv is not None and not holds_out:
        given = "X_val is given, which judges all members" if inputs.validation is not None else "early_stopping=False"
        raise ValueError(f"cv says which rows members hold out, and none do: {given}. Set cv=None, or leave that out.")
    if splitter is None or not holds_out:
        return None
    return splitter.split(inputs.rows, n_members, FOLDS)


def warn_of_splits_left(job: FitJob) -> None:
    """Warn where ``cv`` lists more splits than there are members to take them."""
    splitter, n_splits, n_members = job.inputs.splitter, job.summary.n_splits, job.config.members // job.config.n_peers
    if splitter is None or not splitter.lists_splits or n_splits <= n_members:
        return
    assert job.validation is not None
    n_rows, seen = job.data.n_rows, job.validation.held_out[job.validation.real > 0].unique()
    warnings.warn(
        f"cv gives {n_splits} splits, of which n_estimators={n_members} members take the first {n_members}: "
        f"{n_rows - len(seen)} of {n_rows} rows are held out by none of them. Set n_estimators={n_splits} or a "
        f"multiple of it, or ask for {n_members} splits.",
        stacklevel=5,
    )


def deal_rows(
    config: FitConfig, splits: Splits | None, units: np.ndarray | None, inputs: SharedInputs
) -> HeldOut | None:
    """Rows of each member, by ``splits`` or else by the units of the rows; None where none are held out."""
    if not config.n_folds:
        return None
    sizes = config.members, config.n_peers
    if splits is None:
        assert units is not None
        rows, labelled = np.zeros((config.members, len(units)), dtype=bool), inputs.rows.row_weights > 0
        for kept in (labelled, ~labelled):  # apart, so that folds have as many labels as without the other rows
            rows[:, kept] = held_out_rows(units[kept], config.members, config.n_folds, config.n_peers)
        return HeldOut(rows, ~rows, units)
    rows, codes = take_turns(splits.test, *sizes), inputs.groups
    if codes is None:
        codes = np.unique(rows, axis=1, return_inverse=True)[1].reshape(-1)
    by_split = _numbered(rows, codes)
    if len(np.unique(by_split[rows.any(axis=0)])) == 1:  # which says nothing of other units
        assert units is not None
        by_split = units
    return HeldOut(rows, take_turns(splits.train, *sizes), by_split)


def _numbered(rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Number of each row's code by the first member that holds such rows out, those that none does last."""
    _, index = np.unique(codes, return_inverse=True)
    first = np.full(index.max() + 1, len(rows))
    np.minimum.at(first, index, np.where(rows.any(axis=0), rows.argmax(axis=0), len(rows)))
    return np.argsort(np.argsort(first, kind="stable"))[index]


def require_folds(params: Params, data: DataSummary) -> None:
    """Check that there are rows enough for the folds that ``cv`` asks for.

    Raises
    ------
    ValueError
        If there are fewer.
    """
    cv = params["cv"]
    if isinstance(cv, Integral) and not data.n_splits and data.n_apart < int(cv):
        cure = f", or set cv to {data.n_apart} at most" if data.n_apart > 1 else ""
        raise ValueError(
            f"cv={cv} asks for {cv} folds, and there are {data.n_apart} distinct rows; copies of a row are in one "
            f"fold. Give more rows{cure}."
        )


def _rows_and_targets(encoded: EncodedRows, dtype: torch.dtype, device: torch.device) -> tuple[Rows, Any]:
    """Encoded rows and targets where the network computes; of the targets not those of which few are stored."""
    X, targets = encoded.X, encoded.targets
    rows = DenseRows(X, dtype, device) if isinstance(X, np.ndarray) else SparseRows(X, dtype, device)
    return rows, targets if sparse.issparse(targets) else as_tensor(targets, dtype, device)  # never written to


def training_data(config: FitConfig, encoded: EncodedRows, learned: np.ndarray | None) -> TrainingData | StoredData:
    """Rows for all members, and which of them each learns from, ``(member, n)``; None: all."""
    mask = None if learned is None else config.tensor(learned)
    rows, targets = encoded.once(_rows_and_targets, config.torch_dtype, config.device)
    if sparse.issparse(targets):
        return StoredData(rows, targets, encoded.weights, mask, config.learning_rate)
    return TrainingData(rows, targets, config.tensor(encoded.weights), mask)


def own_validation(
    config: FitConfig, objective: Objective, data: TrainingData | StoredData, held_out: np.ndarray
) -> Validation:
    """Each member's held-out rows."""
    longest = int(held_out.sum(axis=1).max())
    order = np.argsort(~held_out, axis=1, kind="stable")[:, :longest]  # (member, longest), held-out rows first
    real = config.tensor(np.take_along_axis(held_out, order, axis=1))
    return _judged_by(objective, data, torch.from_numpy(order).to(config.device), real)


def _judged_by(objective: Objective, data: TrainingData | StoredData, *judging: Any) -> Validation:
    if isinstance(data, StoredData):
        return StoredValidation(objective, data, *judging)
    return Validation(objective, data, *judging)


def common_validation(
    config: FitConfig, objective: Objective, inputs: SharedInputs, rows: LabelledRows, class_weight: Any, dtype: str
) -> Validation:
    """Rows that judge all members."""
    encoded = inputs.encode(rows, cell_weights(class_weight, inputs, rows), dtype)
    data = training_data(config, encoded, None)
    every = torch.arange(data.n_rows, device=config.device)[None]
    return _judged_by(objective, data, every, torch.ones_like(every, dtype=config.torch_dtype))
