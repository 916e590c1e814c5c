"""Output layers of 139 schools drawn together, with a strength that is chosen within the training folds."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV

from benchmarks._data import load
from skmtl import MultiTaskNetRegressor
from skmtl.encoders import TabularEncoder
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV
from skmtl.sharing import Hard

STRENGTHS = (0.0, 0.3, 1.0, 3.0, 10.0)
WIDTHS = (8, 32)
HEAD = f"""## Output layers drawn together

School: explained variance of the labels of all tasks together, on each of five folds, learned from the other four.
Nets: one hidden layer, inputs as they are, 8 members, at most 20 epochs, `effort="fixed"`, without `kernel_blend` and
`local_correction`. Chosen: of `sharing=Hard(output_strength)` with {", ".join(f"{s:g}" for s in STRENGTHS)} the one
that explains most by `MultiTaskSearchCV` with 3 shuffled folds of the training rows; test rows only score. Ridge: all
schools share their slopes and have an indicator each.

"""


def explained(predicted: np.ndarray, y: np.ndarray) -> float:
    """Explained variance of all labels together, ``(row, task)``, NaN where there is none."""
    there = ~np.isnan(y)
    return float(1 - np.mean((predicted[there] - y[there]) ** 2) / np.var(y[there]))


def score(net: Any, X: Any, y: Any) -> float:
    """:func:`explained` as a scorer."""
    return explained(net.predict(X), np.asarray(y, dtype=float))


def run(data: Path, folds: Sequence[int] = range(5)) -> str:
    """Measure the folds, and write a table."""
    school = load(data, "school")
    X, Y, fold = (np.asarray(school[key], dtype=float) for key in ("X", "Y", "fold"))
    found: dict[str, list[float]] = {}
    chosen: dict[int, list[str]] = {width: [] for width in WIDTHS}
    for test in folds:
        train, held_out = fold != test, fold == test
        rows = X[train], Y[train], X[held_out], Y[held_out]
        scores = {"ridge with school indicators": _ridge(*rows)}
        for width in WIDTHS:
            zero, drawn, strength = _nets(width, *rows)
            scores |= {f"width {width}, `output_strength=0`": zero, f"width {width}, chosen": drawn}
            chosen[width].append(f"{strength:g}")
        for name, value in scores.items():
            found.setdefault(name, []).append(value)
        sys.stderr.write(f"fold {test}: {scores}, {chosen}\n")
    lines = [f"| what | {' | '.join(f'fold {test}' for test in folds)} | mean |", "|---" * (len(folds) + 2) + "|"]
    lines += [
        f"| {name} | {' | '.join(f'{v:.4f}' for v in values)} | {np.mean(values):.4f} |"
        for name, values in found.items()
    ]
    told = "; ".join(f"width {width}: {', '.join(strengths)}" for width, strengths in chosen.items())
    return HEAD + "\n".join(lines) + f"\n\nChosen strengths, {told}.\n"


def _ridge(X: np.ndarray, Y: np.ndarray, X_test: np.ndarray, Y_test: np.ndarray) -> float:
    there, there_test = ~np.isnan(Y), ~np.isnan(Y_test)
    inputs, test_inputs = np.hstack([X, there]), np.hstack([X_test, there_test])
    ridge = RidgeCV(np.logspace(-2, 3, 12)).fit(inputs, Y[there])
    return explained(np.where(there_test, ridge.predict(test_inputs)[:, None], np.nan), Y_test)


def _nets(width: int, X: np.ndarray, Y: np.ndarray, X_test: np.ndarray, Y_test: np.ndarray) -> tuple[float, ...]:
    """Scores without strength and with the chosen one, and this."""
    net = MultiTaskNetRegressor(
        encoder=TabularEncoder(numeric="scaled"),
        hidden_layer_sizes=(width,),
        n_estimators=8,
        max_iter=20,
        random_state=0,
        n_jobs=1,
        effort="fixed",
        kernel_blend=False,
        local_correction=False,
    )
    grid = {"sharing": [Hard(output_strength=strength) for strength in STRENGTHS]}
    cv = MultiTaskKFold(3, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nets that could learn on after 20 epochs
        search = MultiTaskSearchCV(net, grid, scoring=score, cv=cv).fit(X, Y)
        plain = net.fit(X, Y)
    sys.stderr.write(f"width {width}: {np.round(search.cv_results_['mean_test_score'], 4).tolist()}\n")
    strength = search.best_params_["sharing"].output_strength
    return score(plain, X_test, Y_test), score(search.best_estimator_, X_test, Y_test), strength
