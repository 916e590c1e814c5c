"""(e) From one task to ten thousand, 80% of the labels missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from statistics import median
from typing import Any

from benchmarks.speed import heads, rivals
from benchmarks.speed.probe import ask
from benchmarks.speed.report import Table, judge, mebibytes, microseconds, number
from benchmarks.speed.shapes import Settings, Shape, make_data
from benchmarks.speed.timing import (
    NAN,
    Build,
    Measurement,
    Samples,
    fit_pair,
    interleave,
    products_seconds,
    say,
    timed_fit,
)

MISSING = 0.8
TASKS = (1, 10, 100, 1000, 10_000)
BASE = Shape(2048, 50, 1, 256, (128, 64), (1, 2))
BUDGET = 1.0  # seconds that the long fit should take more than the short one, if it need not be forced to more
MOST_EPOCHS = 60
FEW_ROWS = 512  # for the most tasks: rivals take seconds a step
ONE_TASK = "skmtl, 1 task"
RIVALS: dict[str, Callable[..., Any]] = {
    rivals.SKMTL: rivals.build_skmtl,
    heads.LIBMTL: heads.LibMTLLoop,
    heads.HEADS: heads.HeadsLoop,
}
COLUMNS = (
    "tasks", "rival", "us a step", "skmtl / rival", "goal", "met", "MiB of a fit beyond the data", "floor us",
    "products alone us",
)  # fmt: skip


def _epochs_within_budget(build: Build, data: tuple[Any, ...]) -> int:
    one, three = timed_fit(build, 1, data)[0], timed_fit(build, 3, data)[0]
    epoch = max((three - one) / 2, 1e-4)
    return min(max(round(BUDGET / epoch), 1), MOST_EPOCHS)


def _calibrated(build: Build, shape: Shape, data: tuple[Any, ...]) -> Callable[[], Measurement]:
    """Choose the long fit's epochs from a first look, which is the warm-up too: steps differ a thousandfold."""
    chosen: list[Callable[[], Measurement]] = []

    def measure() -> Measurement:
        if not chosen:
            more = 1 if timed_fit(build, 1, data)[0] > 3 * BUDGET else _epochs_within_budget(build, data)
            chosen.append(fit_pair(build, replace(shape, epochs=(1, 1 + more)), data))
        return chosen[0]()

    return measure


def _memory(shape: Shape) -> Samples:
    actions = {name: partial(ask, "fit_memory", rival=name, shape=asdict(shape), missing=MISSING) for name in RIVALS}
    return interleave(actions, 1)


def _growth(samples: Samples, shape: Shape, rate: float) -> float:
    """Step of many tasks, less the arithmetic of the larger output layer, over the step of one task."""
    extra = (shape.operations - BASE.operations) / rate
    rounds = zip(samples.each_round(rivals.SKMTL, "step"), samples.each_round(ONE_TASK, "step"), strict=False)
    ratios = [(many - extra) / one for many, one in rounds]
    return median(ratios) if ratios else NAN


def run(settings: Settings, rate: float) -> Table:
    """Time the steps of the three rivals, and of skmtl with a single task beside them."""
    title = f"Tasks, {MISSING:.0%} of the labels missing: n={BASE.rows} d={BASE.features} batch {BASE.batch}"
    table = Table("e", f"{title}, {BASE.hidden}", COLUMNS)
    one = make_data(BASE)  # with all its labels: a row without any would be dropped, and the steps with it
    for tasks in TASKS[:4] if settings.quick else TASKS:
        shape = replace(BASE, tasks=tasks, rows=FEW_ROWS if tasks == TASKS[-1] else BASE.rows)
        say(shape.label)
        data = make_data(shape, missing=MISSING)
        actions = {name: _calibrated(partial(build, shape), shape, data) for name, build in RIVALS.items()}
        actions[ONE_TASK] = _calibrated(partial(rivals.build_skmtl, BASE), BASE, one)
        samples = interleave(actions, settings.round_count(2 if tasks == TASKS[-1] else 99))
        _fill(table, shape, samples, _memory(shape), rate)
    table.notes += [
        "LibMTL 1.1.5: its own Trainer object with HPS, EW, its losses and its Adam, and the body of the batch loop of "
        "`Trainer.train`; the device set to the CPU, its ResNets (which need an old torchvision) replaced by an empty "
        "module, data as slices, and metrics and display left out in its favour.",
        f"{TASKS[-1]:,} tasks have {FEW_ROWS} rows, so that the rivals finish; a step is as large.",
        "ModuleList of heads: one linear head and one masked loss a task, fused AdamW.",
        "The row of 1 task in every block is skmtl's, less the arithmetic of the larger output layer: (step - extra "
        "operations / product rate) / step of 1 task, all of whose labels are there, so that its steps are as many.",
    ]
    return table


def _fill(table: Table, shape: Shape, samples: Samples, memory: Samples, rate: float) -> None:
    floor, products = microseconds(shape.operations / rate), microseconds(products_seconds(shape))
    goals = {heads.LIBMTL: 0.2} if shape.tasks == 1000 else {}
    for name in samples.values:
        ratio = samples.ratio(rivals.SKMTL, name, "step")
        goal = judge(ratio, goals.get(name))
        if name == ONE_TASK:
            ratio = _growth(samples, shape, rate)
            goal = judge(ratio, 4.0 if shape.tasks == 1000 else None)
        table.add(
            f"{shape.tasks:,}",
            name,
            microseconds(samples.median(name, "step")),
            "" if name == rivals.SKMTL else number(ratio),
            *goal,
            "" if name == ONE_TASK else mebibytes(memory.median(name, "bytes")),
            floor,
            products,
        )
    table.note_errors(samples, f"{shape.tasks:,} tasks")
    table.note_errors(memory, f"memory of {shape.tasks:,} tasks")
