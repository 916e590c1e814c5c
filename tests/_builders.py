"""Networks, data and runs for the tests of what is below the estimators: float64 on the CPU by default."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from skmtl.balancing import Static
from skmtl.network import Architecture, Network
from skmtl.sharing import SHARINGS, Sharing
from skmtl.tasks import Kind, SquaredError, TaskLayout
from skmtl.training import (
    SCHEDULES,
    AdamW,
    DenseRows,
    EarlyStopping,
    FitConfig,
    History,
    Objective,
    PeerSharing,
    Streams,
    Training,
    TrainingData,
    Validation,
)

CPU = torch.device("cpu")


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(values, dtype=float))


def make_network(
    sharing: str | Sharing,
    n_inputs: int,
    sizes: Sequence[int],
    n_outputs: Sequence[int],
    *,
    seeds: Iterable[int | np.random.Generator],
    activation: str = "tanh",
    dropout: float | Sequence[float] = 0.0,
    dtype: str = "float64",
    **fields: Any,
) -> Network:
    """Build a network with a member for each seed that its first parameters are drawn with."""
    generators = [np.random.default_rng(seed) for seed in seeds]
    rates = (dropout,) * len(generators) if isinstance(dropout, float) else tuple(dropout)
    architecture = Architecture(
        sharing=SHARINGS[sharing]() if isinstance(sharing, str) else sharing,
        n_inputs=n_inputs,
        hidden_layer_sizes=tuple(sizes),
        activation=activation,
        n_outputs=tuple(n_outputs),
        members=len(generators),
        dtype=dtype,
        **{"initial_bias": np.zeros(sum(n_outputs)), "dropout": rates, **fields},
    )
    network = Network(architecture, CPU)
    network.buffer.initialise(generators)
    return network


def make_layout(columns: Sequence[np.ndarray], kinds: Sequence[Kind] | None = None) -> TaskLayout:
    """Fit tasks t0, t1, ... of these kinds to their labels; numbers by default."""
    kinds = kinds or [SquaredError()] * len(columns)
    pairs = enumerate(zip(kinds, columns, strict=True))
    return TaskLayout([kind.fit(f"t{k}", column, np.ones(len(column))) for k, (kind, column) in pairs])


def make_objective(layout: TaskLayout) -> Objective:
    return Objective(layout.groups, layout.n_outputs, CPU)


def make_data(X: np.ndarray, targets: Any, weights: Any = None, kept: torch.Tensor | None = None) -> TrainingData:
    """Rows with encoded targets, weights of cells (1 by default), and which rows each member learns from."""
    targets = tensor(targets)
    return TrainingData(
        DenseRows(X, torch.float64, CPU), targets, tensor(np.ones(targets.shape) if weights is None else weights), kept
    )


def _settings_of(method: PeerSharing | None, members: int) -> torch.Tensor:
    values = [float(getattr(method, name)) for name in ([] if method is None else method.strengths)]
    return torch.tensor(values, dtype=torch.float64).expand(members, -1)


def make_config(members: int, n_tasks: int, **changes: Any) -> FitConfig:
    """How to train: AdamW under a cosine schedule with equal weights of tasks."""
    ones = torch.ones(members, dtype=torch.float64)
    config = FitConfig(
        learning_rate=0.01 * ones,
        weight_decay=0.01 * ones,
        loss_weights=torch.full((members, n_tasks), 1 / n_tasks, dtype=torch.float64),
        sharing=SHARINGS["hard"](),
        hidden_layer_sizes=(),
        task_layer_sizes=(),
        activation="tanh",
        input_dropout=0.0,
        dtype="float64",
        device=CPU,
        optimizer=AdamW(),
        schedule=SCHEDULES["cosine"],
        balancer=Static(),
        record=(),
        matmul_dtype=None,
        cuda_graphs=False,
        batch_size=16,
        max_iter=6,
        patience=float("inf"),
        tol=1e-4,
        relevance_epochs=0,
        dropout=0.0,
        members=members,
        n_peers=1,
        collaboration=None,
        collaboration_settings=torch.zeros(members, 0, dtype=torch.float64),
        peer_sharing=None,
        peer_sharing_settings=_settings_of(changes.get("peer_sharing"), members),
        seed=0,
        n_folds=0,
        n_threads=None,
    )
    return replace(config, **changes)


def make_streams(members: Iterable[int], seed: int = 5) -> Streams:
    """Random streams of the members with these numbers, among any others."""
    numbers = list(members)
    return Streams(tuple((seed, number) for number in numbers), ((seed, len(numbers)),))


def make_training(
    network: Network,
    layout: TaskLayout,
    data: TrainingData,
    config: FitConfig,
    streams: Streams,
    validation: Validation | None = None,
    **given: Any,
) -> Training:
    return Training(network, make_objective(layout), data, config, streams, validation, **given)


def train(training: Training) -> tuple[History, EarlyStopping]:
    """Train to the end and put the kept weights back; raise where the loss stopped being finite."""
    training.advance(training.config.max_iter)
    training.check_weights()
    for error in training.failures.values():
        raise error
    training.stopping.finish()
    return training.history, training.stopping
