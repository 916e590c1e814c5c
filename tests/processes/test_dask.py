"""Fits over a local cluster of processes."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest

import skmtl
import skmtl.dask

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
pytestmark = pytest.mark.filterwarnings("ignore")  # of what the cluster does at its end

SETTINGS: dict[str, Any] = {"hidden_layer_sizes": (4,), "n_estimators": 3, "effort": "fixed", "dtype": "float64"}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Of a cluster whose processes are forked from one that has imported what they need."""
    options = {"n_workers": 2, "threads_per_worker": 2, "memory_limit": 0, "dashboard_address": None}
    with warnings.catch_warnings(), dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        warnings.simplefilter("ignore")
        distributed.utils.get_mp_context().set_forkserver_preload(["distributed", "skmtl.dask"])
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
            yield client


def made_rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    y = np.column_stack([X[:, 0], np.sin(X[:, 1])])
    y[::5, 1] = np.nan
    return X, y


def blocks(array: np.ndarray) -> Any:
    return da.from_array(array, chunks=(20, array.shape[1]))


def net(**params: Any) -> skmtl.MultiTaskNetRegressor:
    return skmtl.MultiTaskNetRegressor(**{"max_iter": 4, "random_state": 0, **SETTINGS, **params})


def test_a_cluster_learns_what_one_process_learns(client: Any) -> None:
    X, y = made_rows()
    fitted = skmtl.dask.fit(net(), blocks(X), blocks(y), client=client)
    np.testing.assert_allclose(fitted.predict(X), net().fit(X, y).predict(X), rtol=1e-10)


def test_frames_keep_columns_and_categories(client: Any) -> None:
    frames = pytest.importorskip("dask.dataframe")
    X, y = (pd.DataFrame(of, columns=names) for of, names in zip(made_rows(), (list("abcd"), ["u", "v"]), strict=True))
    X["kind"] = pd.Categorical(np.where(X["a"] > 0, "high", "low"), ["high", "low", "never"])
    parts = (frames.from_pandas(frame, npartitions=4, sort=False) for frame in (X, y))
    fitted, alone = skmtl.dask.fit(net(), *parts, client=client), net().fit(X, y)
    assert list(fitted.feature_names_in_) == list(X.columns)
    np.testing.assert_allclose(fitted.predict(X), alone.predict(X), rtol=1e-10)


def test_numbers_of_parts_reach_the_workers(client: Any) -> None:
    X, y = made_rows()
    with pytest.raises(ValueError, match="tasks of distributed must divide the number of processes, 2; got 3"):
        skmtl.dask.fit(net(), blocks(X), blocks(y), client=client, tasks=3)


def test_two_fits_at_once_both_end(client: Any) -> None:
    X, y = made_rows()
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(skmtl.dask.fit, net(), blocks(X), blocks(y), client=client, data=2) for _ in range(2)]
        first, second = (future.result(timeout=120) for future in both)
    np.testing.assert_array_equal(first.predict(X), second.predict(X))


def test_a_worker_that_ends_is_an_error(client: Any) -> None:
    X, y = made_rows()
    worker = sorted(client.scheduler_info()["workers"])[1]

    def end_worker() -> None:
        while not all(any("_fit_one" in str(key) for key in keys) for keys in client.processing().values()):
            time.sleep(0.05)
        with suppress(Exception):
            client.run(lambda: os.kill(os.getpid(), signal.SIGKILL), workers=[worker])

    killer = threading.Thread(target=end_worker)
    killer.start()
    with pytest.raises(skmtl.DistributedError, match=r"left the cluster|has lost rank"):
        skmtl.dask.fit(net(max_iter=200_000, early_stopping=False), blocks(X), blocks(y), client=client)
    killer.join()
