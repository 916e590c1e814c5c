"""How often a transfer report is wrong about unrelated tasks, and how often it finds what duplicates gain."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.inspection import TransferReport, transfer_report

Data = tuple[np.ndarray, np.ndarray]
SETTINGS = {"hidden_layer_sizes": (64,), "n_estimators": 1, "max_iter": 60}
N_FEATURES, N_TASKS = 8, 4
HEAD = """## False alarms

In how many of {runs} runs, seeds {first} to {last}, `transfer_report(n_repeats={n_repeats})` names a task as gaining
or losing, at its level of .1, and in how many the interval of the mean gain excludes 0. noise: targets that do not
depend on X; unrelated: tasks that share nothing; duplicates: a task with 120 labels beside a copy of it with 800. One
hidden layer of 64, one member, 60 epochs.

| tasks | gain named | loss named | either | interval above 0 | below 0 | mean gain % |
|---|---|---|---|---|---|---|
"""


def noise(seed: int) -> Data:
    """Numbers that do not depend on the features."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((200, N_FEATURES)), rng.standard_normal((200, N_TASKS))


def unrelated(seed: int) -> Data:
    """Waves along directions that are orthogonal."""
    return make_related_tasks(200, N_FEATURES, N_TASKS, relatedness=0.0, random_state=seed)  # type: ignore[return-value]


def duplicates(seed: int) -> Data:
    """A target with 120 labels, and a copy of it with 800."""
    return make_related_tasks(  # type: ignore[return-value]
        800, N_FEATURES, 2, relatedness=1.0, missing=[0.85, 0.0], random_state=seed
    )


SETS: dict[str, Callable[[int], Data]] = {"noise": noise, "unrelated": unrelated, "duplicates": duplicates}


def report(make: Callable[[int], Data], seed: int, n_repeats: int) -> TransferReport:
    """Report on one set of data."""
    X, Y = make(seed)
    net = MultiTaskNetRegressor(**SETTINGS, random_state=seed)  # type: ignore[arg-type]
    return transfer_report(net, X, Y, n_repeats=n_repeats, random_state=seed)


def run(seeds: range, n_repeats: int = 2) -> str:
    """Count in how many runs a task was named, and where the interval of the mean gain lay.

    What is found goes to the standard error at once.
    """
    reports: dict[str, list[TransferReport]] = {name: [] for name in SETS}
    for seed in seeds:
        for name, own in reports.items():
            own.append(one := report(SETS[name], seed, n_repeats))
            named = f"gaining {one.positive}, losing {one.negative}"
            gain = f"{one.delta_m:+.1f}% {one.delta_m_interval}"
            print(f"{name} {seed}: {named}, mean gain {gain}", file=sys.stderr, flush=True)
    head = HEAD.format(runs=len(seeds), first=seeds[0], last=seeds[-1], n_repeats=n_repeats)
    return head + "".join(_row(name, own) for name, own in reports.items())


def _row(name: str, reports: list[TransferReport]) -> str:
    counts = [
        sum(bool(one.positive) for one in reports),
        sum(bool(one.negative) for one in reports),
        sum(bool(one.positive or one.negative) for one in reports),
        sum(one.delta_m_interval[0] > 0 for one in reports),
        sum(one.delta_m_interval[1] < 0 for one in reports),
    ]
    gain = np.mean([one.delta_m for one in reports])
    return f"| {name} | {' | '.join(map(str, counts))} | {gain:+.1f} |\n"
