"""From observations to a training run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from skmtl._hashing import row_hashes
from skmtl._params import resolve
from skmtl.balancing import BALANCERS, Balancer
from skmtl.encoders import Encoder
from skmtl.estimators._encoded import EncodedData
from skmtl.estimators._folds import deal, held_out_rows, label_codes
from skmtl.estimators._recipe import LOWERED, Recipe, Shape, resolve_recipe
from skmtl.network import Architecture, Network
from skmtl.sharing import SHARINGS, Sharing
from skmtl.tasks import TaskLayout
from skmtl.training import (
    OPTIMIZERS,
    SCHEDULES,
    DenseRows,
    Objective,
    Optimizer,
    Rows,
    Settings,
    SparseRows,
    Streams,
    TrainingData,
    Validation,
    as_tensor,
)

ROWS_TO_COMPARE = 4096  # beyond this, only members that hold out rows need to know which rows are alike


@dataclass(frozen=True)
class Plan:
    """All that is decided before the first step.

    Attributes
    ----------
    recipe : Recipe
        Resolved numbers.
    layout : TaskLayout
        The tasks.
    importance : ndarray of shape (n_tasks,)
        Normalised ``loss_weights`` in the layout's order.
    members, seed : int
        Number of members and the seed of their streams.
    device : torch.device
        Where to compute.
    fold : ndarray of shape (n,), optional
        Fold of each row; None where no member holds out rows of its own.
    n_folds : int
        Number of folds.
    content : ndarray of shape (n,), optional
        A number for what is in each row, its labels included; None where nobody asks for it.
    """

    recipe: Recipe
    layout: TaskLayout
    importance: np.ndarray
    members: int
    seed: int
    device: torch.device
    fold: np.ndarray | None
    n_folds: int
    content: np.ndarray | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Type to compute in."""
        dtype: torch.dtype = getattr(torch, self.recipe.dtype)
        return dtype

    def tensor(self, values: np.ndarray) -> torch.Tensor:
        """Move to the device in the type to compute in; equal values that share memory go on sharing it."""
        if values.size and not any(values.strides):
            value = torch.as_tensor(values.flat[0], dtype=self.dtype, device=self.device)
            return value.expand(values.shape)
        return as_tensor(values, self.dtype, self.device)


def make_plan(
    params: dict[str, Any],
    layout: TaskLayout,
    importance: np.ndarray,
    data: EncodedData,
    seed: int,
    device: torch.device,
    own_validation: bool,
) -> Plan:
    """Decide everything that depends on parameters and data."""
    n_rows, members = data.rows.shape[0], int(params["n_estimators"])
    may_deal = params["early_stopping"] is not False and not own_validation
    if may_deal or n_rows <= ROWS_TO_COMPARE:
        hashes, n_distinct = data.once(_hash_rows, seed)
    else:
        n_distinct = n_rows
    n_of_classes = sum(task.kind.is_classifier for task in layout.tasks)
    shape = Shape(
        n_rows=n_rows,
        n_distinct=n_distinct,
        n_inputs=data.rows.shape[1],
        n_tasks=len(layout.tasks),
        n_of_classes=n_of_classes,
        n_outputs=sum(layout.n_outputs),
        on_gpu=device.type != "cpu",
    )
    recipe = resolve_recipe(params, hidden_sizes(params["hidden_layer_sizes"]), shape)
    n_folds = max(round(1 / params["validation_fraction"]), 2)
    deals = recipe.holds_out and may_deal and n_distinct >= n_folds
    fold = deal(hashes, n_folds) if deals else None
    corrects = _corrects(params, recipe, deals, members >= n_folds)
    recipe, content = replace(recipe, local_correction=corrects), hashes if corrects else None
    return Plan(recipe, layout, importance[layout.order], members, seed, device, fold, n_folds, content)


def _corrects(params: dict[str, Any], recipe: Recipe, holds_out: bool, all_of_them: bool) -> bool:
    """Whether held-out errors are to correct predictions: "auto" wants those of all rows."""
    demanded = params["local_correction"] != "auto" and recipe.local_correction
    if demanded and not holds_out:
        raise ValueError(
            "local_correction=True needs members that hold out training rows, and none will: early_stopping is False, "
            "X_val was given, there are fewer distinct rows than folds or, with 'auto', more than 3 copies of each. "
            "Give more rows, set early_stopping=True and leave X_val out, or set local_correction='auto'."
        )
    return recipe.local_correction and holds_out and (all_of_them or demanded)


def _hash_rows(data: EncodedData, seed: int) -> tuple[np.ndarray, int]:
    """A number for the content of each row, ``(n,)``, and how many of them are distinct."""
    hashes = row_hashes(data.rows, seed) + row_hashes(label_codes(data.labels), seed + 1)
    return hashes, len(np.unique(hashes))


