"""From what users write to the configuration of a fit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from joblib import cpu_count, effective_n_jobs
from sklearn.utils import check_random_state

from skmtl._params import resolve
from skmtl.balancing import BALANCERS, Balancer, unwrap
from skmtl.defaults import Resolved
from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.fitting._task_weights import read_loss_weights
from skmtl.sharing import SHARINGS, Sharing
from skmtl.training import OPTIMIZERS, SCHEDULES, FitConfig, Optimizer, as_device

Params = Mapping[str, Any]
MAX_DECAY = 2.0  # of parameters in a step; beyond it they grow from step to step


def make_config(
    params: Params, resolved: Resolved, inputs: SharedInputs, seed: int, device: torch.device
) -> tuple[FitConfig, np.ndarray]:
    """Settings of the fit, and its normalised loss weights in the order of the label matrix."""
    members = int(params["n_estimators"])
    _require_rates(params, resolved)
    balancer, record = read_balancing(params["balancing"])
    loss_weights = read_loss_weights(resolved.loss_weights, inputs.tasks)
    of_member = {"dtype": getattr(torch, resolved.dtype), "device": device}
    ones = torch.ones(members, **of_member)
    config = FitConfig(
        learning_rate=resolved.learning_rate * ones,
        weight_decay=resolved.weight_decay * ones,
        loss_weights=torch.as_tensor(loss_weights[inputs.layout.order]).to(**of_member).expand(members, -1),
        sharing=copy.deepcopy(resolve("sharing", params["sharing"], SHARINGS, Sharing)),
        hidden_layer_sizes=hidden_sizes(params["hidden_layer_sizes"]),
        activation=resolved.activation,
        input_dropout=resolved.input_dropout,
        dtype=resolved.dtype,
        device=device,
        optimizer=copy.deepcopy(resolve("optimizer", params["optimizer"], OPTIMIZERS, Optimizer)),
        schedule=SCHEDULES[resolved.schedule],
        balancer=copy.deepcopy(balancer),
        record=record,
        matmul_dtype=resolved.matmul_dtype,
        cuda_graphs=as_device(params["device"]).cuda_graphs,
        batch_size=resolved.batch_size,
        max_iter=resolved.max_iter,
        patience=resolved.patience,
        tol=resolved.tol,
        relevance_epochs=resolved.relevance_epochs,
        dropout=resolved.dropout,
        members=members,
        seed=seed,
        n_folds=resolved.n_folds or 0,
        corrects=resolved.local_correction,
        n_threads=count_threads(params["n_jobs"]),
    )
    return config, loss_weights


def count_threads(n_jobs: int | None) -> int | None:
    """Number of threads that ``n_jobs`` asks for, at most one a processor; None leaves it to the work of a step."""
    return None if n_jobs is None else min(effective_n_jobs(n_jobs), _n_cpus())


@cache  # reads files of the operating system
def _n_cpus() -> int:
    return int(cpu_count())


def _require_rates(params: Params, resolved: Resolved) -> None:
    """Check rates that no training could bear."""
    for name in ("dropout", "input_dropout"):
        rate = getattr(resolved, name)
        if float(np.asarray(rate, dtype=resolved.dtype)) >= 1:
            raise ValueError(f"{name} must be less than 1, which {rate!r} is not in {resolved.dtype}; lower it.")
    decay, rate = resolved.weight_decay, min(resolved.learning_rate, 1.0)
    if params["weight_decay"] != "auto" and rate * decay > MAX_DECAY:
        raise ValueError(
            f"weight_decay={decay!r} is too large: a step multiplies the parameters by 1 - learning_rate_init * "
            f"weight_decay. With learning_rate_init={resolved.learning_rate:g} keep it below {MAX_DECAY / rate:g}."
        )


def read_balancing(balancing: Any) -> tuple[Balancer, tuple[str, ...]]:
    """Balancing method, and quantities to record."""
    method, record = unwrap(balancing)
    return resolve("balancing", method, BALANCERS, Balancer), record


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


def read_seed(random_state: Any) -> int:
    """Seed of the streams; a new one for None."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
