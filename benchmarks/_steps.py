"""The step of skmtl's training loop, for timing it beside those of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from skmtl.balancing import Balancer
from skmtl.network import Architecture, Network
from skmtl.sharing import Sharing
from skmtl.tasks import SquaredError, TaskLayout
from skmtl.training import SCHEDULES, AdamW, Batch, DenseRows, FitConfig, Objective, Streams, Training, TrainingData

CPU = torch.device("cpu")


def skmtl_step(
    sharing: Sharing,
    balancer: Balancer,
    hidden_layer_sizes: Sequence[int],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    members: int = 1,
    rate: float = 1e-3,
) -> Callable[[], None]:
    """Build a step on one batch of all rows, for all members at once."""
    training, batch = skmtl_training(sharing, balancer, hidden_layer_sizes, x, y, members=members, rate=rate)

    def step() -> None:
        with training.step.passes.mode():
            training.step(batch, 1.0)

    return step


def skmtl_training(
    sharing: Sharing,
    balancer: Balancer,
    hidden_layer_sizes: Sequence[int],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    members: int = 1,
    rate: float = 1e-3,
) -> tuple[Training, Batch]:
    """Begin to train, and build one batch of all rows."""
    n_rows, n_tasks = y.shape
    layout = TaskLayout([SquaredError().fit(f"t{t}", y[:, t].numpy(), np.ones(n_rows)) for t in range(n_tasks)])
    data = TrainingData(DenseRows(x.numpy(), torch.float32, CPU), y, torch.ones_like(y))
    config = FitConfig(
        learning_rate=torch.full((members,), rate),
        weight_decay=torch.zeros(members),
        loss_weights=torch.full((members, n_tasks), 1 / n_tasks),
        sharing=sharing,
        hidden_layer_sizes=tuple(hidden_layer_sizes),
        task_layer_sizes=(),
        activation="relu",
        input_dropout=0.0,
        dtype="float32",
        device=CPU,
        optimizer=AdamW(),
        schedule=SCHEDULES["constant"],
        balancer=balancer,
        record=(),
        matmul_dtype=None,
        cuda_graphs=False,
        batch_size=n_rows,
        max_iter=1,
        patience=float("inf"),
        tol=0.0,
        relevance_epochs=0,
        dropout=0.0,
        members=members,
        n_peers=1,
        collaboration=None,
        collaboration_settings=torch.zeros(members, 0),
        peer_sharing=None,
        peer_sharing_settings=torch.zeros(members, 0),
        seed=0,
        n_folds=0,
        n_threads=None,
    )
    architecture = Architecture(
        sharing=sharing,
        n_inputs=x.shape[1],
        hidden_layer_sizes=config.hidden_layer_sizes,
        activation=config.activation,
        n_outputs=layout.n_outputs,
        members=members,
        dtype=config.dtype,
        initial_bias=np.zeros(n_tasks),
        dropout=(0.0,) * members,
    )
    streams = Streams.from_seed(0, members)
    network = Network(architecture, CPU)
    network.buffer.initialise(streams.initial)
    training = Training(network, Objective(layout.groups, layout.n_outputs, CPU), data, config, streams)
    return training, data.take(slice(None))
