"""Settings of all tests."""

import gc
import os
from collections.abc import Iterator

# Before numpy and torch load their libraries: on few cores, threads that wait for each other cost more than they give.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # where a test asks for several, they sleep while they wait
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest


@pytest.fixture(autouse=True)
def no_threads_are_left() -> Iterator[None]:
    """Fail a test after which torch takes more than one thread: all that come later would take many times as long."""
    yield
    import torch

    if (n_threads := torch.get_num_threads()) != 1:
        torch.set_num_threads(1)
        pytest.fail(f"the test leaves torch with {n_threads} threads; put back the number that was there before")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    import torch  # here, since the process that hands tests to workers would take seconds to import what it never needs

    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_collection_finish() -> None:
    """Let garbage collections, of which there are many, pass over what modules and collected tests hold."""
    gc.collect()
    gc.freeze()
