"""Score against the relatedness of the tasks, where labels are scarce."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.sharing.architectures import NAMES

HEAD = """## Score against relatedness

`make_related_tasks(n_features=16, n_tasks=4, noise=0.3)`: {rows} rows of which each task has {labels} labels, 1000
complete rows to score. Two hidden layers of 32, {members} member(s), all else at its default; mean R2 over
{seeds} seeds, standard error in brackets. "Behind the better" is the greatest loss, over the columns, of the mean score
against the better of hard and independent.
"""
ROWS, SHARE_MISSING, MEMBERS = 400, 0.6, 1
RELATEDNESS = (0.0, 1.0)


def score(name: str, relatedness: float, seed: int) -> float:
    """Mean R2 over the tasks on new rows."""
    from skmtl import MultiTaskNetRegressor
    from skmtl.datasets import make_related_tasks

    X, Y = make_related_tasks(ROWS + 1000, 16, 4, relatedness=relatedness, noise=0.3, random_state=seed)
    train, test = slice(0, ROWS), slice(ROWS, None)
    random = np.random.default_rng(seed)
    known = np.column_stack([random.permutation(ROWS) >= SHARE_MISSING * ROWS for _ in range(4)])
    net = MultiTaskNetRegressor(
        sharing=name, hidden_layer_sizes=(32, 32), n_estimators=MEMBERS, random_state=seed, n_jobs=1
    )
    return net.fit(X[train], np.where(known, Y[train], np.nan)).score(X[test], Y[test])


def run(n_seeds: int, names: Sequence[str] = NAMES) -> str:
    """All architectures, seed by seed; the report."""
    scores = np.full((len(names), len(RELATEDNESS), n_seeds), np.nan)
    for seed in range(n_seeds):
        for i, name in enumerate(names):
            scores[i, :, seed] = [score(name, relatedness, seed) for relatedness in RELATEDNESS]
            sys.stderr.write(f"seed {seed} {name}: {np.array2string(scores[i, :, seed], precision=3)}\n")
    return _report(names, scores)


def _report(names: Sequence[str], scores: np.ndarray) -> str:
    mean, error = scores.mean(2), scores.std(2, ddof=1) / scores.shape[2] ** 0.5
    better = np.maximum(mean[list(names).index("hard")], mean[list(names).index("independent")])
    columns = " | ".join(f"relatedness {p:g}" for p in RELATEDNESS)
    head = HEAD.format(rows=ROWS, labels=round(ROWS * (1 - SHARE_MISSING)), members=MEMBERS, seeds=scores.shape[2])
    lines = [head, f"| sharing | {columns} | behind the better |", "|---|" + "---|" * (len(RELATEDNESS) + 1)]
    for name, row, errors in zip(names, mean, error, strict=True):
        cells = " | ".join(f"{value:.3f} ({e:.3f})" for value, e in zip(row, errors, strict=True))
        lines.append(f"| {name} | {cells} | {max((better - row).max(), 0):.3f} |")
    return "\n".join(lines) + "\n"
