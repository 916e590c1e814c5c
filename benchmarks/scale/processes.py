"""Two processes of one thread against one, and against torch's DistributedDataParallel."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import skmtl
from skmtl.encoders import TabularEncoder
from skmtl.processes import alone
from skmtl.training import Training

FEATURES, TASKS, HIDDEN, BATCH = 100, 16, (256, 256), 1024
ROWS, QUICK_ROWS, ROUNDS = 200_000, 20_480, 5
MANY_TASKS, ROWS_OF_MANY = 10_000, 6_144
HEADING = "## More than one process\n\n"
TEXT = """n={rows:,} d={features} T={tasks} {hidden}, batch {batch}, float32; two gloo processes, one thread each,
on {cpus} processors with a load of {load:.1f} before the run; medians of the ratios within {rounds} rounds,
in turn. Many tasks: {many:,} numbers of {rows_of_many:,} rows, (128, 64), batch 256.
Processor time is that of the process that has most to do. Where other programs want the processors, two
processes get a larger share of them than one, and ratios of the clock say little.

| | ratio of the clock | ratio of processor time |
|---|---|---|
"""
Data = tuple[np.ndarray, np.ndarray]


class Seconds(NamedTuple):
    """Of the clock, and of the processor in the process that had most to do."""

    wall: float
    processor: float


def make_data(rows: int) -> Data:
    """Draw rows and targets with a learnable signal."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, FEATURES), dtype=np.float32)
    return x, np.tanh(x @ rng.standard_normal((FEATURES, TASKS), dtype=np.float32) / FEATURES**0.5)


@cache
def make_many_tasks() -> Data:
    """Draw rows of half as many columns with targets of noise, which take as long."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS_OF_MANY, FEATURES // 2), dtype=np.float32)
    return x, rng.standard_normal((ROWS_OF_MANY, MANY_TASKS), dtype=np.float32)


def net(members: int, hidden: tuple[int, ...] = HIDDEN, batch_size: int = BATCH) -> skmtl.MultiTaskNetRegressor:
    """Net without anything but its steps."""
    return skmtl.MultiTaskNetRegressor(
        hidden_layer_sizes=hidden,
        n_estimators=members,
        batch_size=batch_size,
        max_iter=1,
        early_stopping=False,
        dropout=0.0,
        encoder=TabularEncoder(numeric="scaled"),  # numbers as they are, as in the network beside it
        activation="relu",
        input_scaling=False,
        kernel_blend=False,
        local_correction=False,
        effort="fixed",
        dtype="float32",
        n_jobs=1,
        random_state=0,
    )


@contextmanager
def _clocks(into: list[Seconds]) -> Iterator[None]:
    wall, processor = time.perf_counter(), time.process_time()
    yield
    into.append(Seconds(time.perf_counter() - wall, time.process_time() - processor))


def _steps(into: list[Seconds], estimator: skmtl.MultiTaskNetRegressor, rows: Data, **axes: int) -> None:
    """Time of the epoch, from the first step on."""
    train = Training.advance

    def timed(*args: object) -> None:
        with _clocks(into):
            train(*args)  # type: ignore[arg-type]

    Training.advance = timed  # type: ignore[method-assign, assignment]
    try:
        with skmtl.distributed(**axes) if axes else alone():
            estimator.fit(*rows)
    finally:
        Training.advance = train  # type: ignore[method-assign]


def _ddp(into: list[Seconds], data: Data) -> None:
    """The same steps by autograd: each process takes half of every batch."""
    sizes, rank, size = (FEATURES, *HIDDEN, TASKS), dist.get_rank(), dist.get_world_size()
    layers: list[torch.nn.Module] = []
    for n_inputs, n_outputs in pairwise(sizes):
        layers += [torch.nn.Linear(n_inputs, n_outputs), torch.nn.ReLU()]
    model = DistributedDataParallel(torch.nn.Sequential(*layers[:-1]))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    x, y = map(torch.from_numpy, data)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(x)))
    with _clocks(into):
        for rows in order.split(BATCH):
            own = rows[len(rows) * rank // size : len(rows) * (rank + 1) // size]
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x[own]), y[own]).backward()
            optimizer.step()


ACTIONS: dict[str, Callable[[list[Seconds], Data], None]] = {
    "8 members, one process": lambda into, data: _steps(into, net(8), data),
    "8 members, divided": lambda into, data: _steps(into, net(8), data, members=2),
    "1 member, one process": lambda into, data: _steps(into, net(1), data),
    "1 member, rows divided": lambda into, data: _steps(into, net(1), data, data=2),
    "DistributedDataParallel": _ddp,
    "many tasks, one process": lambda into, _: _steps(into, net(1, (128, 64), 256), make_many_tasks()),
    "many tasks, divided": lambda into, _: _steps(into, net(1, (128, 64), 256), make_many_tasks(), tasks=2),
}
RATIOS = [
    ("members: one process / two", "8 members, one process", "8 members, divided"),
    ("rows: one process / two", "1 member, one process", "1 member, rows divided"),
    ("rows divided / DistributedDataParallel", "1 member, rows divided", "DistributedDataParallel"),
    ("many tasks: one process / two", "many tasks, one process", "many tasks, divided"),
]


def _measure(rank: int, folder: Path, rows: int, rounds: int) -> None:
    """Run all rounds in one of two processes; the first one alone does what one process does."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=2)
    data, found = make_data(rows), {name: list[Seconds]() for name in ACTIONS}
    for _ in range(rounds):
        for name, action in ACTIONS.items():
            dist.barrier()
            if rank == 0 or "one process" not in name:
                action(found[name], data)
    (folder / f"{rank}").write_bytes(pickle.dumps(found))


def _slower(own: list[Seconds], other: list[Seconds]) -> list[Seconds]:
    if not other:
        return own
    return [Seconds(max(a.wall, b.wall), max(a.processor, b.processor)) for a, b in zip(own, other, strict=True)]


def run(quick: bool) -> str:
    """Measure in two forked processes, and return the section."""
    rows, rounds, load = (QUICK_ROWS, 3, os.getloadavg()[0]) if quick else (ROWS, ROUNDS, os.getloadavg()[0])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, children = Path(name), []
        for rank in range(2):
            child = os.fork()
            if child == 0:
                try:
                    _measure(rank, folder, rows, rounds)
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        first, second = (pickle.loads((folder / f"{rank}").read_bytes()) for rank in range(2))
    times = {name: _slower(first[name], second[name]) for name in ACTIONS}
    text = TEXT.format(
        rows=rows,
        features=FEATURES,
        many=MANY_TASKS,
        rows_of_many=ROWS_OF_MANY,
        tasks=TASKS,
        hidden=HIDDEN,
        batch=BATCH,
        cpus=os.cpu_count(),
        load=load,
        rounds=rounds,
    )
    lines = []
    for name, above, below in RATIOS:
        pairs = list(zip(times[above], times[below], strict=True))
        wall = median(a.wall / b.wall for a, b in pairs)
        processor = median(a.processor / b.processor for a, b in pairs)
        lines.append(f"| {name} | {wall:.2f} | {processor:.2f} |\n")
    return HEADING + text + "".join(lines)
