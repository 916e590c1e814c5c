"""(a) One optimisation step and one fit, against every rival."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.speed import rivals
from benchmarks.speed.report import Table, judge, microseconds, number
from benchmarks.speed.shapes import LARGE, MEDIUM, SMALL, WIDE, Settings, Shape, make_data, sized
from benchmarks.speed.timing import Samples, compare_fits, products_seconds

STOPPING = "skmtl, early stopping"
GOALS = {
    SMALL: {rivals.MLP: 0.35, rivals.SKORCH: 0.12, rivals.SLICES: 0.35},
    MEDIUM: {rivals.MLP: 0.45, rivals.SKORCH: 0.12, rivals.SLICES: 0.50},
    LARGE: {rivals.MLP: 0.55, rivals.SKORCH: 0.12, rivals.SLICES: 0.65},
    WIDE: {},
}
STOPPING_GOAL = 1.1
COLUMNS = (
    "shape", "rival", "us a step", "s a fit", "skmtl / rival, step", "goal", "met", "skmtl / rival, fit",
    "floor us", "products alone us",
)  # fmt: skip


class _WithValidation:
    """skmtl with early stopping on held-out rows given to ``fit``: a tenth as many as the rows it trains on."""

    def __init__(self, shape: Shape, epochs: int) -> None:
        self.model = rivals.build_skmtl(shape, epochs, early_stopping=True)
        self.held_out = make_data(shape, rows=max(shape.rows // 10, 1))

    def fit(self, x: object, y: object) -> object:
        """Fit on all rows, so that the steps are those of the fit without early stopping."""
        x_val, y_val = self.held_out
        return self.model.fit(x, y, X_val=x_val, y_val=y_val)


def _fill(table: Table, shape: Shape, samples: Samples, goals: Mapping[str, float], rate: float) -> None:
    floor, products = microseconds(shape.operations / rate), microseconds(products_seconds(shape))
    mine = next(iter(samples.values))
    for name in samples.values:
        step = samples.ratio(mine, name, "step")
        goal = judge(step, goals.get(name))
        if name == STOPPING:
            step = samples.ratio(name, mine, "step")
            goal = judge(step, STOPPING_GOAL)
        table.add(
            shape.label,
            name,
            microseconds(samples.median(name, "step")),
            number(samples.median(name, "fit")),
            "" if name == mine else number(step),
            *goal,
            "" if name == mine or name == STOPPING else number(samples.ratio(mine, name, "fit")),
            floor,
            products,
        )
    table.note_errors(samples, shape.label)


def run(settings: Settings, rate: float) -> Table:
    """Time the regressors at all shapes, and the classifiers at one."""
    table = Table("a", "Optimisation steps and fits", COLUMNS)
    for named, goals in GOALS.items():
        shape = sized(named, settings)
        data = make_data(shape)
        builds = {name: partial(build, shape) for name, build in rivals.RIVALS.items()}
        builds[STOPPING] = partial(_WithValidation, shape)
        rounds = settings.round_count(3 if named is WIDE else 99)
        samples = compare_fits(builds, shape, dict.fromkeys(builds, data), rounds)
        _fill(table, shape, samples, goals, rate)
    _classifiers(table, settings, rate)
    fits = "; ".join(f"{sized(s, settings).epochs[1]} at {sized(s, settings).label}" for s in GOALS)
    table.notes += [
        f"Epochs of the fits whose seconds are given: {fits}.",
        "Early stopping: with held-out rows a tenth as many as the training rows and history; its ratio is over skmtl "
        "without early stopping.",
    ]
    return table


def _classifiers(table: Table, settings: Settings, rate: float) -> None:
    shape = sized(MEDIUM, settings)
    x, y = make_data(shape)
    labels = (y > 0).astype("int64")
    builds = {
        "skmtl, classifier": partial(rivals.build_skmtl_classifier, shape),
        "scikit-learn MLP, classifier": partial(rivals.build_mlp_classifier, shape),
    }
    samples = compare_fits(builds, shape, dict.fromkeys(builds, (x, labels)), settings.round_count())
    _fill(table, shape, samples, {}, rate)
