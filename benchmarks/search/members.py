"""Problem d: searches that rank candidates by few members, against those that train all members of all candidates."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from benchmarks.accuracy.protocols import load
from benchmarks.speed.report import Table, judge, number
from benchmarks.speed.timing import say

GRID = {"learning_rate_init": [0.0005, 0.002, 0.008], "dropout": [0.0, 0.3]}
FOLDS, TIMED_ROWS, RANKED_ROWS, WIDTH = 3, 1500, 150, 32
GOAL = 0.3  # of GridSearchCV's time
SETS = ("enb", "jura", "slump", "emotions", "yeast")


@dataclass(frozen=True)
class Case:
    """Rows, labels and the net at its defaults, or a narrow one."""

    name: str
    X: Any
    y: NDArray[np.float64]
    net: Any


def _made(name: str, n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of 20 columns and three tasks: "linear", "smooth" and "steps" are numbers, "classes" are two each."""
    rng = np.random.default_rng(seed)
    X, directions = rng.normal(size=(n, 20)), rng.normal(size=(20, 3)) / 20**0.5
    functions: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "linear": lambda z: z,
        "smooth": lambda z: np.sin(2 * z),
        "steps": np.sign,
        "classes": lambda z: np.sin(2 * z),
    }
    y = functions[name](X @ directions) + 0.3 * rng.normal(size=(n, 3))
    return X, (y > 0).astype(float) if name == "classes" else y


def _net(kinds: set[str]) -> Any:
    from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor

    classes = [kind != "regression" for kind in kinds]
    cls = MultiTaskNetClassifier if all(classes) else MultiTaskNet if any(classes) else MultiTaskNetRegressor
    return cls(random_state=0, n_jobs=1)


def _ranked(data: Path | None) -> list[Case]:
    """Sets of few rows, under a narrow net."""
    cases = []
    for name in ("linear", "smooth", "steps", "classes"):
        kind = "binary" if name == "classes" else "regression"
        cases.append(Case(f"made: {name}", *_made(name, RANKED_ROWS), _net({kind})))
    for name in SETS if data is not None else ():
        table = load(Path(data) / name)
        rows = np.flatnonzero(table.Y.notna().any(axis=1))
        rows = np.random.default_rng(0).permutation(rows)[:RANKED_ROWS]
        X = table.X.iloc[rows] if hasattr(table.X, "iloc") else table.X[rows]
        y = table.Y.to_numpy(dtype=float)[rows]
        varies = [len(np.unique(column[~np.isnan(column)])) > 1 for column in y.T]
        cases.append(Case(name, X, y[:, varies], _net(set(table.kinds))))
    return [Case(case.name, case.X, case.y, case.net.set_params(hidden_layer_sizes=(WIDTH,))) for case in cases]


def _search(case: Case, elimination: str | None, refit: bool = True) -> Any:
    from skmtl.model_selection import MultiTaskSearchCV

    return MultiTaskSearchCV(clone(case.net), GRID, cv=FOLDS, elimination=elimination, refit=refit)


def _timed(search: Any, case: Case) -> float:
    """Processor seconds of a search."""
    start = time.process_time()
    search.fit(case.X, case.y)
    seconds = time.process_time() - start
    say(f"  (d) {case.name}, {type(search).__name__}: {seconds:.1f} processor seconds")
    return seconds


def run(data: Path | None, quick: bool) -> Table:
    """Time a search of nets at default settings beside GridSearchCV, and compare choices."""
    from sklearn.model_selection import GridSearchCV

    from skmtl.model_selection import MultiTaskKFold

    columns = ("data", "GridSearchCV, s", "auto, s", "auto of it", "goal", "met", "choice below the best", "error")
    n_candidates = int(np.prod([len(values) for values in GRID.values()]))
    table = Table("d", f"few members first: {n_candidates} candidates x {FOLDS} folds", columns)
    n_rows = 90 if quick else TIMED_ROWS
    case = Case(f"made: classes, {n_rows} rows", *_made("classes", n_rows), _net({"binary"}))
    ours, grid = _search(case, "auto"), GridSearchCV(clone(case.net), GRID, cv=MultiTaskKFold(FOLDS))
    seconds, theirs = _timed(ours, case), _timed(grid, case)
    _row(table, case.name, grid, ours, theirs, seconds, GOAL)
    for case in _ranked(data)[: 2 if quick else None]:
        ours, full = _search(case, "auto"), _search(case, None, refit=False)
        seconds, theirs = _timed(ours, case), _timed(full, case)
        _row(table, case.name, full, ours, theirs, seconds, None)
    table.notes.append(
        f"Processor seconds of one run. The first row is a net at its defaults, with refit. The others are "
        f"{RANKED_ROWS} rows under nets of one layer of {WIDTH} units, there in place of GridSearchCV "
        "MultiTaskSearchCV(elimination=None, refit=False), whose scores are the same and which leaves the refit out. "
        "Choice below the best: the score that the candidate chosen by few members has with all members, below the "
        "best of these scores; error: the standard error over the folds of the best."
    )
    return table


def _row(table: Table, name: str, full: Any, ours: Any, theirs: float, seconds: float, goal: float | None) -> None:
    scores = full.cv_results_["mean_test_score"]
    error = full.cv_results_["std_test_score"][scores.argmax()] / FOLDS**0.5
    loss = scores.max() - scores[ours.best_index_]
    cells = number(theirs), number(seconds), number(seconds / theirs), *judge(seconds / theirs, goal)
    table.add(name, *cells, f"{loss:.4f}", f"{error:.4f}")
    say(f"  (d) {' '.join(table.rows[-1])}")
