"""(b) Eight stacked members against eight single fits."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

from benchmarks.speed import rivals
from benchmarks.speed.report import Table, judge, microseconds, number
from benchmarks.speed.shapes import LARGE, MEDIUM, SMALL, Settings, Shape, make_data, sized
from benchmarks.speed.timing import compare_fits, epochs_run, products_seconds

MEMBERS = 8
GOALS = {SMALL: 0.25, MEDIUM: 0.5, LARGE: 0.65}
STACKED = f"{MEMBERS} stacked members"
SINGLE = f"{MEMBERS} single fits"
COLUMNS = (
    "shape", "stacked us a step", "8 single us a step", "stacked / single, step", "goal", "met",
    "stacked / single, fit", "floor us", "products alone us",
)  # fmt: skip


class _Singles:
    """Fits one after another, with different seeds."""

    def __init__(self, shape: Shape, epochs: int) -> None:
        self.models = [rivals.build_skmtl(shape, epochs, seed=seed) for seed in range(MEMBERS)]

    def fit(self, x: Any, y: Any) -> Self:
        """Fit them all."""
        for model in self.models:
            model.fit(x, y)
        self.n_iter_ = epochs_run(self.models[0])
        return self


def run(settings: Settings, rate: float) -> Table:
    """Time both at the three shapes."""
    table = Table("b", f"{STACKED} against {SINGLE}", COLUMNS)
    for named, goal in GOALS.items():
        shape = sized(named, settings)
        data = make_data(shape)
        builds = {
            STACKED: partial(rivals.build_skmtl, shape, n_estimators=MEMBERS),
            SINGLE: partial(_Singles, shape),
        }
        samples = compare_fits(builds, shape, dict.fromkeys(builds, data), settings.round_count())
        ratio = samples.ratio(STACKED, SINGLE, "step")
        table.add(
            shape.label,
            microseconds(samples.median(STACKED, "step")),
            microseconds(samples.median(SINGLE, "step")),
            number(ratio),
            *judge(ratio, goal),
            number(samples.ratio(STACKED, SINGLE, "fit")),
            microseconds(MEMBERS * shape.operations / rate),
            microseconds(products_seconds(shape, MEMBERS)),
        )
        table.note_errors(samples, shape.label)
    table.notes.append("A step is one step of all 8 members; the goal is judged on it. Floor and products are for 8.")
    return table
