"""Coverage over draws of exchangeable rows, half of whose labels are missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmtl import MultiTaskNet
from skmtl.tasks import Quantile

COVERAGE = 0.9
SIZES, NEW = (40, 100, 400), 500
TASKS: dict[str, Any] = {
    "even noise": "regression",
    "uneven noise": "regression",
    "quantiles, uneven noise": Quantile([0.05, 0.5, 0.95]),
    "binary": "binary",
    "multiclass": "multiclass",
}
NET: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_iter": 30}


def table(n_draws: int) -> str:
    """A Markdown table: mean coverage and its standard error by task, number of rows and method."""
    text = f"| rows | method | {' | '.join(TASKS)} |\n|{'---|' * (len(TASKS) + 2)}\n"
    for n_rows in SIZES:
        shares = np.asarray([_shares(seed, n_rows) for seed in range(n_draws)])  # (draw, method, task)
        mean, error = shares.mean(axis=0), shares.std(axis=0) / np.sqrt(n_draws)
        for k, method in enumerate(("cv", "cv+")):
            cells = [f"{m:.3f} ± {e:.3f}" for m, e in zip(mean[k], error[k], strict=True)]
            text += f"| {n_rows} | {method} | {' | '.join(cells)} |\n"
    return text


def _shares(seed: int, n_rows: int) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    size = n_rows + NEW
    X, noise = rng.normal(size=(size, 3)), rng.normal(size=(size, 2))
    signal = np.sin(2 * X[:, 0]) + X[:, 1]
    Y = np.empty((size, len(TASKS)), dtype=object)
    Y[:, 0] = signal + 0.5 * noise[:, 0]
    Y[:, 1] = Y[:, 2] = signal + 0.5 * np.exp(X[:, 2]) * noise[:, 1]
    Y[:, 3] = np.where(2 * signal + rng.logistic(size=size) > 0, "yes", "no")
    Y[:, 4] = np.argmax(2 * np.column_stack([signal, -signal, X[:, 2]]) + rng.gumbel(size=(size, 3)), axis=1)
    seen = np.where(rng.random((n_rows, len(TASKS))) < 0.5, None, Y[:n_rows])
    net = MultiTaskNet(tasks=list(TASKS.values()), random_state=seed, **NET).fit(X[:n_rows], seen)
    new, truth = X[n_rows:], Y[n_rows:]
    shares = []
    for method in ("cv", "cv+"):
        intervals, numbers = net.predict_interval(new, COVERAGE, method=method)[:, :3], truth[:, :3].astype(float)
        inside = (intervals[..., 0] <= numbers) & (numbers <= intervals[..., 1])
        sets = net.predict_set(new, COVERAGE, method=method)
        in_set = [((truth[:, [k]] == net.classes_[k]) & sets[k]).any(axis=1).mean() for k in (3, 4)]
        shares.append(np.concatenate([inside.mean(axis=0), in_set]))
    return shares
