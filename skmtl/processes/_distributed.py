"""The context in which processes fit together."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta

import torch
import torch.distributed as dist

from skmtl._params import require_integer
from skmtl._torch_state import torch_settings
from skmtl.processes._axes import Axes, choose_axes
from skmtl.processes._collective import ALONE, Collective, Group, Watching
from skmtl.processes._watch import DistributedError

ENVIRONMENT = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}  # what torchrun and others set
FOR_EVER = timedelta(days=365)  # those that are done wait for the others; of dead ones a connection tells


class Processes:
    """Processes of one context.

    Parameters
    ----------
    world : Collective, optional
        All of them.
    members, data, tasks : int, optional
        What the user asks for, see :func:`distributed`.
    """

    def __init__(
        self,
        world: Collective = ALONE,
        members: int | None = None,
        data: int | None = None,
        tasks: int | None = None,
    ) -> None:
        self.world, self.members, self.data, self.tasks = world, members, data, tasks or 1
        self.fitting = False
        self._neighbours: dict[int, Group] = {}  # by their number

    def axes(self, cohorts: int, work: float, *, one_fit: bool = True) -> Axes:
        """Place of this process in fits of so many members or cohorts; the same numbers on all processes.

        Several fits are never divided by their tasks.
        """
        world = self.world
        if self.tasks > 1 and one_fit:
            return Axes(world.rank // self.tasks, world.size // self.tasks, tasks=self._neighbouring(self.tasks))
        members = world.size if self.tasks > 1 else self.members
        n_parts, n_slices = choose_axes(world.size, cohorts, work, members, self.data)
        if n_slices == 1:
            return Axes(world.rank, n_parts, Watching(world, one_fit) if isinstance(world, Group) else ALONE)
        return Axes(world.rank // n_slices, n_parts, self._neighbouring(n_slices))

    def require_same_callbacks(self, listens: bool) -> None:
        """Check that callbacks listen in all processes or in none, where what they see is gathered from all.

        Raises
        ------
        DistributedError
            Otherwise.
        """
        if self.tasks > 1 and len(set(self.world.gather(listens))) > 1:
            raise DistributedError(
                f"Callbacks are set in some of {self.world.size} processes, and with tasks={self.tasks} they see what "
                f"is gathered from all. Set the same callbacks in every process, or none."
            )

    def _neighbouring(self, number: int) -> Group:
        """Group of this process and so many others, less itself, with the ranks beside its own."""
        if number not in self._neighbours:
            world = self.world
            assert isinstance(world, Group)
            for first in range(0, world.size, number):  # every process takes part in making every group
                ranks = list(range(first, first + number))
                made = _new_group(ranks)
                if world.rank in ranks:
                    self._neighbours[number] = Group(made, world._watch)
        return self._neighbours[number]

    def leave(self) -> None:
        """Close all connections."""
        for group in (*self._neighbours.values(), self.world):
            group.leave()


_NOBODY = Processes()
_current: ContextVar[Processes] = ContextVar("processes", default=_NOBODY)


def current() -> Processes:
    """Processes that fits in this context are divided among."""
    return _current.get()


@contextmanager
def alone() -> Iterator[None]:
    """Fit without the other processes, which do the same."""
    token = _current.set(_NOBODY)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def fitting_together() -> Iterator[None]:
    """Surrounds a fit: the others hear of what it raises; fits within it have nothing to tell of their own."""
    processes = current()
    if processes.fitting or processes.world is ALONE:
        yield
        return
    processes.fitting = True
    try:
        yield
    except DistributedError:
        processes.leave()
        raise
    except BaseException as error:
        with suppress(DistributedError):  # of others that have failed or left meanwhile: this one's error says more
            processes.world.fail(error)
        raise
    finally:
        processes.fitting = False


@contextmanager
def distributed(
    *, members: int | None = None, data: int | None = None, tasks: int | None = None
) -> Iterator[Collective]:
    """Divide all fits within a ``with`` statement among the processes of a group.

    Every process runs the same script with the same data and calls the same fits in the same order; each ends with
    the same fitted estimators, bit for bit. The group is the default process group of torch.distributed. Where there is
    none and the environment asks for one, as ``torchrun`` does, it is made. In a process alone nothing changes.

    By default the members of a fit, or all fits of a stacked search, are divided among the processes, which exchange
    nothing while they train. Where there are fewer members than processes and a step is worth it, those that are left
    over divide the rows of every batch and sum the gradients.

    Parameters
    ----------
    members : int, default=None
        Number of parts that members are divided into.
    data : int, default=None
        Number of slices that each batch is divided into. The two multiply to the number of processes; where one is
        given, the other follows.
    tasks : int, default=None
        Number of parts that the tasks of a fit are divided into, which is faster for ten thousand tasks and more: each
        process computes the outputs of some, and the gradient at the last hidden layer is summed. Times ``members`` it
        is the number of processes. A search, and trials of settings, divide their fits instead.

    Yields
    ------
    Collective
        Its attributes ``rank`` and ``size`` are the number of this process and that of all.

    Raises
    ------
    ValueError
        If the numbers do not multiply to the number of processes.
    DistributedError
        In a fit, if another process has ended or failed, or was given something else.

    Examples
    --------
    >>> import skmtl
    >>> with skmtl.distributed() as group:
    ...     print(group.rank, "of", group.size)
    0 of 1
    """
    if dist.is_available() and not dist.is_initialized() and os.environ.keys() >= ENVIRONMENT:
        _make_default_group()
        atexit.register(_destroy)  # and not here: a second group could not be made in the same process
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        yield ALONE
        return
    _require_numbers(dist.get_world_size(), members, data, tasks)
    processes = Processes(Group(_new_group(None)), members, data, tasks)
    token = _current.set(processes)
    try:
        with torch_settings(_n_threads()):
            yield processes.world
        processes.world.gather(None)  # nobody leaves before all are done
    finally:
        _current.reset(token)
        processes.leave()


def _make_default_group() -> None:
    """Make the default group, after a restart with keys of its own: the store may have addresses of those before."""
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT")
    if attempt is None:
        dist.init_process_group()
        return
    store, rank, size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]  # public, though not exported
    own = dist.PrefixStore(f"attempt_{attempt}", store)  # type: ignore[attr-defined]
    dist.init_process_group(store=own, rank=rank, world_size=size)


def _new_group(ranks: list[int] | None) -> dist.ProcessGroup:
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    group = dist.new_group(ranks, timeout=FOR_EVER, backend=backend)
    assert group is not None
    return group  # type: ignore[no-any-return]


def _destroy() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _n_threads() -> int | None:
    """Threads of a process whose siblings are on this machine, unless the environment says."""
    n_local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if n_local == 1 or "OMP_NUM_THREADS" in os.environ:
        return None
    return max(torch.get_num_threads() // n_local, 1)


def _require_numbers(size: int, members: int | None, data: int | None, tasks: int | None) -> None:
    """Check that parts and slices are as many as processes."""
    for name, number in (("members", members), ("data", data), ("tasks", tasks)):
        if number is None:
            continue
        require_integer(f"{name} of distributed", number, 1)
        if size % number:
            raise ValueError(f"{name} of distributed must divide the number of processes, {size}; got {number!r}.")
    name, other = ("data", data) if tasks in (None, 1) else ("tasks", tasks)
    if name == "tasks" and data not in (None, 1):
        raise ValueError(f"distributed divides tasks or rows, not both; got tasks={tasks} and data={data}.")
    if members is not None and other is not None and members * other != size:
        raise ValueError(
            f"members={members} times {name}={other} of distributed must be {size}, the number of processes; leave one "
            f"of them out."
        )
