"""Groups of tasks against single nets and the net of all tasks, on data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from benchmarks._data import load
from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.metrics import log_loss
from skmtl.model_selection import MultiTaskKFold, TaskGroupingCV
from skmtl.model_selection.grouping._fit import fit_subsets


class Protocol(NamedTuple):
    """How a set is measured: most training rows, epochs, and subsets of the tasks."""

    rows: int = 1500
    epochs: int = 30
    subsets: Any = "auto"


SETS = {
    "parkinsons": Protocol(),
    "sarcos_test": Protocol(),
    "tox21": Protocol(rows=1000, epochs=15, subsets=40),
    "qm8": Protocol(rows=1000, epochs=15, subsets=40),
    "scm20d": Protocol(rows=1000, subsets=40),
    "landmine": Protocol(rows=3000, epochs=10, subsets=10),
    "school": Protocol(rows=5000, epochs=10, subsets=10),
}
QUICK = Protocol(rows=300, epochs=5, subsets=8)
WIDTH, MEMBERS, FOLDS = 32, 2, 4
HEAD = f"""## Groups on data sets

Fold 0 is the test part; the training rows are drawn with seed 0, as many as the table says. One hidden layer of
{WIDTH}, {MEMBERS} members that hold out no rows, few epochs, all else at its default: small nets on few rows, so that
the table is made in minutes. `TaskGroupingCV` with {FOLDS} shuffled folds of `MultiTaskKFold`, all else at its default
but `subsets`. Error: mean over tasks of the root mean square error over the standard deviation of the test labels, or
of the log loss; beside it the error over the lesser one of single nets and joint net. Time: of `TaskGroupingCV.fit` in
fits of the joint net.

"""


def run(data: Path, names: Sequence[str], *, quick: bool = False) -> str:
    """Measure the sets of these names, and write a table."""
    lines = [
        "| set | rows | tasks | single | joint | groups | groups / better | networks | groups kept | fits |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    notes = []
    for name in names:
        row, note = _measure(data, name, QUICK if quick else SETS[name])
        lines.append(row)
        notes += note
    return HEAD + "\n".join(lines) + "\n" + "".join(f"\n{note}\n" for note in notes)


def _load(data: Path, name: str, most: int) -> tuple[Any, ...]:
    """Training and test part of a set, labels of tasks that have two in training."""
    loaded = load(data, name)
    X, Y, fold = np.asarray(loaded["X"], dtype=float), np.asarray(loaded["Y"], dtype=float), loaded["fold"]
    random = np.random.default_rng(0)
    train = np.sort(random.permutation(np.flatnonzero(fold != 0))[:most])
    test = np.flatnonzero(fold == 0)
    enough = (~np.isnan(Y[train])).sum(axis=0) >= 2 * FOLDS
    return X[train], Y[train][:, enough], X[test], Y[test][:, enough], loaded["kinds"][0] == "regression"


def _measure(data: Path, name: str, protocol: Protocol) -> tuple[str, list[str]]:
    X, Y, X_test, Y_test, numbers = _load(data, name, protocol.rows)
    kind = MultiTaskNetRegressor if numbers else MultiTaskNetClassifier
    net = kind(
        hidden_layer_sizes=(WIDTH,),
        n_estimators=MEMBERS,
        max_iter=protocol.epochs,
        early_stopping=False,
        random_state=0,
        n_jobs=1,
    )
    start = perf_counter()
    joint = clone(net).fit(X, Y)
    joint_seconds, n_tasks = perf_counter() - start, Y.shape[1]
    single = fit_subsets(net, X, Y, None, [(task,) for task in range(n_tasks)], np.arange(n_tasks), 0)
    start = perf_counter()
    cv = MultiTaskKFold(FOLDS, shuffle=True, random_state=0)
    grouping = TaskGroupingCV(net, subsets=protocol.subsets, cv=cv, random_state=0).fit(X, Y)
    fits = (perf_counter() - start) / joint_seconds
    errors = [_error(model, X_test, Y_test, numbers) for model in (single, joint, grouping)]
    ratio = errors[2] / min(errors[:2])
    kept = [f"{len(group.tasks)} for {len(group.serves)}" for group in grouping.proposed_groups_ if group.kept]
    cells = [name, len(X), n_tasks, *(f"{error:.4f}" for error in errors), f"{ratio:.3f}", len(grouping.groups_)]
    notes = [_explained(grouping, X_test, Y_test)] if name == "school" else []
    return "| " + " | ".join(map(str, [*cells, "; ".join(kept) or "none", f"{fits:.0f}"])) + " |", notes


def _error(model: Any, X: np.ndarray, Y: np.ndarray, numbers: bool) -> float:
    if not numbers:
        return float(np.nanmean(log_loss(Y, model.predict_proba(X), average=None)))
    residuals = model.predict(X) - Y
    return float(np.nanmean(np.sqrt(np.nanmean(residuals**2, axis=0)) / np.nanstd(Y, axis=0)))


def _explained(model: Any, X: np.ndarray, Y: np.ndarray) -> str:
    """Pooled over the tasks, as published figures for School are."""
    seen = ~np.isnan(Y)
    ratio = np.mean((model.predict(X) - Y)[seen] ** 2) / np.var(Y[seen])
    return (
        f"School, all tasks pooled: explained variance {1 - ratio:.4f} (pooled ridge with school indicators, learned "
        "from all training rows: .3528 on this fold, .3745 as the mean of five folds), normalised mean squared error "
        f"{ratio:.4f} (best published decomposition: .4169)."
    )
