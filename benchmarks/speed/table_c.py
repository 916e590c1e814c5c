"""(c) Time to the first result in a fresh process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from statistics import median

from benchmarks.speed import rivals
from benchmarks.speed.probe import ask
from benchmarks.speed.report import Table, judge, number
from benchmarks.speed.shapes import Settings, Shape
from benchmarks.speed.timing import NAN, Measurement, Samples, interleave, warm_up

SHAPE = Shape(500, 20, 4, 32, (64,), (1, 20))
TORCH = "import torch alone"


def _actions() -> dict[str, Callable[[], Measurement]]:
    names = (rivals.SKMTL, rivals.MLP, rivals.SKORCH)
    actions: dict[str, Callable[[], Measurement]] = {
        name: partial(ask, "first_result", rival=name, shape=asdict(SHAPE)) for name in names
    }
    return actions | {TORCH: partial(ask, "import_torch")}


def _over_torch_and_mlp(samples: Samples, factor_on_torch: bool) -> float:
    """Median over rounds of skmtl / (MLP + torch), or of (skmtl - torch) / MLP."""
    rounds = zip(*(samples.each_round(n, "seconds") for n in (rivals.SKMTL, rivals.MLP, TORCH)), strict=False)
    ratios = [mine / (mlp + torch) if factor_on_torch else (mine - torch) / mlp for mine, mlp, torch in rounds]
    return median(ratios) if ratios else NAN


def run(settings: Settings, rate: float) -> Table:
    """Time fresh processes, one after another."""
    del rate
    title = f"Import and fit in a fresh process: {SHAPE.label}, {SHAPE.epochs[1]} epochs"
    table = Table("c", title, ("process", "seconds", "skmtl / rival", "goal", "met"))
    actions = _actions()
    warm_up(actions)
    samples = interleave(actions, settings.round_count())
    for name in actions:
        ratio = samples.ratio(rivals.SKMTL, name, "seconds")
        goal = judge(ratio, 0.7 if name == rivals.SKORCH else None)
        table.add(name, number(samples.median(name, "seconds")), "" if name == rivals.SKMTL else number(ratio), *goal)
    both = _over_torch_and_mlp(samples, factor_on_torch=True)
    table.add(f"{rivals.MLP} and {TORCH}: skmtl / (MLP + torch)", "", number(both), *judge(both, 1.3))
    strict = _over_torch_and_mlp(samples, factor_on_torch=False)
    table.add(f"the same read strictly: (skmtl - {TORCH}) / MLP", "", number(strict), *judge(strict, 1.3))
    table.note_errors(samples, "fresh process")
    table.notes.append(
        "From the first statement of the program to the fitted estimator; the data (numpy) are drawn within that time "
        "on all sides. Files are in the page cache."
    )
    return table
