"""Fits over the workers of a dask cluster."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import torch.distributed as dist
from sklearn.base import clone

from skmtl.processes import DistributedError
from skmtl.processes import distributed as group_of_processes

__all__ = ["fit"]

T = TypeVar("T")

SECONDS_BETWEEN_LOOKS = 1.0  # at whether all workers are still there


def fit(
    net: T,
    X: Any,
    y: Any,
    *,
    client: Any = None,
    sample_weight: Any = None,
    members: int | None = None,
    data: int | None = None,
    tasks: int | None = None,
) -> T:
    """Fit a net, or a search over nets, over the workers of a dask cluster that hold the data.

    The workers make one group of processes (see :func:`skmtl.distributed`), each with all rows: members, the rows of
    batches or the output layers of tasks are divided among them.

    Parameters
    ----------
    net : estimator
        Left as it is.
    X : dask array or data frame of shape (n_samples, n_features)
        Rows. Of arrays in memory a single worker is used.
    y : dask array or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels, with holes as in the ``fit`` of the net.
    client : distributed.Client, default=None
        Of the cluster; by default the current one.
    sample_weight : dask array of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weights of rows or of single labels.
    members, data, tasks : int, default=None
        As in :func:`skmtl.distributed`.

    Returns
    -------
    estimator
        A fitted clone of ``net`` that knows nothing of dask.

    Raises
    ------
    DistributedError
        If a worker leaves the cluster during the fit.

    Examples
    --------
    >>> import dask.array as da
    >>> import skmtl.dask
    >>> from distributed import Client
    >>> client = Client(n_workers=2)  # doctest: +SKIP
    >>> X = da.random.normal(size=(1000, 5), chunks=(250, 5))
    >>> net = skmtl.dask.fit(skmtl.MultiTaskNetRegressor(), X, X[:, :2] ** 2, client=client)  # doctest: +SKIP
    """
    engine = _engine()
    client = client or engine.default_client()
    held = client.persist([part for part in (X, y, sample_weight) if hasattr(part, "__dask_graph__")])
    engine.wait(engine.futures_of(held))
    workers = _workers_of(
        client, [address for key in client.who_has(engine.futures_of(held)).values() for address in key]
    )
    with engine.MultiLock(workers, client=client):  # two groups that wait for one another's workers would wait for ever
        parts = [part if part is None else client.compute(part) for part in _with_held((X, y, sample_weight), held)]
        host, port = urlsplit(workers[0]).hostname, client.run(_free_port, workers=workers[:1])[workers[0]]
        futures = [
            client.submit(
                _fit_one,
                clone(net),
                *parts,
                (f"tcp://{host}:{port}", rank, len(workers)),
                {"members": members, "data": data, "tasks": tasks},
                workers=[worker],
                pure=False,
            )
            for rank, worker in enumerate(workers)
        ]
        fitted: T = _first_result(client, futures, workers)
        return fitted


def _engine() -> Any:
    """Dask's package, whose functions have no types."""
    import distributed

    return distributed


def _with_held(given: Sequence[Any], held: Sequence[Any]) -> list[Any]:
    """What was given, with the collections among it as they are held by workers."""
    kept = iter(held)
    return [next(kept) if hasattr(part, "__dask_graph__") else part for part in given]


def _workers_of(client: Any, addresses: Sequence[str]) -> list[str]:
    """Addresses of the workers that hold data, one a process; any worker where none does."""
    known = sorted(client.scheduler_info(n_workers=-1)["workers"])
    holding = [address for address in known if address in set(addresses)] or known[:1]
    if not holding:
        raise ValueError("client must have a worker to fit on, and it has none; add workers to the cluster.")
    processes = client.run(_process, workers=holding)
    return list({processes[address]: address for address in reversed(holding)}.values())[::-1]


def _process() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def _free_port() -> int:
    with socket.create_server(("", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _fit_one(
    net: Any, X: Any, y: Any, sample_weight: Any, place: tuple[str, int, int], axes: dict[str, int | None]
) -> Any:
    """Fit in a worker; the first one returns the net."""
    method, rank, size = place
    if size == 1:
        return net.fit(X, y, **_weights(sample_weight))
    dist.init_process_group("gloo", init_method=method, rank=rank, world_size=size)
    try:
        with group_of_processes(**axes):
            net.fit(X, y, **_weights(sample_weight))
    finally:
        dist.destroy_process_group()
    return net if rank == 0 else None


def _weights(sample_weight: Any) -> dict[str, Any]:
    return {} if sample_weight is None else {"sample_weight": sample_weight}


def _first_result(client: Any, futures: Sequence[Any], workers: Sequence[str]) -> Any:
    """Result of the first future, once all are done; a worker that has left would never be done."""
    try:
        while not all(future.done() for future in futures):
            with suppress(TimeoutError):
                _engine().wait(futures, timeout=SECONDS_BETWEEN_LOOKS)
            failed = [future for future in futures if future.status == "error"]
            gone = sorted(set(workers) - set(client.scheduler_info(n_workers=-1)["workers"]))
            if gone:
                raise DistributedError(
                    f"The worker {gone[0]} has left the cluster in the middle of a fit, or was restarted. Fit again; "
                    f"its data are computed anew by the workers that are there."
                )
            if failed:
                failed[0].result()
        return next(future.result() for future in futures)
    finally:
        client.cancel(list(futures))
