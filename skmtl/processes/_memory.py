"""Sums over processes of one machine, through memory that all of them see."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

FOLDER = "/dev/shm"
LINE = 64  # bytes of a line of the cache, of which each process writes its own
SPINS = 2000  # turns of waiting without sleep, some tenths of a millisecond
SECONDS_OF_SLEEP = 1e-4


class SharedMemory:
    """Memory in which each process writes its tensor and reads those of the others: no message goes through the system.

    Each process has two places, which take turns: when it writes to the first again, all others have written to their
    second, and so have read the first. A process writes its tensor before the number of its turn, which others see in
    this order on x86.

    Parameters
    ----------
    path : str
        File of :meth:`size_of` bytes.
    rank, size : int
        Number of this process, and of processes.
    n_bytes : int
        Of the largest tensor.
    """

    def __init__(self, path: str, rank: int, size: int, n_bytes: int) -> None:
        self.rank, self.size, self.n_bytes = rank, size, n_bytes
        with torch.inference_mode(False):
            memory = torch.from_file(path, shared=True, size=self.size_of(size, n_bytes), dtype=torch.uint8)
        self._turns = memory[: size * LINE].view(size, LINE)[:, :8].view(torch.int64).numpy()[:, 0]
        self._places = memory[size * LINE :].view(2, size, n_bytes)
        self._turn = 0

    @staticmethod
    def size_of(size: int, n_bytes: int) -> int:
        """Bytes of the file."""
        return size * (LINE + 2 * n_bytes)

    def add(self, tensor: Tensor, check: Callable[[], None]) -> None:
        """Sum a tensor over the processes, in place and in the order of their ranks.

        ``check`` is called while others are waited for, and raises an error where one is gone.
        """
        self._turn += 1
        n_bytes = tensor.numel() * tensor.element_size()
        parts = self._places[self._turn % 2, :, :n_bytes].view(tensor.dtype).view(self.size, *tensor.shape)
        parts[self.rank].copy_(tensor)
        self._turns[self.rank] = self._turn
        self._wait(check)
        torch.add(parts[0], parts[1], out=tensor)
        for part in parts[2:]:
            tensor.add_(part)

    def _wait(self, check: Callable[[], None]) -> None:
        spins = 0
        while self._turns.min() < self._turn:
            spins += 1
            if spins < SPINS:
                os.sched_yield()
            else:
                check()
                time.sleep(SECONDS_OF_SLEEP)


def share_memory(rank: int, size: int, n_bytes: int, gather: Callable[[Any], list[Any]]) -> SharedMemory | None:
    """Memory for tensors of so many bytes, or None where the processes are not all on one machine that has it."""
    n_bytes = -(-n_bytes // LINE) * LINE
    path = _make_file(SharedMemory.size_of(size, n_bytes)) if rank == 0 else None
    try:
        memory = _open_file(gather(path)[0], rank, size, n_bytes)
        return memory if all(gather(memory is not None)) else None
    finally:
        if path is not None:
            os.unlink(path)  # the memory stays until the last process ends, however it does


def _open_file(path: str | None, rank: int, size: int, n_bytes: int) -> SharedMemory | None:
    """Memory in the file of the first process, if it is seen here."""
    if path is not None and platform.machine() in ("x86_64", "AMD64"):
        with suppress(OSError, RuntimeError):
            if os.path.getsize(path) == SharedMemory.size_of(size, n_bytes):  # else torch would make it
                return SharedMemory(path, rank, size, n_bytes)
    return None


def _make_file(n_bytes: int) -> str | None:
    """A file whose memory is there, as writing to what is not would end the process."""
    with suppress(OSError):
        number, path = tempfile.mkstemp(prefix="skmtl-", dir=FOLDER)
        try:
            os.posix_fallocate(number, 0, n_bytes)
        except OSError:
            os.unlink(path)
        else:
            return path
        finally:
            os.close(number)
    return None
