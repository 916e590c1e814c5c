"""torch's settings of threads and process around a call: those that skmtl computes with, then again those found."""

from __future__ import annotations

import multiprocessing.context
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import numpy as np
import torch

_imported_in = os.getpid()
_FORKED_PROCESS = getattr(multiprocessing.context, "ForkProcess", ())  # which Windows lacks


@contextmanager
def torch_settings(n_threads: int | None = None) -> Iterator[None]:
    """Record gradients where asked to, in the types and on the device that are named, whatever the caller has set.

    ``n_threads`` is torch's number of threads meanwhile, by default what it is. A forked process has one in any case.
    All is as found afterwards. A decorator, too.
    """
    if os.getpid() != _imported_in or isinstance(multiprocessing.current_process(), _FORKED_PROCESS):
        n_threads = 1  # a pool of threads of the parent would deadlock
    n_nested = None if n_threads is None else _thread_count.set(n_threads)
    try:
        if (
            torch.is_grad_enabled()
            and not torch.is_inference_mode_enabled()
            and not torch._C._len_torch_function_stack()  # where a default device is
            and not (torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"))
        ):
            yield
        else:
            with ExitStack() as stack:
                for context in _plain():
                    stack.enter_context(context)
                yield
    finally:
        if n_threads is not None:
            _thread_count.restore(n_nested)


@contextmanager
def tiny_as_zero() -> Iterator[None]:
    """Take numbers below the least normal one (1e-38 in single precision) as 0, in this thread.

    Moments of parameters without a gradient come to such numbers, with which a processor takes a hundred times as long.
    Nothing changes where torch has several threads: those that it starts meanwhile would go on so afterwards.
    """
    is_zero = np.multiply(np.float32(1e-39), np.float32(0.5)) == 0
    if is_zero or torch.get_num_threads() > 1:
        yield
        return
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _plain() -> Iterator[AbstractContextManager[object]]:
    """What changes the settings to those that a new thread has."""
    yield torch.inference_mode(False)
    yield torch.enable_grad()
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            yield torch.autocast(device, enabled=False)
    if torch.get_default_device().type != "cpu":
        yield torch.device("cpu")


class _ThreadCount:
    """torch's number of threads, which each thread has and new threads take from the last that was set anywhere.

    Calls may overlap in several threads: each leaves what the first of them found.
    """

    def __init__(self) -> None:
        self.lock, self.users, self.found = threading.Lock(), 0, 1
        self.own = threading.local()

    def set(self, n_threads: int) -> int | None:
        """Set the number and return what to restore: that of a call around this one, if there is any."""
        before = torch.get_num_threads()
        nested = getattr(self.own, "depth", 0) > 0
        self.own.depth = getattr(self.own, "depth", 0) + 1
        if not nested:
            with self.lock:
                if self.users == 0:
                    self.found = before
                self.users += 1
        if before != n_threads:
            torch.set_num_threads(n_threads)
        return before if nested else None

    def restore(self, before: int | None) -> None:
        """Set the number back."""
        self.own.depth -= 1
        if before is None:
            with self.lock:
                self.users -= 1
                before = self.found
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)

    def forget_other_threads(self) -> None:
        """Leave the calls of other threads behind, which a fork does not take along."""
        self.lock, self.users = threading.Lock(), int(getattr(self.own, "depth", 0) > 0)


_thread_count = _ThreadCount()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_thread_count.forget_other_threads)
