"""Where and with how many threads to compute."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

THREAD_WORK = 2e8  # operations a step below which a second thread costs more than it gives
_imported_in = os.getpid()


def choose_device(device: str | torch.device) -> torch.device:
    """Resolve ``device``; "auto" is a GPU if there is one.

    Raises
    ------
    ValueError
        If it is no device.
    RuntimeError
        If the device does not exist here.
    """
    if not isinstance(device, str | torch.device):
        raise ValueError(f"device must be 'auto', a name such as 'cpu' or 'cuda:0', or a torch.device; got {device!r}.")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise RuntimeError(
            f"device={device!r} is not available here: {error}. Use device='auto' or device='cpu'."
        ) from error
    return chosen


@contextmanager
def threads_for(work: float, n_threads: int | None = None) -> Iterator[None]:
    """Set torch's thread count to ``n_threads``, by default what a step of ``work`` operations profits from.

    It is restored afterwards. Small steps run on one thread: the others would spin and wait. So does everything inside
    a worker process, whose siblings use the other cores, and in a forked child, where a pool inherited from the parent
    can deadlock.
    """
    before = torch.get_num_threads()
    alone = multiprocessing.parent_process() is None and os.getpid() == _imported_in
    torch.set_num_threads(n_threads or (before if alone and work >= THREAD_WORK else 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)
