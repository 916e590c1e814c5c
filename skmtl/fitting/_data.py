"""Rows in memory as what members learn from and are judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse

from skmtl.fitting._class_weights import cell_weights
from skmtl.fitting._shared_inputs import EncodedRows, SharedInputs
from skmtl.inputs import LabelledRows
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


def _rows(encoded: EncodedRows, dtype: torch.dtype, device: torch.device) -> Rows:
    X = encoded.X
    return DenseRows(X, dtype, device) if isinstance(X, np.ndarray) else SparseRows(X, dtype, device)


def _rows_and_targets(encoded: EncodedRows, dtype: torch.dtype, device: torch.device) -> tuple[Rows, torch.Tensor]:
    """Encoded rows and targets where the network computes."""
    return _rows(encoded, dtype, device), as_tensor(encoded.targets, dtype, device)  # targets are never written to


def training_data(config: FitConfig, encoded: EncodedRows, learned: np.ndarray | None) -> TrainingData | StoredData:
    """Rows for all members, and which of them each learns from, ``(member, n)``; None: all."""
    mask = None if learned is None else config.tensor(learned)
    if sparse.issparse(encoded.targets):
        rows = _rows(encoded, config.torch_dtype, config.device)
        return StoredData(rows, encoded.targets, encoded.weights, mask, config.learning_rate)
    rows, targets = encoded.once(_rows_and_targets, config.torch_dtype, config.device)
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
