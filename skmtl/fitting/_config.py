"""From what users write to the configuration of a fit and the weights of tasks."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from joblib import cpu_count, effective_n_jobs
from sklearn.utils import check_random_state

from skmtl._params import resolve
from skmtl._peer_method import PeerMethod
from skmtl.balancing import BALANCERS, Balancer, Recorded
from skmtl.balancing.static import GeometricWeights
from skmtl.collaboration import COLLABORATIONS, Collaboration
from skmtl.defaults import REDUCED, DataSummary, n_held_out_folds, relevance_epochs
from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.inputs import as_numbers, as_spelt, by_task
from skmtl.sharing import SHARINGS, Hard, Sharing
from skmtl.tasks import Task
from skmtl.training import OPTIMIZERS, PEER_SHARINGS, SCHEDULES, FitConfig, Optimizer, PeerSharing, as_device

M = TypeVar("M", bound=PeerMethod)

PEER_METHODS: dict[str, Mapping[str, type[Any]]] = {"collaboration": COLLABORATIONS, "peer_sharing": PEER_SHARINGS}


def read_loss_weights(loss_weights: Any, tasks: Sequence[Task]) -> np.ndarray:
    """Weights of the tasks, normalised to sum 1, ``(n_tasks,)`` float64.

    Raises
    ------
    ValueError
        If the number of weights or a name is wrong, a weight is negative or not finite, or all are zero.
    """
    names, n_tasks = [task.name for task in tasks], len(tasks)
    if isinstance(loss_weights, GeometricWeights):
        loss_weights = loss_weights.expand(n_tasks)
    weights = as_numbers(by_task("loss_weights", as_spelt(loss_weights, names), names, 1.0), "loss_weights")
    if weights.shape != (n_tasks,):
        raise ValueError(
            f"loss_weights must have one weight for each of the {n_tasks} tasks ({', '.join(map(str, names[:5]))}"
            f"{', ...' if n_tasks > 5 else ''}); got {weights.size}."
        )
    for name, weight in zip(names, weights, strict=True):
        if not 0 <= weight < np.inf:
            raise ValueError(f"loss_weights must be finite and not negative; got {weight} for task {name!r}.")
    if not weights.any():
        raise ValueError("loss_weights are all zero; at least one task needs a positive weight.")
    weights = weights / weights.max()
    normalised: np.ndarray = weights / weights.sum()
    return normalised


Params = Mapping[str, Any]
MAX_DECAY = 2.0  # of parameters in a step; beyond it they grow from step to step


def make_config(
    params: Params, data: DataSummary, inputs: SharedInputs, seed: int, device: torch.device
) -> tuple[FitConfig, np.ndarray]:
    """Settings of a fit with these parameters, none left open; its loss weights in the order of the label matrix."""
    max_iter, n_peers = int(params["max_iter"]), int(params["n_peers"])
    batch_size = data.rows_of_step(int(params["batch_size"]))
    steps_of_epoch = math.ceil((data.n_rows + data.n_unlabeled) / batch_size)
    members = int(params["n_estimators"]) * n_peers
    balancer, record = read_balancing(params["balancing"])
    loss_weights = read_loss_weights(params["loss_weights"], inputs.tasks)
    method, peer_sharing = _peer_methods(params, n_peers, data)
    sharing = _read_sharing(params["sharing"], peer_sharing)
    require_all_learned(sharing, loss_weights, inputs.tasks)
    reduced = params["dtype"] == REDUCED
    dtype = "float32" if reduced else params["dtype"]
    _require_rates(params, dtype)
    of_member = {"dtype": getattr(torch, dtype), "device": device}
    ones = torch.ones(members, **of_member)
    config = FitConfig(
        learning_rate=float(params["learning_rate_init"]) * ones,  # a rate beyond the type is infinite, and diverges
        weight_decay=float(params["weight_decay"]) * ones,
        loss_weights=torch.as_tensor(loss_weights[inputs.layout.order]).to(**of_member).expand(members, -1),
        sharing=sharing,
        hidden_layer_sizes=params["hidden_layer_sizes"],
        task_layer_sizes=params["task_layer_sizes"],
        activation=params["activation"],
        input_dropout=float(params["input_dropout"]),
        dtype=dtype,
        device=device,
        optimizer=copy.deepcopy(resolve("optimizer", params["optimizer"], OPTIMIZERS, Optimizer)),
        schedule=SCHEDULES[params["learning_rate"]],
        balancer=copy.deepcopy(balancer),
        record=record,
        matmul_dtype=REDUCED if reduced else None,
        cuda_graphs=as_device(params["device"]).cuda_graphs,
        batch_size=batch_size,
        max_iter=max_iter,
        patience=params["n_iter_no_change"],
        tol=params["tol"],
        relevance_epochs=relevance_epochs(max_iter, steps_of_epoch) if params["input_scaling"] else 0,
        dropout=float(params["dropout"]),
        members=members,
        n_peers=n_peers,
        collaboration=method,
        collaboration_settings=_member_settings(method, ones),
        peer_sharing=peer_sharing,
        peer_sharing_settings=_member_settings(peer_sharing, ones),
        seed=seed,
        n_folds=n_held_out_folds(data, params),
        n_threads=count_threads(params["n_jobs"]),
    )
    return config, loss_weights


def count_threads(n_jobs: int | None) -> int | None:
    """Number of threads that ``n_jobs`` asks for, at most one a processor; None leaves it to the work of a step."""
    return None if n_jobs is None else min(effective_n_jobs(n_jobs), _n_cpus())


@cache  # reads files of the operating system
def _n_cpus() -> int:
    return int(cpu_count())


def _require_rates(params: Params, dtype: str) -> None:
    """Check rates that no training could bear."""
    for name in ("dropout", "input_dropout"):
        if float(np.asarray(params[name], dtype=dtype)) >= 1:
            raise ValueError(f"{name} must be less than 1, which {params[name]!r} is not in {dtype}; lower it.")
    decay, rate = params["weight_decay"], float(params["learning_rate_init"])
    if min(rate, 1.0) * decay > MAX_DECAY:
        raise ValueError(
            f"weight_decay={decay!r} is too large: a step multiplies the parameters by 1 - learning_rate_init * "
            f"weight_decay. With learning_rate_init={rate:g} keep it below {MAX_DECAY / min(rate, 1.0):g}."
        )


def read_balancing(balancing: Any) -> tuple[Balancer, tuple[str, ...]]:
    """Balancing method, and quantities to record.

    Raises
    ------
    ValueError
        If the method is not known, or the quantities are no sequence of names.
    """
    if not isinstance(balancing, Recorded):
        return resolve("balancing", balancing, BALANCERS, Balancer), ()
    if not isinstance(balancing.quantities, list | tuple):
        raise ValueError(
            f"quantities of balancing=Recorded must be a list of names, such as ['gradient_norms']; got "
            f"{balancing.quantities!r}."
        )
    return resolve("balancing", balancing.balancing, BALANCERS, Balancer), tuple(balancing.quantities)


def _read_sharing(sharing: Any, peer_sharing: PeerSharing | None) -> Sharing:
    """Sharing architecture, without proximal steps where peers compute their weights anew in each step."""
    known: Sharing = copy.deepcopy(resolve("sharing", sharing, SHARINGS, Sharing))
    parameter = known.proximal
    if parameter is None or peer_sharing is None or not peer_sharing.composes:
        return known
    strength = getattr(known, parameter)
    if np.any(np.asarray(strength) != 0):
        raise ValueError(
            f"{known.label(parameter)} must be 0 with peer_sharing={type(peer_sharing).__name__}, which computes the "
            f"weights of each peer from parts and would undo the proximal steps; got {strength!r}. Set it to 0, or "
            f"choose peer_sharing='averaging' or 'elastic'."
        )
    return known


def require_all_learned(sharing: Sharing, loss_weights: np.ndarray, tasks: Sequence[Task]) -> None:
    """Check that no task that learns nothing holds back others, to whose output layers its own is drawn.

    Raises
    ------
    ValueError
        If a task has no loss weight under ``Hard(output_strength)`` above 0.
    """
    idle = [task.name for task, weight in zip(tasks, loss_weights, strict=True) if weight == 0]
    if idle and isinstance(sharing, Hard) and sharing.output_strength > 0:
        raise ValueError(
            f"sharing={sharing!r} draws the output layers of all tasks to their mean, and task {idle[0]!r}, whose loss "
            "weight is 0, would hold back the others. Leave such tasks out of y, or set output_strength=0: it is not "
            "for reports of transfer, affinities and groups of tasks, which train subsets of the tasks in this way."
        )


def read_sizes(params: Params, name: str) -> tuple[int, ...]:
    """Widths of layers that a parameter gives, which is not "auto", as a tuple; one number is one layer.

    Raises
    ------
    ValueError
        If a width is not a positive integer.
    """
    sizes = tuple(np.atleast_1d(np.asarray(params[name], dtype=object)).tolist())
    if any(not isinstance(size, int | np.integer) or size < 1 for size in sizes):
        raise ValueError(f"{name} must be positive integers; got {params[name]!r}.")
    return tuple(int(size) for size in sizes)


def read_seed(random_state: Any) -> int:
    """Seed of the streams; a new one for None."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def read_peer_method(base: type[M], given: Any) -> M | None:
    """A copy of the method that is given or named, whose settings have been checked; None without one."""
    if given is None:
        return None
    method: M = copy.deepcopy(resolve(base.owner, given, PEER_METHODS[base.owner], base))
    method.check()
    return method


