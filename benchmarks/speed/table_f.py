"""(f) From a thousand rows to ten million, memory-mapped."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks.speed import rivals
from benchmarks.speed.probe import ask
from benchmarks.speed.report import Table, mebibytes, number
from benchmarks.speed.shapes import Settings, Shape, make_data
from benchmarks.speed.timing import Measurement, Samples, fit_pair, interleave, say, timed_fit

BASE = Shape(1000, 20, 4, 1024, (64,), (1, 2))
ROWS = (10**3, 10**4, 10**5, 10**6, 10**7)
NAMES = (rivals.SKMTL, rivals.MLP)
CHUNK = 10**6
SLACK = 64 * 2**20  # bytes of the batch, the net and the allocator: the same for every number of rows
COLUMNS = (
    "rows", "rival", "ns a row, epoch", "us a row, fit of 1 epoch", "skmtl / rival, epoch", "skmtl / rival, fit",
    "peak MiB of the fit", "growth over 1,000 rows, MiB", "encoded copy, MiB", "growth <= copy + 64 MiB",
    "floor ns a row",
)  # fmt: skip


def _write(folder: Path, rows: int) -> tuple[Path, Path]:
    """Write rows and targets in chunks, so that this process never holds them."""
    import numpy as np

    paths = folder / "x.npy", folder / "y.npy"
    x = np.lib.format.open_memmap(paths[0], mode="w+", dtype=np.float32, shape=(rows, BASE.features))
    y = np.lib.format.open_memmap(paths[1], mode="w+", dtype=np.float32, shape=(rows, BASE.tasks))
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        x[part], y[part] = make_data(BASE, rows=part.stop - part.start)
    return paths


def _measure(name: str, shape: Shape, paths: tuple[Path, Path]) -> Callable[[], Measurement]:
    import numpy as np

    data = tuple(np.load(path, mmap_mode="r") for path in paths)
    build = partial(rivals.RIVALS[name], shape)
    pair = fit_pair(build, shape, data)

    def measure() -> Measurement:
        step = pair()["step"]
        return {"epoch": step * shape.steps / shape.rows, "fit": timed_fit(build, 1, data)[0] / shape.rows}

    return measure


def _memory(shape: Shape, paths: tuple[Path, Path]) -> Samples:
    files = {"x": str(paths[0]), "y": str(paths[1])}
    actions = {name: partial(ask, "fit_memory", rival=name, shape=asdict(shape), **files) for name in NAMES}
    return interleave(actions, 1)


def run(settings: Settings, rate: float) -> Table:
    """Time fits of one and more epochs on files of growing length."""
    title = f"Rows, memory-mapped float32: d={BASE.features} T={BASE.tasks} batch {BASE.batch}, {BASE.hidden}"
    table = Table("f", title, COLUMNS)
    smallest = dict.fromkeys(NAMES, 0.0)
    for rows in ROWS[:3] if settings.quick else ROWS:
        more = max(1, 20_000 // rows)  # epochs beyond the first, so that a short fit can be timed at all
        shape = replace(BASE, rows=rows, epochs=(1, 1 + more))
        say(shape.label)
        with tempfile.TemporaryDirectory() as folder:
            paths = _write(Path(folder), rows)
            memory = _memory(shape, paths)
            actions = {name: _measure(name, shape, paths) for name in NAMES}
            samples = interleave(actions, settings.round_count(1 if rows == ROWS[-1] else 3 if rows >= 10**6 else 99))
        if rows == ROWS[0]:
            smallest = {name: memory.median(name, "bytes") for name in NAMES}
        _fill(table, shape, samples, memory, smallest, rate)
    table.notes.append(
        "Peak: resident memory of one epoch's fit in a fresh process above the level before, without the pages of the "
        "mapped files. Encoded copy: rows x (features + tasks) x 4 bytes."
    )
    return table


def _fill(
    table: Table, shape: Shape, samples: Samples, memory: Samples, smallest: dict[str, float], rate: float
) -> None:
    copy = 4.0 * shape.rows * (shape.features + shape.tasks)
    for name in NAMES:
        peak = memory.median(name, "bytes")
        growth = peak - smallest[name]
        table.add(
            f"{shape.rows:,}",
            name,
            number(samples.median(name, "epoch") * 1e9),
            number(samples.median(name, "fit") * 1e6),
            *("" if name == rivals.SKMTL else number(samples.ratio(rivals.SKMTL, name, q)) for q in ("epoch", "fit")),
            mebibytes(peak),
            mebibytes(growth),
            mebibytes(copy),
            "" if growth != growth or name != rivals.SKMTL else "yes" if growth <= copy + SLACK else "NO",
            number(shape.operations / rate / shape.batch * 1e9),
        )
    table.note_errors(samples, f"{shape.rows:,} rows")
    table.note_errors(memory, f"memory of {shape.rows:,} rows")
