"""Published choices of networks and predictions of gains, against the solver and the additive model."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from skmtl.model_selection import choose_task_groups
from skmtl.model_selection.grouping._surrogate import AdditiveGains

HEAD = """## Golden values

Standley et al. (2020): networks chosen within a budget for four settings, by validation losses, by losses early in
training and by means over pairs; total test loss against the published curves to 1e-4, of equally good choices any.
Fifty et al. (2021): groups of the published affinity matrices against their optimum. Song et al. (2022), MIMIC: rank
correlation within task of the additive model's gains with the true ones, of subsets of 3 tasks or more it was not
fitted to, mean over 3 draws of the subsets that it was.
"""
MEASURED, DRAWS = (50, 100, 200, 400, 1600), 3


def run(data: Path) -> str:
    """Compare all."""
    folder = data / "task_groups"
    points = [point for setting in _read(folder / "standley.json")["settings"] for point in _standley(setting)]
    groups = [own for own_set in _read(folder / "tag.json")["sets"] for own in _fifty(own_set)]
    lines = [
        f"- Standley: {sum(points)} of {len(points)} points agree.",
        f"- Fifty: {sum(groups)} of {len(groups)} choices are the best.",
        "- MIMIC, subsets measured: " + ", ".join(f"{n}: {_predicted(folder, n):.2f}" for n in MEASURED) + ".",
    ]
    return HEAD + "\n" + "\n".join(lines) + "\n"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _array(rows: Any) -> np.ndarray:
    return np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=float)


def _standley(setting: Any) -> list[bool]:
    """Whether the total test loss is as published, at each budget and for each way to choose."""
    subsets, test = setting["subsets"], _array(setting["test_loss"])
    validation = _array(setting["val_loss"])
    pairs = {tuple(sorted(subset)): validation[row] for row, subset in enumerate(subsets) if len(subset) == 2}
    by_pairs = validation.copy()
    for row, subset in enumerate(subsets):
        for task in subset if len(subset) > 2 else ():
            others = [other for other in subset if other != task]
            by_pairs[row, task] = np.mean([pairs[tuple(sorted((task, other)))][task] for other in others])
    agree = []
    for name, losses in {"optimal": validation, "esa": _array(setting["early_loss"]), "hoa": by_pairs}.items():
        ties = setting["recomputed"][name]["test_totals_of_ties"]
        for budget, totals in zip(setting["budgets"], ties, strict=True):
            chosen = choose_task_groups(losses, budget, setting["cost"]).chosen
            total = np.nanmin(test[chosen], axis=0).sum()
            agree.append(bool(min(abs(total - published) for published in totals) < 1e-4))
    return agree


def _fifty(own: Any) -> list[bool]:
    """Whether the groups of each affinity matrix have the greatest mean affinity."""
    found, n_tasks = [], len(own["tasks"])
    for golden in own["golden"]:
        matrix = own["matrices"][golden["matrix"]]
        values = np.array(matrix["values"]) * (1 if matrix["higher_is_better"] else -1)
        smallest = 1 if matrix["singletons"] == "diagonal" else 2
        subsets = [s for size in range(smallest, n_tasks + 1) for s in combinations(range(n_tasks), size)]
        losses = np.full((len(subsets), n_tasks), np.nan)
        for row, subset in enumerate(subsets):
            for task in subset:
                beside = [other for other in subset if other != task] or [task]
                losses[row, task] = -values[task, beside].mean()
        best = abs(choose_task_groups(losses, golden["n_groups"]).loss) / n_tasks
        found.append(bool(abs(best - abs(golden["mean_value"])) < 1e-4))
    return found


def _predicted(folder: Path, n_measured: int) -> float:
    arrays = np.load(folder / "gains.npz")
    members, gains = arrays["mimic27_subsets"].astype(bool), arrays["mimic27_gain_test"]
    large, random, correlations = np.flatnonzero(members.sum(axis=1) >= 3), np.random.default_rng(0), []
    for _ in range(DRAWS):
        measured = random.choice(large, n_measured, replace=False)
        rest = np.setdiff1d(large, measured)
        predicted = AdditiveGains.fit(members[measured], gains[measured]).predict(members[rest])
        for task in range(members.shape[1]):
            seen = members[rest, task]
            correlations.append(spearmanr(predicted[seen, task], gains[rest][seen, task])[0])
    return float(np.mean(correlations))
