"""What each method buys: error per task beside the single-task reference and beside tuned static weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Floats = NDArray[np.float64]
SETS = ("scm20d", "sarcos_test", "yeast", "tox21", "scales")
TRAIN_ROWS, TEST_ROWS = 1500, 1500  # drawn from the set, so that all methods finish; all rows would favour nobody
SEEDS = (0, 1, 2)  # a draw of all sets takes some seven minutes on one core
NET: dict[str, Any] = {"hidden_layer_sizes": (64, 64), "n_estimators": 2, "max_iter": 30}
SINGLE, TUNED, LONGER = "single-task reference", "static, tuned weights", "static, tuned in 10 x the time"
MOST_CANDIDATES = 64


@dataclass(frozen=True)
class Problem:
    """Rows and labels of one draw."""

    X: Floats
    Y: Floats  # NaN = no label
    kinds: list[str]
    scored: list[int]  # tasks that count
    train: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Result:
    """Errors of one fit, lower is better: root relative squared error, or 1 - ROC-AUC of a binary task.

    ``seconds`` are those of the processor, on one thread.
    """

    set: str
    seed: int
    method: str
    errors: list[float]
    seconds: float
    note: str = ""


def methods() -> dict[str, Any]:
    """Every method, gradient-based ones in both forms, at their defaults."""
    from skmtl.balancing import BALANCERS, GradientBalancer

    named: dict[str, Any] = {}
    for name, cls in BALANCERS.items():
        if issubclass(cls, GradientBalancer):
            named |= {f"{name}, {form}": cls(gradient=form) for form in ("parameters", "representation")}
        else:
            named[name] = cls()
    return named


def load(name: str, seed: int, data: Path) -> Problem:
    """Draw training and test rows."""
    rng = np.random.default_rng(seed)
    if name == "scales":
        return _scales(rng)
    from benchmarks.accuracy import protocols

    table = protocols.load(data / name)
    labelled = np.flatnonzero(table.Y.notna().any(axis=1).to_numpy())
    rows = rng.permutation(labelled)
    train, test = rows[:TRAIN_ROWS], rows[TRAIN_ROWS : TRAIN_ROWS + TEST_ROWS]
    kinds = ["squared_error" if kind == "regression" else kind for kind in table.kinds]
    return Problem(np.asarray(table.X), table.Y.to_numpy(float), kinds, list(range(len(kinds))), train, test)


def _scales(rng: np.random.Generator) -> Problem:
    """Two counts with large means, two binary tasks and a column of noise.

    The counts' losses are about a thousandth of the binary ones, since deviances are divided by the mean count. The
    noise has nothing to learn: it is trained on and not scored.
    """
    n, d = TRAIN_ROWS + TEST_ROWS, 20
    X = rng.normal(size=(n, d))
    hidden = np.tanh(X @ rng.normal(size=(d, 6)) / d**0.5 * 2)
    signal = hidden @ rng.normal(size=(6, 4))
    signal /= signal.std(axis=0)
    counts = rng.poisson(2000 * np.exp(0.03 * signal[:, :2]))
    classes = rng.random((n, 2)) < 1 / (1 + np.exp(-2 * signal[:, 2:]))
    Y = np.column_stack([counts, classes, rng.normal(size=n)]).astype(float)
    kinds = ["poisson", "poisson", "binary", "binary", "squared_error"]
    rows = np.arange(n)
    return Problem(X, Y, kinds, [0, 1, 2, 3], rows[:TRAIN_ROWS], rows[TRAIN_ROWS:])


def _fit(problem: Problem, rows: NDArray[np.int64], seed: int, **params: Any) -> tuple[Any, float]:
    from skmtl import MultiTaskNet

    model = MultiTaskNet(tasks=problem.kinds, random_state=seed, **NET, **params)
    start = process_time()
    model.fit(problem.X[rows], problem.Y[rows])
    return model, process_time() - start


def _errors(problem: Problem, model: Any, X: Floats, Y: Floats) -> list[float]:
    predicted, probabilities = model.predict(X), None
    if "binary" in problem.kinds:
        probabilities = model.predict_proba(X)
    errors = []
    for task in problem.scored:
        truth = Y[:, task]
        seen = ~np.isnan(truth)
        truth = truth[seen]
        if problem.kinds[task] == "binary":
            assert probabilities is not None
            of_task = probabilities[task][seen, -1]
            errors.append(1 - float(roc_auc_score(truth, of_task)) if len(np.unique(truth)) == 2 else float("nan"))
        else:
            residual = truth - predicted[seen, task].astype(float)
            errors.append(float(np.sqrt((residual**2).sum() / ((truth - truth.mean()) ** 2).sum())))
    return errors


def _tuned(problem: Problem, seed: int, budget: float, last_fit: float) -> tuple[Any, float, str]:
    """Random loss weights, log-uniform over three decades, chosen on a fifth of the rows; equal ones are among them.

    Two candidates tell what one costs; a stacked search takes as many more as the rest of ``budget`` allows, less
    ``last_fit`` for the fit to all rows, all in seconds.
    """
    rng = np.random.default_rng(seed)
    n_tasks, start = len(problem.kinds), process_time()

    def draw(count: int) -> list[list[float]]:
        return (10 ** rng.uniform(-1.5, 1.5, (count, n_tasks))).tolist()

    candidates = [[1.0] * n_tasks, *draw(1)]
    scores = _search(problem, seed, candidates)
    left = budget - last_fit - (process_time() - start)
    more = draw(min(int(left / (process_time() - start) * len(candidates)), MOST_CANDIDATES) if left > 0 else 0)
    if more:
        candidates, scores = candidates + more, scores + _search(problem, seed, more)
    model, _ = _fit(problem, problem.train, seed, loss_weights=candidates[int(np.argmax(scores))])
    spent = process_time() - start
    return model, spent, f"{len(candidates)} candidates"


def _search(problem: Problem, seed: int, candidates: list[list[float]]) -> list[float]:
    from skmtl import MultiTaskNet
    from skmtl.model_selection import MultiTaskSearchCV

    cut, rows = len(problem.train) * 4 // 5, problem.train
    search = MultiTaskSearchCV(
        MultiTaskNet(tasks=problem.kinds, random_state=seed, **NET),
        {"loss_weights": candidates},
        cv=[(np.arange(cut), np.arange(cut, len(rows)))],
        refit=False,
        scoring=partial(_score, problem),
        error_score="raise",
    )
    scores: list[float] = search.fit(problem.X[rows], problem.Y[rows]).cv_results_["mean_test_score"].tolist()
    return scores


def _score(problem: Problem, model: Any, X: Floats, Y: Floats) -> float:
    return -float(np.nanmean(_errors(problem, model, X, Y)))


def run(sets: tuple[str, ...], data: Path | None, cache: Path) -> Iterator[Result]:
    """Fit what the cache lacks; results as they come."""
    found = [(seed, name) for seed in SEEDS for name in sets if name == "scales" or data is not None]
    for seed, name in found:  # a first draw of every set, then the others
        problem = load(name, seed, data or Path())
        done = {r.method: r for r in read(cache) if (r.set, r.seed) == (name, seed)}
        settings: dict[str, dict[str, Any]] = {SINGLE: {"sharing": "independent"}}
        settings |= {method: {"balancing": balancer} for method, balancer in methods().items()}
        for method, params in settings.items():
            if method not in done:
                model, seconds = _fit(problem, problem.train, seed, **params)
                done[method] = _keep(Result(name, seed, method, _tested(problem, model), seconds), cache)
                yield done[method]
        budget = float(np.median([r.seconds for method, r in done.items() if method.endswith("parameters")]))
        for method, factor in ((TUNED, 1), (LONGER, 10)):
            if method not in done and (method != LONGER or seed == SEEDS[0]):
                model, seconds, note = _tuned(problem, seed, factor * budget, done["static"].seconds)
                yield _keep(Result(name, seed, method, _tested(problem, model), seconds, note), cache)


def _tested(problem: Problem, model: Any) -> list[float]:
    return _errors(problem, model, problem.X[problem.test], problem.Y[problem.test])


def _keep(result: Result, cache: Path) -> Result:
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")
    return result


def read(cache: Path) -> list[Result]:
    """Results so far."""
    if not cache.exists():
        return []
    return [Result(**json.loads(line)) for line in cache.read_text(encoding="utf-8").splitlines()]
