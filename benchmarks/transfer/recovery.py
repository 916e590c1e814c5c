"""Whether known groups of tasks are found again, and whether unrelated tasks are left alone."""

from __future__ import annotations

import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.model_selection import MultiTaskKFold, TaskGroupingCV, choose_task_groups
from skmtl.model_selection._task_subsets import measure_subsets

N_TASKS, N_FEATURES, FOLDS = 6, 20, 5
ROWS, LEAST_SCORE = (300, 600, 1200), 0.45
HEAD = f"""## Recovery of known groups

`make_related_tasks(n_features={N_FEATURES}, n_tasks={N_TASKS}, groups=2, missing=.3)`, of {ROWS} rows the first number
at which single nets reach a mean R2 of {LEAST_SCORE} or, failing that, the last; one hidden layer of 8, 4 members with
early stopping, 25 epochs; `TaskGroupingCV(n_networks=2, subsets="pairs")` with {FOLDS} shuffled folds. Chosen: the two
networks that `choose_task_groups` takes from all measured gains serve the two halves. Verified: so do networks of the
fitted estimator. Kept: a group of some tasks was verified.

| relatedness | seeds | chosen | verified | a group kept | mean R2 of single nets |
|---|---|---|---|---|---|
"""


def run(seeds: int) -> str:
    """Count."""
    lines = []
    for relatedness in (0.9, 0.0):
        found = np.array([_study(relatedness, seed) for seed in range(seeds)])
        chosen, verified, kept, score = found.sum(axis=0)
        lines.append(
            f"| {relatedness:g} | {seeds} | {chosen:.0f} | {verified:.0f} | {kept:.0f} | {score / seeds:.2f} |"
        )
    return HEAD + "\n".join(lines) + "\n"


def _study(relatedness: float, seed: int) -> tuple[bool, bool, bool, float]:
    """Whether the groups were chosen, whether they serve, whether any was kept, and the score of single nets."""
    cv = MultiTaskKFold(FOLDS, shuffle=True, random_state=seed)
    net = MultiTaskNetRegressor(
        hidden_layer_sizes=(8,),
        n_estimators=4,
        early_stopping=True,
        max_iter=25,
        input_scaling=False,
        local_correction=False,
        random_state=seed,
    )
    for n_rows in ROWS:
        X, Y = make_related_tasks(
            n_rows, N_FEATURES, N_TASKS, relatedness=relatedness, groups=2, missing=0.3, random_state=seed
        )
        single = measure_subsets(net, X, Y, [(task,) for task in range(N_TASKS)], cv=cv, random_state=seed).scores
        errors = np.array([np.mean(single[task, :, task]) for task in range(N_TASKS)])
        if (score := float(np.mean(1 - errors**2))) >= LEAST_SCORE:
            break
    grouping = TaskGroupingCV(net, n_networks=2, subsets="pairs", cv=cv).fit(X, Y)
    names = grouping.task_names_.tolist()
    chosen = choose_task_groups(-grouping.subset_gains_.gains, 2).serving
    serving = np.array([grouping.serving_[name] for name in names])
    kept = any(group.kept for group in grouping.proposed_groups_)
    return _splits_halves(chosen), _splits_halves(serving), kept, score


def _splits_halves(serving: np.ndarray) -> bool:
    """Whether tasks of a group, and no others, have one network."""
    group = np.arange(N_TASKS) % 2
    return bool((serving == serving[group]).all() and serving[0] != serving[1])
