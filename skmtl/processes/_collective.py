"""What the processes of a group do together; alone, nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from traceback import clear_frames
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from skmtl.processes._memory import SharedMemory, share_memory
from skmtl.processes._watch import DistributedError, Watch


class HeldInterrupt(KeyboardInterrupt):
    """An interrupt of one process that all raise after the same epoch."""


class Collective:
    """A process alone: every method returns what it was given. Subclasses stand for groups of processes.

    Attributes
    ----------
    rank, size : int
        Number of this process in the group, and number of processes.
    shares_errors : bool
        Whether those with other members end, too, where this process meets an error in training.
    interrupt : type
        What ends training and keeps the weights so far. Where processes wait for one another, all raise it.
    """

    rank: int = 0
    size: int = 1
    shares_errors: bool = False
    interrupt: type[KeyboardInterrupt] = KeyboardInterrupt

    def add(self, tensor: Tensor) -> None:
        """Sum a tensor over the processes, in place."""

    def gather(self, value: Any) -> list[Any]:
        """Values of all processes, in the order of their ranks."""
        return [value]

    def share(self, value: Any) -> Any:
        """Value of the first process."""
        return value

    def any(self, flag: bool) -> bool:
        """Whether it is so in one of the processes that wait for one another."""
        return flag

    def check(self) -> None:
        """Raise a :class:`DistributedError` where another process is gone; costs next to nothing."""

    def holding_interrupts(self) -> AbstractContextManager[None]:
        """Where processes wait for one another in every step, keyboard interrupts wait for :meth:`raise_held`."""
        return nullcontext()

    def raise_held(self) -> None:
        """Raise a :class:`HeldInterrupt` in all processes where an interrupt was held back in any of them."""

    def fail(self, error: BaseException) -> None:
        """Let the others know of an error, when they next gather something."""

    def leave(self, error: BaseException | None = None) -> None:
        """Close all connections, so that those who wait for this process fail at once, and hear of an error."""


ALONE = Collective()
LEAST_BYTES = 1 << 20  # of memory that is shared


class Watching(Collective):
    """A process with nobody to compute with, that watches whether the other processes of its group are there.

    Parameters
    ----------
    world : Group
        Its group.
    one_fit : bool
        Whether all train members of one fit.
    """

    def __init__(self, world: Group, one_fit: bool) -> None:
        self.check, self.leave = world.check, world.leave  # type: ignore[method-assign]
        self.shares_errors = one_fit


class Group(Collective):
    """Processes of a process group of torch.distributed.

    Parameters
    ----------
    process_group : torch.distributed.ProcessGroup
        Of its own: it is destroyed by :meth:`leave`.
    watch : Watch, optional
        On all processes; by default it is made.
    """

    interrupt = HeldInterrupt

    def __init__(self, process_group: dist.ProcessGroup, watch: Watch | None = None) -> None:
        self._group: dist.ProcessGroup | None = process_group
        self.rank, self.size = dist.get_rank(process_group), dist.get_world_size(process_group)
        self._by_gloo = dist.get_backend(process_group) == "gloo"
        self._memory: SharedMemory | None = None
        self._held = False
        self._watch = watch or Watch(self.rank, self.size, self.gather)
        self._one_machine = self._by_gloo and self.size > 1 and self._watch.is_on

    def add(self, tensor: Tensor) -> None:
        """See :class:`Collective`; all processes get the same bits."""
        on_cpu = tensor.device.type == "cpu"
        memory = self._memory_for(tensor.nbytes) if on_cpu and self._one_machine else None
        with self._connected():
            if memory is not None:
                memory.add(tensor, self._watch.check)
            elif on_cpu and self._by_gloo and self.size == 2:
                _add_in_pair(tensor, 1 - self.rank, self._group)
            else:
                dist.all_reduce(tensor, group=self._group)

    def _memory_for(self, n_bytes: int) -> SharedMemory | None:
        """Memory that all processes see, if it is found to be there when it is first asked for."""
        if self._memory is None or self._memory.n_bytes < n_bytes:
            self._memory = share_memory(self.rank, self.size, max(n_bytes, LEAST_BYTES), self.gather)
            self._one_machine = self._memory is not None
        return self._memory

    def gather(self, value: Any) -> list[Any]:
        """See :class:`Collective`.

        Raises
        ------
        DistributedError
            If a process has ended, or has failed.
        """
        found = self._exchange(value, None)
        failures = [f"rank {rank} of {self.size} has failed: {error}" for rank, (_, error) in enumerate(found) if error]
        if failures:
            raise DistributedError(f"The fit has ended, as {'; '.join(failures)}")
        return [one for one, _ in found]

    def any(self, flag: bool) -> bool:
        """See :class:`Collective`."""
        found = torch.tensor(float(flag))
        self.add(found)
        return bool(found)

    def share(self, value: Any) -> Any:
        """See :class:`Collective`."""
        return self.gather(value if self.rank == 0 else None)[0]

    def fail(self, error: BaseException) -> None:
        """See :class:`Collective`; where all have failed, each goes on with its own error, and the group lives on."""
        if self._group is not None:
            self._exchange(None, f"{type(error).__name__}: {error}")

    def _exchange(self, value: Any, error: str | None) -> list[Any]:
        found: list[Any] = [None] * self.size
        with self._connected():
            dist.all_gather_object(found, (value, error), group=self._group)
        return found

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Turn what torch raises where a connection is lost into an error that says what to do."""
        if self._group is None:
            raise DistributedError(
                f"Rank {self.rank} has left its group, as a fit in it has failed before. Let all "
                f"processes end this with statement, and open another skmtl.distributed()."
            )
        try:
            yield
        except DistributedError:
            self.leave()
            raise
        except RuntimeError as error:
            lost = self._watch.lost()
            clear_frames(error.__traceback__)  # they keep the group alive, whose connections others wait at
            self.leave()
            raise lost from error

    @contextmanager
    def holding_interrupts(self) -> Iterator[None]:
        """See :class:`Collective`; Python lets only the main thread do so."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        found = signal.signal(signal.SIGINT, self._hold)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, found)

    def _hold(self, *_: Any) -> None:
        self._held = True

    def raise_held(self) -> None:
        """See :class:`Collective`."""
        if self.any(self._held):
            self._held = False
            raise HeldInterrupt

    def check(self) -> None:
        """See :class:`Collective`."""
        self._watch.check()

    def leave(self, error: BaseException | None = None) -> None:
        """See :class:`Collective`."""
        if error is None:
            self._watch.close()
        else:
            self._watch.fail(error)
        if self._group is not None:
            dist.destroy_process_group(self._group)
            self._group = None


def _add_in_pair(tensor: Tensor, other: int, process_group: dist.ProcessGroup | None) -> None:
    """Sum over two processes by one message each way: gloo's ``all_reduce`` hands over to threads and takes longer."""
    received = torch.empty_like(tensor)
    messages = [
        dist.P2POp(dist.isend, tensor, group=process_group, group_peer=other),
        dist.P2POp(dist.irecv, received, group=process_group, group_peer=other),
    ]
    for message in dist.batch_isend_irecv(messages):
        message.wait()
    tensor += received
