"""From observations to a training run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from skmtl._params import resolve
from skmtl.balancing import BALANCERS, Balancer, Static
from skmtl.defaults import DataSummary, Resolved, requested
from skmtl.encoders import Encoder
from skmtl.estimators._encoded import EncodedData
from skmtl.inputs import deal, held_out_rows, label_codes, row_hashes
from skmtl.network import Architecture, Network
from skmtl.sharing import SHARINGS, Sharing
from skmtl.tasks import Task, TaskLayout
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
    resolved : Resolved
        Parameters.
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
    content : ndarray of shape (n,), optional
        A number for what is in each row, its labels included; None where nobody asks for it.
    """

    resolved: Resolved
    layout: TaskLayout
    importance: np.ndarray
    members: int
    seed: int
    device: torch.device
    fold: np.ndarray | None
    content: np.ndarray | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Type to compute in."""
        dtype: torch.dtype = getattr(torch, self.resolved.dtype)
        return dtype

    @property
    def held_out(self) -> np.ndarray | None:
        """Which rows each member holds out, ``(member, n)``; None where none holds out rows of its own."""
        n_folds = self.resolved.n_folds
        return None if self.fold is None or n_folds is None else held_out_rows(self.fold, self.members, n_folds)

    def tensor(self, values: np.ndarray) -> torch.Tensor:
        """Move to the device in the type to compute in; equal values that share memory go on sharing it."""
        if values.size and not any(values.strides):
            value = torch.as_tensor(values.flat[0], dtype=self.dtype, device=self.device)
            return value.expand(values.shape)
        return as_tensor(values, self.dtype, self.device)


def summarise(
    params: dict[str, Any],
    preferences: dict[str, Any],
    tasks: Sequence[Task],
    data: EncodedData,
    seed: int,
    **circumstances: Any,
) -> tuple[DataSummary, np.ndarray | None]:
    """What the defaults look at, and the hash of each row where the fit needs it."""
    n_rows = n_distinct = data.rows.shape[0]
    hashes = None
    may_deal = requested("early_stopping", params, preferences) is not False and not circumstances["validation_given"]
    if may_deal or n_rows <= ROWS_TO_COMPARE:
        hashes, n_distinct = data.once(_hash_rows, seed)
    return DataSummary(
        n_rows=n_rows,
        n_distinct=n_distinct,
        n_inputs=data.rows.shape[1],
        n_outputs=sum(task.kind.n_outputs(task) for task in tasks),
        classification=tuple(task.kind.is_classifier for task in tasks),
        static_weights=isinstance(resolve("balancing", params["balancing"], BALANCERS, Balancer), Static),
        **circumstances,
    ), hashes


def make_plan(
    resolved: Resolved,
    layout: TaskLayout,
    importance: np.ndarray,
    members: int,
    seed: int,
    device: torch.device,
    hashes: np.ndarray | None,
) -> Plan:
    """Deal the rows, and remember what is in them where the correction needs it."""
    fold = None if resolved.n_folds is None or hashes is None else deal(hashes, resolved.n_folds)
    content = hashes if resolved.local_correction else None
    return Plan(resolved, layout, importance[layout.order], members, seed, device, fold, content)


def _hash_rows(data: EncodedData, seed: int) -> tuple[np.ndarray, int]:
    """A number for the content of each row, ``(n,)``, and how many of them are distinct."""
    hashes = row_hashes(data.rows, seed) + row_hashes(label_codes(data.labels), seed + 1)
    return hashes, len(np.unique(hashes))


def read_seed(random_state: Any) -> int:
    """Seed of the streams; a new one for None."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def make_network(params: dict[str, Any], plan: Plan, data: EncodedData, encoder: Encoder, streams: Streams) -> Network:
    """Build the network and draw its initial parameters."""
    architecture = Architecture(
        sharing=resolve("sharing", params["sharing"], SHARINGS, Sharing),
        n_inputs=data.rows.shape[1],
        hidden_layer_sizes=hidden_sizes(params["hidden_layer_sizes"]),
        activation=plan.resolved.activation,
        n_outputs=plan.layout.n_outputs,
        members=plan.members,
        dtype=plan.resolved.dtype,
        initial_bias=plan.layout.initial_bias(data.targets, data.weights),
        dropout=(plan.resolved.dropout,) * plan.members,
        encoder=encoder,
        input_dropout=plan.resolved.input_dropout,
    )
    network = Network(architecture, plan.device)
    network.initialise(streams.initial)
    return network


def require_same_architecture(architecture: Architecture, params: dict[str, Any], resolved: Resolved) -> None:
    """Check that a fitted network is the one that the parameters describe.

    Raises
    ------
    ValueError
        If a parameter that shapes the network has changed.
    """
    fitted = {
        "hidden_layer_sizes": (architecture.hidden_layer_sizes, hidden_sizes(params["hidden_layer_sizes"])),
        "activation": (architecture.activation, resolved.activation),
        "sharing": (architecture.sharing, resolve("sharing", params["sharing"], SHARINGS, Sharing)),
        "dropout": (architecture.dropout[0], resolved.dropout),
        "input_dropout": (architecture.input_dropout, resolved.input_dropout),
    }
    for name, (before, now) in fitted.items():
        if before != now and name not in resolved.choices:
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
    resolved, ones = plan.resolved, torch.ones(plan.members, dtype=plan.dtype, device=plan.device)
    return Settings(
        optimizer=resolve("optimizer", params["optimizer"], OPTIMIZERS, Optimizer),
        learning_rate=resolved.learning_rate * ones,
        weight_decay=resolved.weight_decay * ones,
        schedule=SCHEDULES[resolved.schedule],
        balancer=resolve("balancing", params["balancing"], BALANCERS, Balancer),
        importance=plan.tensor(plan.importance).expand(plan.members, -1),
        batch_size=resolved.batch_size,
        max_iter=resolved.max_iter,
        patience=resolved.patience,
        tol=resolved.tol,
        record=tuple(params["record"]),
        products=resolved.matmul_dtype,
        cuda_graphs=params["cuda_graphs"],
        scouting=resolved.relevance_epochs,
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
    held_out = plan.held_out
    return TrainingData(rows, targets, weights, None if held_out is None else plan.tensor(~held_out))


def make_validation(plan: Plan, training: TrainingData) -> Validation | None:
    """Each member's held-out rows; None where none holds out any."""
    held_out = plan.held_out
    if held_out is None:
        return None
    longest = int(held_out.sum(axis=1).max())
    order = np.argsort(~held_out, axis=1, kind="stable")[:, :longest]  # (member, longest), held-out rows first
    real = plan.tensor(np.take_along_axis(held_out, order, axis=1))
    return Validation(make_objective(plan), training, torch.from_numpy(order).to(plan.device), real)


def make_common_validation(plan: Plan, data: EncodedData) -> Validation:
    """Rows that judge all members."""
    rows = TrainingData(*data.once(_rows_and_targets, plan.dtype, plan.device), plan.tensor(data.weights))
    every = torch.arange(rows.n_rows, device=plan.device)[None]
    return Validation(make_objective(plan), rows, every, torch.ones_like(every, dtype=plan.dtype))
