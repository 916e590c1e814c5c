"""What a transfer report and all subsets cost, in fits of all tasks; processor time, medians of rounds in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.encoders import TabularEncoder
from skmtl.inspection import transfer_report
from skmtl.model_selection._task_subsets import measure_subsets

N_TASKS = 6
NARROW: dict[str, Any] = {"hidden_layer_sizes": (32,), "n_estimators": 1, "max_iter": 60, "effort": "fixed"}
NETS: dict[str, dict[str, Any]] = {
    "narrow": NARROW,
    "narrow, scaled": {**NARROW, "encoder": TabularEncoder(numeric="scaled")},
    "defaults": {},
}

N_ROWS = 300
HEAD = f"""## Price

Processor time of a transfer report, and of measuring all 63 subsets of {N_TASKS} tasks, in fits of the net of all
tasks to {N_ROWS} rows; 5 folds; medians of rounds in turn. Narrow: one hidden layer of 32, one member,
60 epochs, `effort="fixed"`; the default encoder makes 266 columns of the 14 inputs, "scaled" leaves them 14. Defaults:
one round; the fit tries settings, which the report does not.

| net | fit s | what | s | fits |
|---|---|---|---|---|
"""


def seconds(call: Callable[[], Any]) -> float:
    """Processor time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def measure(name: str, rounds: int) -> list[str]:
    """Rows of the table for one size of net."""
    X, Y = make_related_tasks(N_ROWS, 14, N_TASKS, relatedness=0.9, random_state=0)  # type: ignore[misc]
    net = MultiTaskNetRegressor(random_state=0, **NETS[name])
    subsets = [subset for size in range(1, N_TASKS + 1) for subset in combinations(range(N_TASKS), size)]
    calls: dict[str, Callable[[], Any]] = {"fit": lambda: net.fit(X, Y)}
    calls["report, 5 folds"] = lambda: transfer_report(net, X, Y)
    if name != "defaults":
        calls["63 subsets, 5 folds"] = lambda: measure_subsets(net, X, Y, subsets)
    for call in calls.values() if name != "defaults" else [calls["fit"]]:
        call()  # what is loaded once
    times = {label: np.median([seconds(call) for _ in range(rounds)]) for label, call in calls.items()}
    fit = times.pop("fit")
    return [f"| {name} | {fit:.2f} | {label} | {t:.2f} | {t / fit:.1f} |" for label, t in times.items()]


def run(rounds: int = 3) -> str:
    """Measure all sizes of net, the defaults once."""
    rows = [row for name in NETS for row in measure(name, 1 if name == "defaults" else rounds)]
    return HEAD + "\n".join(rows) + "\n"
