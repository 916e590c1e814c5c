"""Streams whose tasks, or relations of tasks, change: how much of the past should be forgotten?"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.sharing import Relationship, Sharing

HEAD = """## Streams

`make_related_tasks(n_features=20, n_tasks=6, relatedness=0.95, noise=0.3, missing=0.7)`, {rows} rows in {calls} calls
of `partial_fit`, each predicted before it is learned from: mean squared error over tasks and over the calls after the
first tenth, mean over {seeds} seeds. steady: two groups of tasks. drift: their common directions turn by 1.5 radians.
switch: half-way the tasks form other groups. One hidden layer of 16, 4 members, learning rate 0.01, batches of 10;
`Relationship(strength={strength})` with its `forgetting`. In brackets the standard error of the difference to
`forgetting=0.0`.
"""
ROWS, CALLS, STRENGTH = 3000, 50, 0.003
FORGETTING = (0.0, 0.5, 0.9, 1.0)
STREAMS = ("steady", "drift", "switch")


def stream(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels in the order of time."""

    def make(groups: Any, drift: float = 0.0) -> tuple[np.ndarray, ...]:
        return make_related_tasks(
            ROWS,
            20,
            6,
            relatedness=0.95,
            noise=0.3,
            missing=0.7,
            groups=groups,
            drift=drift,
            random_state=seed,
        )

    X, y = make([0, 0, 0, 1, 1, 1], 1.5 if name == "drift" else 0.0)
    if name == "switch":
        y[ROWS // 2 :] = make([0, 1, 0, 1, 0, 1])[1][ROWS // 2 :]
    return X, y


def error(sharing: str | Sharing, name: str, seed: int) -> float:
    """Mean squared error of predictions before their labels are learned."""
    X, y = stream(name, seed)
    net = MultiTaskNetRegressor(
        sharing=sharing,
        hidden_layer_sizes=(16,),
        n_estimators=4,
        learning_rate_init=0.01,
        batch_size=10,
        random_state=seed,
        n_jobs=1,
    )
    errors = []
    for call, rows in enumerate(np.array_split(np.arange(ROWS), CALLS)):
        if call > CALLS // 10:
            errors.append(np.nanmean((net.predict(X[rows]) - y[rows]) ** 2))
        net.partial_fit(X[rows], y[rows])
    return float(np.mean(errors))


def run(n_seeds: int) -> str:
    """All streams; the report."""
    references = {name: name for name in ("hard", "independent", "soft")}
    learned = {f"forgetting={f}": Relationship(STRENGTH, forgetting=f) for f in (*FORGETTING, FORGETTING)}
    methods: dict[str, str | Sharing] = {**references, **learned}
    errors = np.empty((len(methods), len(STREAMS), n_seeds))
    for seed in range(n_seeds):
        for row, (label, sharing) in enumerate(methods.items()):
            errors[row, :, seed] = [error(sharing, name, seed) for name in STREAMS]
            sys.stderr.write(f"seed {seed} {label}: {np.array2string(errors[row, :, seed], precision=3)}\n")
    differences = errors - errors[len(references)]
    spread = differences.std(2, ddof=1) / n_seeds**0.5
    lines = [HEAD.format(rows=ROWS, calls=CALLS, seeds=n_seeds, strength=STRENGTH)]
    lines += [f"| sharing | {' | '.join(STREAMS)} |", "|---|" + "---|" * len(STREAMS)]
    for label, means, deviations in zip(methods, errors.mean(2), spread, strict=True):
        cells = " | ".join(f"{mean:.3f} ({deviation:.3f})" for mean, deviation in zip(means, deviations, strict=True))
        lines.append(f"| {label} | {cells} |")
    return "\n".join(lines) + "\n"
