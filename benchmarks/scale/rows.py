"""Rows beyond memory: peak memory, time of an epoch and of the survey, and what a sorted file costs.

``python -m benchmarks.scale.rows peak FILE`` and ``... survey FILE`` are the child processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.scale import xgboost_construction
from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.blocks import RowReader, Source, StreamedData, Survey
from skmtl.training import Training

GROUP_ROWS = 10_000
MIB = 2**20
FEW, MANY = 1_000_000, 4_000_000
COMMON = {"kernel_blend": False, "local_correction": False, "input_scaling": False, "random_state": 0, "n_jobs": 1}
COMMON |= {"effort": "fixed"}
ROUNDS = 3


def run(xgboost: str | None) -> str:
    """Section of all figures."""
    with tempfile.TemporaryDirectory() as folder:
        parts = [
            "## Rows beyond memory\n",
            _memory(Path(folder)),
            _epochs(Path(folder)),
            _survey(Path(folder), xgboost),
            _sorted(),
        ]
    return "\n".join(parts)


def write(path: Path, n_rows: int, n_features: int, n_tasks: int) -> None:
    """Write made rows, float32, a row group at a time."""
    rng = np.random.default_rng(0)
    slopes = rng.normal(size=(n_features, n_tasks)) / n_features**0.5
    writer = None
    for _ in range(n_rows // GROUP_ROWS):
        X = rng.normal(size=(GROUP_ROWS, n_features)).astype(np.float32)
        y = (np.tanh(X @ slopes) + 0.3 * X[:, :1] ** 2).astype(np.float32)
        named = {f"x{k}": column for k, column in enumerate(X.T)} | {f"y{k}": column for k, column in enumerate(y.T)}
        table = pa.table(named)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def _targets(path: Path) -> list[str]:
    return [name for name in parquet.read_schema(path).names if name.startswith("y")]


def _child(what: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale.rows", what, str(path)]
    result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return result


def peak(path: Path) -> dict[str, float]:
    """Peak memory of a fit of two passes with predictions of all rows into a file."""
    import resource

    source = Source(path, _targets(path), in_memory=False, buffer_bytes=32 * MIB, sample_rows=50_000)
    n_rows = parquet.read_metadata(path).num_rows
    net = MultiTaskNetRegressor(hidden_layer_sizes=32, n_estimators=1, max_iter=2 * n_rows // source.epoch_rows)
    started = perf_counter()
    net.set_params(**COMMON).fit(source)
    fitted = perf_counter() - started
    shape = n_rows, len(net.tasks_)
    net.predict(source, out=np.lib.format.open_memmap(path.with_suffix(".npy"), "w+", np.float64, shape))
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "seconds": fitted}


def _memory(folder: Path) -> str:
    found = {}
    for n_rows in (FEW, MANY):
        path = folder / f"{n_rows}.parquet"
        write(path, n_rows, 10, 2)
        found[n_rows] = _child("peak", path)
    change = found[MANY]["peak"] - found[FEW]["peak"]
    lines = [
        f"Peak memory of a process that fits 10 columns and 2 targets (float32, row groups of {GROUP_ROWS:,} rows, "
        "`buffer_bytes` 32 MiB, a sample of 50,000 rows and 50,000 held out, one member of 32 units, two passes) and "
        f"predicts all rows into a memory-mapped file: {change:+.0f} MiB from {FEW:,} to {MANY:,} rows (goal: within "
        "64 MiB).\n",
        "| rows | peak, MiB | fit, s |",
        "|---|---|---|",
        *(f"| {n:,} | {row['peak']:.0f} | {row['seconds']:.1f} |" for n, row in found.items()),
    ]
    return "\n".join(lines) + "\n"


def _seconds_of_epochs(fit: Any) -> list[float]:
    """Time of each epoch of a fit, without what is judged after it."""
    seconds, plain = [], Training.epoch

    def epoch(*args: Any) -> Any:
        started = perf_counter()
        losses = plain(*args)
        seconds.append(perf_counter() - started)
        return losses

    with patch.object(Training, "epoch", epoch):
        fit()
    return seconds


def _epochs(folder: Path) -> str:
    path = folder / "epochs.parquet"
    write(path, 200_000, 100, 16)
    names = _targets(path)
    frame = parquet.read_table(path).to_pandas()
    X, y = frame.drop(columns=names), frame[names]
    net = MultiTaskNetRegressor(hidden_layer_sizes=(256, 256), n_estimators=1, max_iter=3, batch_size=1024, **COMMON)
    net.set_params(early_stopping=False)
    row_bytes = 4 * (net.fit(X[:5000], y[:5000]).encoder_.n_outputs_ + 2 * len(names))
    ratios, residents = [], []
    for _ in range(ROUNDS):
        source = Source(path, names, in_memory=False, buffer_bytes=GROUP_ROWS * row_bytes)
        resident = median(_seconds_of_epochs(lambda: net.fit(X, y))[1:])
        streamed = median(_seconds_of_epochs(lambda source=source: net.fit(source))[1:])
        residents.append(resident)
        ratios.append(streamed / resident)
    return (
        f"An epoch of 200,000 rows of 100 columns with 16 targets, read anew in buffers of {GROUP_ROWS:,} rows, takes "
        f"{median(ratios):.2f} times one of rows in memory ({median(residents):.2f} s; layers (256, 256), one member, "
        f"batches of 1024, one thread beside the one that reads; median of {ROUNDS} pairs; goal: at most 1.15).\n"
        "On a machine with other work the thread that reads has no core of its own, and its time adds to that of "
        "training.\n"
    )


def survey(path: Path) -> dict[str, float]:
    """Rows a second of the pass before training."""
    source = Source(path, _targets(path), in_memory=False)
    started = perf_counter()
    Survey.of(source, RowReader(source.blocks, None, "net"), 0, source.held_out_rows)
    return {"rows": parquet.read_metadata(path).num_rows / (perf_counter() - started)}


def _survey(folder: Path, xgboost: str | None) -> str:
    path = folder / "survey.parquet"
    write(path, 500_000, 100, 16)
    own, theirs = [], []
    for _ in range(ROUNDS):
        own.append(_child("survey", path)["rows"])
        if xgboost is not None:
            command = [xgboost, xgboost_construction.__file__, str(path)]
            theirs.append(float(subprocess.run(command, check=True, capture_output=True).stdout))
    beside = f"; xgboost's `ExtMemQuantileDMatrix` is made of {median(theirs):,.0f} rows/s" if theirs else ""
    return (
        f"The survey goes through {median(own):,.0f} rows/s of a Parquet file with 500,000 rows of 100 "
        f"columns and 16 targets{beside} (medians of {ROUNDS} runs in turn, two threads; goal: at least as many).\n"
    )


def _sorted() -> str:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(44_000, 10))
    labels = np.argmax(X[:, :5] + np.abs(X[:, 5:]) + 0.5 * rng.normal(size=(44_000, 5)), axis=1)
    train = np.argsort(labels[:40_000], kind="stable")
    blocks = [(X[rows], labels[rows]) for rows in np.array_split(train, 100)]
    X_test, y_test = X[40_000:], labels[40_000:]
    net = MultiTaskNetClassifier(hidden_layer_sizes=(64, 64), n_estimators=1, max_iter=5, early_stopping=False)
    net.set_params(**COMMON, batch_size=128)
    row_bytes = 4 * (net.fit(X[:5000], labels[:5000]).encoder_.n_outputs_ + 2)

    def score(buffer_rows: int) -> float:
        source = Source(blocks, in_memory=False, buffer_bytes=buffer_rows * row_bytes)
        return float(np.mean([net.set_params(random_state=k).fit(source).score(X_test, y_test) for k in range(3)]))

    whole, buffered = score(40_000), score(4_000)
    with patch.object(StreamedData, "_buffers", _in_order(StreamedData._buffers)):
        in_order = score(4_000)
    return (
        f"A file of 40,000 rows sorted by the label (5 classes, 100 blocks, 5 epochs, mean of 3 seeds): accuracy "
        f"{buffered:.4f} with buffers of 10% of the rows, {whole:.4f} with all rows shuffled (goal: within 1%), "
        f"{in_order:.4f} with buffers of blocks in the order of the file.\n"
    )


def _in_order(plain: Any) -> Any:
    """The buffers of a pass, of blocks that are left in their order."""

    class Unshuffled(np.random.Generator):
        def permutation(self, x: Any, axis: int = 0) -> Any:
            return x

    return lambda data, order: plain(data, Unshuffled(order.bit_generator))


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"peak": peak, "survey": survey}[sys.argv[1]](Path(sys.argv[2]))))
