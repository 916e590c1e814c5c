"""Processes that notice at once when another one of their group, or what launched them, is gone."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SECONDS_TO_CONNECT = 30
SECONDS_TO_HEAR = 1.0  # which of the processes is gone
LONGEST_TEXT = 4096  # of an error, in bytes: what a connection takes at once


class DistributedError(RuntimeError):
    """A process of a group has ended, has failed, or was given something else to fit than the others."""


class Watch:
    """Connections in a ring, over which nothing is sent but by a process that ends: what has made it fail.

    That of a process which is killed is closed by its system. Whoever notices tells its neighbours, and leaves.
    Where no connection can be made, nothing is watched: processes notice the end of another when they next exchange
    something.

    Parameters
    ----------
    rank, size : int
        Number of this process, and of processes.
    gather : callable
        Returns the values of all processes.
    """

    def __init__(self, rank: int, size: int, gather: Callable[[Any], list[Any]]) -> None:
        self.rank, self.size = rank, size
        self._launcher = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else None
        self._sockets: list[socket.socket] = []
        with socket.create_server(("", 0), backlog=1) as server:
            server.settimeout(SECONDS_TO_CONNECT)
            addresses = gather((_own_address(), server.getsockname()[1]))
            try:
                right = socket.create_connection(addresses[(rank + 1) % size], timeout=SECONDS_TO_CONNECT)
                self._sockets = [right, server.accept()[0]]
            except OSError:
                self._sockets = []
        if not all(gather(bool(self._sockets))):
            self.close()

    @property
    def is_on(self) -> bool:
        """Whether the end of a process is noticed."""
        return bool(self._sockets)

    def check(self) -> None:
        """Raise a :class:`DistributedError` where a process is gone."""
        if self._launcher is not None and os.getppid() != self._launcher:
            self.close()
            raise DistributedError(f"Rank {self.rank} of {self.size} ends, as the process that launched it has ended.")
        told = self._told(0.0)
        if told is not None:
            raise self._lost(told)

    def lost(self) -> DistributedError:
        """Error of a lost connection, and close all others."""
        return self._lost(self._told(SECONDS_TO_HEAR) or "")

    def fail(self, error: BaseException) -> None:
        """Tell the others what has made this process fail, and close all connections."""
        self.close(f"{self.rank} {type(error).__name__}: {error}")

    def _told(self, seconds: float) -> str | None:
        """Rank of a process that is gone, a neighbour or the one that it tells of, and its error if it says."""
        closed = select.select(self._sockets, [], [], seconds)[0] if self._sockets else []
        if not closed:
            return None
        told = b""
        with suppress(OSError):
            closed[0].settimeout(SECONDS_TO_HEAR)
            while part := closed[0].recv(LONGEST_TEXT):
                told += part
        neighbour = self.rank + 1 if closed[0] is self._sockets[0] else self.rank - 1
        return told.decode(errors="replace") or str(neighbour % self.size)

    def _lost(self, told: str) -> DistributedError:
        self.close(told)
        rank, _, error = told.partition(" ")
        if error:
            return DistributedError(f"Rank {self.rank} of {self.size} ends, as rank {rank} has failed: {error}")
        return DistributedError(
            f"Rank {self.rank} of {self.size} has lost {f'rank {rank}' if rank else 'another process'}, which "
            f"has ended, has failed or cannot be reached. See what it printed last, then start all processes again. "
            f"Where members or rows are divided, checkpoint= lets them go on from the last epoch that was saved."
        )

    def close(self, message: str = "") -> None:
        """Close the connections, which the others notice."""
        for connection in self._sockets:
            with suppress(OSError):
                connection.sendall(message.encode(errors="backslashreplace")[:LONGEST_TEXT])
                connection.close()
        self._sockets = []


def _own_address() -> str:
    """Where this machine is reached by its name, as torch's gloo finds it, too."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