def make_network(params: dict[str, Any], plan: Plan, data: EncodedData, encoder: Encoder, streams: Streams) -> Network:
    """Build the network and draw its initial parameters."""
    architecture = Architecture(
        sharing=resolve("sharing", params["sharing"], SHARINGS, Sharing),
        n_inputs=data.rows.shape[1],
        hidden_layer_sizes=hidden_sizes(params["hidden_layer_sizes"]),
        activation=plan.recipe.activation,
        n_outputs=plan.layout.n_outputs,
        members=plan.members,
        dtype=plan.recipe.dtype,
        initial_bias=plan.layout.initial_bias(data.targets, data.weights),
        dropout=(plan.recipe.dropout,) * plan.members,
        encoder=encoder,
        input_dropout=plan.recipe.input_dropout,
    )
    network = Network(architecture, plan.device)
    network.initialise(streams.initial)
    return network


def require_same_architecture(architecture: Architecture, params: dict[str, Any]) -> None:
    """Check that a fitted network is the one that the parameters describe.

    Raises
    ------
    ValueError
        If a parameter that shapes the network has changed.
    """
    dropout, of_inputs, activation = architecture.dropout[0], architecture.input_dropout, architecture.activation
    fitted = {
        "hidden_layer_sizes": (architecture.hidden_layer_sizes, hidden_sizes(params["hidden_layer_sizes"])),
        "activation": (activation, activation if params["activation"] == "auto" else params["activation"]),
        "sharing": (architecture.sharing, resolve("sharing", params["sharing"], SHARINGS, Sharing)),
        "dropout": (dropout, dropout if params["dropout"] == "auto" else float(params["dropout"])),
        "input_dropout": (
            of_inputs,
            of_inputs if params["input_dropout"] == "auto" else float(params["input_dropout"]),
        ),
    }
    for name, (before, now) in fitted.items():
        if before != now:
            raise ValueError(
                f"{name} was {before!r} when training began and is now {now!r}; the network cannot change while "
                f"training goes on. Set it back, or fit with warm_start=False."
            )


def hidden_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Widths as a tuple; one number is one layer.

    Raises
    ------
    ValueError
        If a width is not a positive integer.
    """
    sizes = tuple(np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)).tolist())
    if any(not isinstance(size, int | np.integer) or size < 1 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be positive integers; got {hidden_layer_sizes!r}.")
    return tuple(int(size) for size in sizes)


def make_settings(params: dict[str, Any], plan: Plan) -> Settings:
    """Everything that says how to train."""
    recipe, ones = plan.recipe, torch.ones(plan.members, dtype=plan.dtype, device=plan.device)
    return Settings(
        optimizer=resolve("optimizer", params["optimizer"], OPTIMIZERS, Optimizer),
        learning_rate=recipe.learning_rate * ones,
        weight_decay=recipe.weight_decay * ones,
        schedule=SCHEDULES[recipe.schedule],
        balancer=resolve("balancing", params["balancing"], BALANCERS, Balancer),
        importance=plan.tensor(plan.importance).expand(plan.members, -1),
        batch_size=recipe.batch_size,
        max_iter=recipe.max_iter,
        patience=recipe.patience,
        tol=recipe.tol,
        record=tuple(params["record"]),
        products=LOWERED if params["dtype"] == LOWERED else None,
        cuda_graphs=params["cuda_graphs"],
        scouting=recipe.scouting,
    )


def make_objective(plan: Plan) -> Objective:
    """Losses of the plan's tasks."""
    return Objective(plan.layout.groups, plan.layout.n_outputs, plan.device)


def _rows_and_targets(data: EncodedData, dtype: torch.dtype, device: torch.device) -> tuple[Rows, torch.Tensor]:
    """Encoded rows and targets where the network computes."""
    encoded = data.rows
    rows: Rows = (
        DenseRows(encoded, dtype, device) if isinstance(encoded, np.ndarray) else SparseRows(encoded, dtype, device)
    )
    return rows, as_tensor(data.targets, dtype, device)  # targets are never written to


def make_training_data(plan: Plan, data: EncodedData) -> TrainingData:
    """Training rows; each member ignores those that it holds out."""
    rows, targets = data.once(_rows_and_targets, plan.dtype, plan.device)
    weights = plan.tensor(data.weights)
    if plan.fold is None:
        return TrainingData(rows, targets, weights)
    kept = ~held_out_rows(plan.fold, plan.members, plan.n_folds)
    return TrainingData(rows, targets, weights, plan.tensor(kept))


def make_validation(plan: Plan, training: TrainingData) -> Validation | None:
    """Each member's held-out rows; None where none holds out any."""
    if plan.fold is None:
        return None
    held_out = held_out_rows(plan.fold, plan.members, plan.n_folds)
    longest = int(held_out.sum(axis=1).max())
    order = np.argsort(~held_out, axis=1, kind="stable")[:, :longest]  # (member, longest), held-out rows first
    real = plan.tensor(np.take_along_axis(held_out, order, axis=1))
    return Validation(make_objective(plan), training, torch.from_numpy(order).to(plan.device), real)


def make_common_validation(plan: Plan, data: EncodedData) -> Validation:
    """Rows that judge all members."""
    rows = TrainingData(*data.once(_rows_and_targets, plan.dtype, plan.device), plan.tensor(data.weights))
    every = torch.arange(rows.n_rows, device=plan.device)[None]
    return Validation(make_objective(plan), rows, every, torch.ones_like(every, dtype=plan.dtype))