def _peer_methods(params: Params, n_peers: int, data: DataSummary) -> tuple[Collaboration | None, PeerSharing | None]:
    """Methods that couple the peers of a cohort, checked beside their number; None without one, or where none acts."""
    method = read_peer_method(Collaboration, params["collaboration"])
    peer_sharing = read_peer_method(PeerSharing, params["peer_sharing"])
    if method is not None:
        method.check_peers(n_peers)
        _require_held_out(method, data, params)
    if peer_sharing is not None:
        peer_sharing.check_peers(n_peers)
        peer_sharing = peer_sharing if peer_sharing.acts else None
    return method, peer_sharing


def _require_held_out(method: Collaboration, data: DataSummary, params: Params) -> None:
    """Check that there are held-out rows where a method measures something on them."""
    if method.needs_held_out and not n_held_out_folds(data, params) and not data.validation_given:
        raise ValueError(
            f"collaboration={type(method).__name__} needs held-out rows to measure on, and there are none: "
            f"early_stopping is False, as in partial_fit, or there are too few distinct rows. Give more rows or X_val, "
            f"set early_stopping=True, or choose settings that need none, such as a number as threshold."
        )


def _member_settings(method: PeerMethod | None, ones: torch.Tensor) -> torch.Tensor:
    """Settings that members carry, ``(member, setting)``."""
    names = () if method is None else method.strengths
    values = [float(getattr(method, name)) for name in names]
    return torch.tensor(values, dtype=ones.dtype, device=ones.device).expand(len(ones), -1)
