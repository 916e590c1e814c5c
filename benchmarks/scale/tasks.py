"""Many tasks: steps in tiles against steps on all outputs, and steps, memory and overhead where few labels are stored.

``python -m benchmarks.scale.tasks PROBE N_TASKS N_ROWS`` is the child process. Times are of the processor, in one
thread, so that they mean something on a busy machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from scipy import sparse

from benchmarks.speed.memory import PeakMemory
from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.training import Training, _loop, _stored

FEATURES, WIDTH, BATCH, SHARE = 50, 256, 256, 0.01
MIB = 2**20
PLAIN: dict[str, Any] = {
    "n_estimators": 1, "effort": "fixed", "early_stopping": False, "batch_size": BATCH, "dropout": 0.0, "n_jobs": 1,
    "input_dropout": 0.0, "dtype": "float32", "random_state": 0, "kernel_blend": False, "local_correction": False,
}  # fmt: skip


def run(quick: bool) -> str:
    """Section of all figures; quick: of a fifth of the tasks."""
    most, many = (2000, 20_000) if quick else (10_000, 100_000)
    dense = ask("dense", most, 512)
    few = ask("stored", many, 10_000)
    return "\n".join(
        [
            "## Many tasks\n",
            f"{most:,} tasks in a dense y, n=512 d={FEATURES} batch {BATCH}, (128, 64): {dense['whole']:.1f} ms of the "
            f"processor a step on all outputs at once, {dense['tiles']:.1f} ms in tiles ({dense['ratio']:.2f}).\n",
            f"{many:,} binary tasks, {SHARE:.0%} of cells stored, n=10,000 d={FEATURES} batch {BATCH}, ({WIDTH},):\n",
            "| | measured | goal | met |",
            "| --- | --- | --- | --- |",
            _row("ms a step", few["step"]),
            _row("ms a step of a loop that gathers from all outputs", few["gather"]),
            _row("skmtl / loop", few["ratio"], 0.5),
            _row("memory of a fit over 16 bytes x parameters + y", few["memory"], 1.5),
            _row("seconds of a fit beside its steps", few["overhead"], 30.0),
            "",
        ]
    )


def _row(name: str, value: float, goal: float | None = None) -> str:
    told = ("", "") if goal is None else (f"<= {goal:g}", "yes" if value <= goal else "no")
    return f"| {name} | {value:.2f} | {' | '.join(told)} |"


def ask(probe: str, n_tasks: int, n_rows: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale.tasks", probe, str(n_tasks), str(n_rows)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    return measured


def _training_of(net: Any, X: Any, y: Any) -> Training:
    """The training of a fit of one epoch."""
    kept = []
    epoch = Training.epoch

    def keep(training: Training) -> Any:
        kept.append(training)
        return epoch(training)

    with patch.object(Training, "epoch", keep):
        net.fit(X, y)
    return kept[0]


def _milliseconds(actions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median time of each action, which take turns; and the ratio of the first to the second."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds + 1):  # of which the first is the warm-up
        for name, action in actions.items():
            start = process_time()
            action()
            times[name].append(1000 * (process_time() - start))
    one, other = (own[1:] for own in times.values())
    ratio = median(a / b for a, b in zip(one, other, strict=True))
    return {name: median(own[1:]) for name, own in times.items()} | {"ratio": ratio}


def dense(n_tasks: int, n_rows: int) -> dict[str, float]:
    """A step in tiles, and on all outputs."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, FEATURES)).astype(np.float32)
    y = rng.normal(size=(n_rows, n_tasks)).astype(np.float32)
    y[rng.random(y.shape) < 0.8] = np.nan
    net = MultiTaskNetRegressor(hidden_layer_sizes=(128, 64), max_iter=1, input_scaling=False, **PLAIN)
    tiles = _training_of(net, X, y)
    with patch.object(_loop, "tiled", lambda step: step):
        whole = _training_of(net, X, y)

    def step(training: Training) -> Callable[[], Any]:
        return lambda: training.step(next(training.step.batches(tiles.data, BATCH, [rng], 0)), 1.0)

    with tiles.step.passes.mode():
        return _milliseconds({"tiles": step(tiles), "whole": step(whole)}, 30)


def make_stored(n_tasks: int, n_rows: int) -> tuple[np.ndarray, sparse.csr_array]:
    """Rows, and as many labels in each."""
    rng = np.random.default_rng(0)
    n_labels = round(SHARE * n_tasks)
    columns = np.concatenate([np.sort(rng.choice(n_tasks, n_labels, replace=False)) for _ in range(n_rows)])
    labels = (rng.random(len(columns)) < 0.5).astype(np.float32)
    ends = np.arange(0, len(columns) + 1, n_labels)
    y = sparse.csr_array((labels, columns.astype(np.int32), ends.astype(np.int32)), shape=(n_rows, n_tasks))
    return rng.normal(size=(n_rows, FEATURES)).astype(np.float32), y


def stored(n_tasks: int, n_rows: int) -> dict[str, float]:
    """Memory and overhead of a fit, and its steps beside those of the loop."""
    warnings.simplefilter("ignore")
    X, y = make_stored(n_tasks, n_rows)
    net = MultiTaskNetClassifier(hidden_layer_sizes=(WIDTH,), max_iter=1, missing_label="unstored", **PLAIN)
    few = make_stored(2048, 10_000)
    net.fit(*few)  # imports what the library imports late
    in_epochs = []
    epoch = Training.epoch

    def timed(*arguments: Any) -> Any:
        start = process_time()
        losses = epoch(*arguments)
        in_epochs.append(process_time() - start)
        return losses

    start = process_time()
    with patch.object(Training, "epoch", timed), PeakMemory() as memory:
        net.fit(X, y)
    overhead = process_time() - start - sum(in_epochs)
    n_parameters = net.network_.n_parameters
    bound = 16 * n_parameters + y.data.nbytes + y.indices.nbytes + y.indptr.nbytes
    training = _training_of(net, X, y)
    data = training.data
    assert isinstance(data, _stored.StoredData)
    gather, rows = _gather_loop(n_tasks), torch.randperm(n_rows)[:BATCH]

    def ours() -> None:
        with training.step.passes.mode():
            training.step(data.take(rows), 1.0)

    def theirs() -> None:
        cells = y[rows.numpy()].tocoo()
        places = (torch.from_numpy(index) for index in cells.coords)
        gather(torch.from_numpy(X)[rows], *places, torch.from_numpy(cells.data))

    times = _milliseconds({"step": ours, "gather": theirs}, 10)
    return {**times, "memory": memory.rise / bound, "overhead": overhead}


def _gather_loop(n_tasks: int) -> Callable[..., None]:
    """A step on all outputs, of which those with a label are gathered, as SparseChem's."""
    net = torch.nn.Sequential(torch.nn.Linear(FEATURES, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, n_tasks))
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)
    loss_of = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def step(x: torch.Tensor, rows: torch.Tensor, tasks: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        (loss_of(net(x)[rows.long(), tasks.long()], labels) / len(x)).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    torch.set_num_threads(1)
    probe, *sizes = sys.argv[1:]
    sys.stdout.write(json.dumps({"dense": dense, "stored": stored}[probe](*map(int, sizes))) + "\n")
