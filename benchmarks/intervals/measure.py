"""Intervals of a multi-task net, and of MAPIE around single-task nets with the same settings."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from mapie.regression import ConformalizedQuantileRegressor, CrossConformalRegressor
from numpy.typing import NDArray
from sklearn.base import clone

from benchmarks._data import load
from skmtl import MultiTaskNetRegressor
from skmtl.tasks import Quantile

Floats = NDArray[np.float64]
SETS = (
    "enb", "jura", "wine", "student", "sarcos_test", "scm20d", "ames", "bikeshare", "air_quality", "parkinsons",
)  # fmt: skip
COVERAGE = 0.9
ROWS, TEST_ROWS, TASKS = 600, 2000, 4  # at most
MIN_LABELLED = 0.3  # MAPIE needs more labels than a tenth of the rows to set apart a fifth of them
FOLDS = 5  # of MAPIE, its default
NET: dict[str, Any] = {"hidden_layer_sizes": (64,), "max_iter": 40, "local_correction": False, "input_scaling": False}
LEVELS = [(1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2]


@dataclass(frozen=True)
class Result:
    """Coverage and mean width of a method by task, the width in standard deviations of the labels, and its time.

    ``error`` is the standard error of a coverage that is exact: of so many labels to learn from and to test.
    """

    set: str
    seed: int
    method: str
    coverage: list[float]
    width: list[float]
    error: list[float]
    seconds: float


@dataclass(frozen=True)
class Split:
    """Training and test rows with labels of numeric tasks, NaN where there is none."""

    X: Floats
    Y: Floats
    X_test: Floats
    Y_test: Floats


def run(sets: tuple[str, ...], seeds: tuple[int, ...], data: Path, cache: Path) -> Iterator[Result]:
    """Measure what the cache does not hold, and yield each result as it comes."""
    done = {(r.set, r.seed) for r in read(cache)}
    cache.parent.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for name in sets:
            if (name, seed) in done:
                continue
            split = _split(data, name, seed)
            results = [_result(name, seed, split, *found) for found in (*_skmtl(split, seed), *_mapie(split, seed))]
            with cache.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(result)) + "\n" for result in results)
            yield from results


def read(cache: Path) -> list[Result]:
    """Results of earlier runs."""
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    return [Result(**json.loads(line)) for line in lines]


def _split(data: Path, name: str, seed: int) -> Split:
    loaded = load(data, name)
    X = loaded["X"]
    if isinstance(X, pd.DataFrame):
        X = pd.get_dummies(X, dtype=float)
        X = X.fillna(X.median())
    numeric = [k for k, kind in enumerate(loaded["kinds"]) if kind == "regression"][:TASKS]
    Y = np.asarray(loaded["Y"], dtype=object)[:, numeric].astype(float)
    Y = Y[:, np.isfinite(Y).mean(axis=0) > MIN_LABELLED]
    seen = np.flatnonzero(np.isfinite(Y).any(axis=1))
    rows = np.random.default_rng(seed).permutation(seen)
    n_train = min(ROWS, 2 * len(rows) // 3)
    train, test = rows[:n_train], rows[n_train : n_train + TEST_ROWS]
    X = np.asarray(X, dtype=float)
    return Split(X[train], Y[train], X[test], Y[test])


def _result(name: str, seed: int, split: Split, method: str, intervals: Floats, seconds: float) -> Result:
    truth, seen = split.Y_test, np.isfinite(split.Y_test)
    inside = np.where(seen, (intervals[..., 0] <= truth) & (truth <= intervals[..., 1]), np.nan)
    coverage = np.nanmean(inside, axis=0)
    width = np.ptp(intervals, axis=2).mean(axis=0) / np.nanstd(split.Y, axis=0)
    shares = 1 / np.isfinite(split.Y).sum(axis=0) + 1 / seen.sum(axis=0)
    error = np.sqrt(COVERAGE * (1 - COVERAGE) * shares)
    return Result(name, seed, method, coverage.tolist(), width.tolist(), error.tolist(), seconds)


def _skmtl(split: Split, seed: int) -> Iterator[tuple[str, Floats, float]]:
    losses = {"predict_interval": "squared_error", "of Quantile": Quantile(LEVELS)}
    for label, loss in losses.items():
        start = process_time()
        net = MultiTaskNetRegressor(loss=loss, random_state=seed, **NET).fit(split.X, split.Y)
        fitted = process_time() - start
        for method in ("cv", "cv+"):
            start = process_time()
            intervals = net.predict_interval(split.X_test, COVERAGE, method=method)
            yield f"{label}, {method}", intervals, fitted + process_time() - start


def _mapie(split: Split, seed: int) -> Iterator[tuple[str, Floats, float]]:
    """Each task by itself; the methods of cross-conformal regression share its fits."""
    net = MultiTaskNetRegressor(random_state=seed, **NET)
    intervals: dict[str, list[Floats]] = {}
    seconds: dict[str, float] = {}
    for labels in split.Y.T:
        seen = np.isfinite(labels)
        X, y = split.X[seen], labels[seen]
        start = process_time()
        crossed = CrossConformalRegressor(clone(net), COVERAGE, cv=FOLDS, random_state=seed).fit_conformalize(X, y)
        fitted = process_time() - start
        for method in ("base", "plus"):
            own = copy.copy(crossed)
            own._mapie_regressor = copy.copy(crossed._mapie_regressor)
            own._mapie_regressor.method = method
            _add(f"MAPIE, {method}", own, split, fitted, intervals, seconds)
        start = process_time()
        train, rest = np.arange(len(y)) % FOLDS > 0, np.arange(len(y)) % FOLDS == 0
        nets = [clone(net).set_params(loss=Quantile(q)).fit(X[train], y[train]) for q in (LEVELS[0], LEVELS[2], 0.5)]
        quantiles = ConformalizedQuantileRegressor(nets, COVERAGE, prefit=True).conformalize(X[rest], y[rest])
        _add("MAPIE, quantiles", quantiles, split, process_time() - start, intervals, seconds)
    for method, of_tasks in intervals.items():
        yield method, np.stack(of_tasks, axis=1), seconds[method]


def _add(
    method: str,
    model: Any,
    split: Split,
    fitted: float,
    intervals: dict[str, list[Floats]],
    seconds: dict[str, float],
) -> None:
    start = process_time()
    intervals.setdefault(method, []).append(model.predict_interval(split.X_test)[1][:, :, 0])
    seconds[method] = seconds.get(method, 0.0) + fitted + process_time() - start
