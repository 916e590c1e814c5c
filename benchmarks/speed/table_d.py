"""(d) Predicting: one row, a thousand, a million."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks.speed import rivals
from benchmarks.speed.probe import ask
from benchmarks.speed.report import Table, judge, mebibytes, microseconds, number
from benchmarks.speed.shapes import Settings, Shape, make_data
from benchmarks.speed.timing import NAN, Measurement, Samples, interleave, seconds, warm_up

SHAPE = Shape(2000, 20, 4, 200, (100,), (1, 5))
NAMES = (rivals.SKMTL, rivals.MLP)
GOALS = {1: 1.5, 1_000_000: 0.8}
REPEATS = {1: 300, 1000: 100, 1_000_000: 1}
BOUND = 64 * 2**20  # bytes beyond the result that count as bounded, whatever the number of rows
COLUMNS = (
    "rows", "skmtl us", "MLP us", "skmtl rows a second", "skmtl / MLP", "goal", "met",
    "skmtl MiB beyond result", "MLP MiB beyond result", "bounded (<= 64 MiB)",
)  # fmt: skip


def _fit(models: dict[str, Any], name: str, data: tuple[Any, Any]) -> None:
    models[name] = rivals.RIVALS[name](SHAPE, SHAPE.epochs[1]).fit(*data)


def _predict(models: dict[str, Any], name: str, x: Any, repeats: int) -> Callable[[], Measurement]:
    def calls() -> None:
        for _ in range(repeats):
            models[name].predict(x)

    return lambda: {"seconds": seconds(calls) / repeats}


def _beyond_result(rows: int) -> Samples:
    def action(name: str) -> Measurement:
        measured = ask("predict_memory", rival=name, shape=asdict(SHAPE), rows=rows)
        return {"bytes": measured["bytes"] - measured["result"]}

    return interleave({name: partial(action, name) for name in NAMES}, 1)


def run(settings: Settings, rate: float) -> Table:
    """Time predictions of models fitted alike."""
    del rate
    table = Table("d", f"Predict: {SHAPE.label}", COLUMNS)
    data = make_data(SHAPE)
    models: dict[str, Any] = {}
    warm_up({name: partial(_fit, models, name, data) for name in NAMES})
    for rows, repeats in REPEATS.items():
        x, _ = make_data(SHAPE, rows=rows)
        actions = {name: _predict(models, name, x, repeats) for name in NAMES}
        warm_up(actions)
        samples = interleave(actions, settings.round_count())
        memory = _beyond_result(rows) if rows > 1000 else Samples()
        _fill(table, rows, samples, memory)
    table.notes.append("Memory: peak of resident memory in a fresh process above the level before, less the result.")
    return table


def _fill(table: Table, rows: int, samples: Samples, memory: Samples) -> None:
    ratio = samples.ratio(*NAMES, "seconds")
    mine, theirs = (samples.median(name, "seconds") for name in NAMES)
    beyond, beyond_mlp = (memory.median(name, "bytes") for name in NAMES)
    bounded = "" if beyond != beyond else "yes" if beyond <= BOUND else "NO"
    table.add(
        f"{rows:,}",
        microseconds(mine),
        microseconds(theirs),
        number(rows / mine if mine == mine else NAN),
        number(ratio),
        *judge(ratio, GOALS.get(rows)),
        mebibytes(beyond),
        mebibytes(beyond_mlp),
        bounded,
    )
    table.note_errors(samples, f"{rows:,} rows")
    table.note_errors(memory, f"memory of {rows:,} rows")
