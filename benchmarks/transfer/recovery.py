"""Whether known groups of tasks are found again, and whether unrelated tasks are left alone."""

from __future__ import annotations

import sys

import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.encoders import TabularEncoder
from skmtl.model_selection import MultiTaskKFold, TaskGroupingCV, choose_task_groups
from skmtl.model_selection._task_subsets import measure_subsets

N_TASKS, N_FEATURES, FOLDS = 6, 20, 5
ROWS, LEAST_SCORE = (300, 600, 1200), 0.45
HEAD = f"""## Recovery of known groups

`make_related_tasks({ROWS[-1]}, {N_FEATURES}, {N_TASKS}, groups=2, missing=.3)`, of whose rows the first {ROWS} are
taken until single nets reach a mean R2 of {LEAST_SCORE} on held-out folds; inputs as they are, one hidden layer of 16,
3 members that hold out no rows, 60 epochs; `TaskGroupingCV(n_networks=2)` with {FOLDS} shuffled folds measures all
subsets. Chosen: the two networks that `choose_task_groups` takes from all smoothed gains serve the two halves.
Measured: so do those that it takes from the gains as measured. Verified: so do networks of the fitted estimator. Kept:
a group of some tasks was verified.

| relatedness | seeds | chosen | measured | verified | a group kept | mean R2 of single nets |
|---|---|---|---|---|---|---|
"""


def run(seeds: range) -> str:
    """Count; what is found goes to the standard error at once."""
    found: dict[float, list[tuple[bool, bool, bool, bool, float]]] = {0.9: [], 0.0: []}
    for seed in seeds:
        for relatedness, own in found.items():
            own.append(_study(relatedness, seed))
            print(f"relatedness {relatedness:g}, seed {seed}: {own[-1]}", file=sys.stderr, flush=True)
    return HEAD + "".join(_row(relatedness, seeds, own) for relatedness, own in found.items())


def _row(relatedness: float, seeds: range, found: list[tuple[bool, bool, bool, bool, float]]) -> str:
    *counts, score = np.sum(found, axis=0)
    cells = [f"{relatedness:g}", f"{seeds[0]} to {seeds[-1]}", *(f"{n:.0f}" for n in counts)]
    return f"| {' | '.join(cells)} | {score / len(seeds):.2f} |\n"


def _study(relatedness: float, seed: int) -> tuple[bool, bool, bool, bool, float]:
    """Whether the groups were chosen, by smoothed gains and others, serve, any was kept; score of single nets."""
    cv = MultiTaskKFold(FOLDS, shuffle=True, random_state=seed)
    net = MultiTaskNetRegressor(
        encoder=TabularEncoder(numeric="scaled"),
        hidden_layer_sizes=(16,),
        n_estimators=3,
        early_stopping=False,
        max_iter=60,
        effort="fixed",
        random_state=seed,
    )
    X, Y = make_related_tasks(
        ROWS[-1], N_FEATURES, N_TASKS, relatedness=relatedness, groups=2, missing=0.3, random_state=seed
    )
    for n_rows in ROWS:
        part = X[:n_rows], Y[:n_rows]
        single = measure_subsets(net, *part, [(task,) for task in range(N_TASKS)], cv=cv, random_state=seed).scores
        errors = np.array([np.mean(single[task, :, task]) for task in range(N_TASKS)])
        if (score := float(np.mean(1 - errors**2))) >= LEAST_SCORE:
            break
    grouping = TaskGroupingCV(net, n_networks=2, cv=cv).fit(*part)
    names = grouping.task_names_.tolist()
    table = grouping.subset_gains_
    chosen, measured = (
        _splits_halves(choose_task_groups(-gains, 2).serving) for gains in (table.smoothed, table.gains)
    )
    serving = np.array([grouping.serving_[name] for name in names])
    kept = any(group.kept for group in grouping.proposed_groups_)
    return chosen, measured, _splits_halves(serving), kept, score


def _splits_halves(serving: np.ndarray) -> bool:
    """Whether tasks of a group, and no others, have one network."""
    group = np.arange(N_TASKS) % 2
    return bool((serving == serving[group]).all() and serving[0] != serving[1])
