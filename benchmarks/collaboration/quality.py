"""Errors of methods of collaboration beside independent networks of equal number: missing labels and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Floats = NDArray[np.float64]
SETS = ("sarcos_test", "scm20d", "tox21", "yeast", "wine", "adult")
FLIPPED_SETS = ("yeast", "wine", "adult")
HIDDEN = (0.6, 0.8, 0.95)  # fraction of the labels taken away at random
FLIPPED = (0.2, 0.4)  # fraction of the labels given as another one
ROWS = 1000  # training rows at most, and as many test rows
NETWORKS = 16
NET: dict[str, Any] = {"hidden_layer_sizes": (64, 64), "max_iter": 40, "cv": 4, "local_correction": False}


@dataclass(frozen=True)
class Result:
    """Errors of a fit by task, lower is better: relative root squared error, 1 - ROC-AUC, or rate of wrong classes.

    ``single`` is the mean over the networks of the error that one of them has alone; ``ranking`` the ROC-AUC with which
    ``label_quality_`` ranks flipped labels behind others.
    """

    set: str
    seed: int
    case: str
    method: str
    errors: list[float]
    single: list[float]
    seconds: float
    ranking: float | None = None


def for_missing() -> dict[str, dict[str, Any]]:
    """Parameters by name, where labels are hidden."""
    from skmtl.collaboration import MeanTeacher, MutualLearning, PseudoLabeling

    return {
        "independent": {"n_peers": 2},
        "mutual": {"collaboration": MutualLearning()},
        "mutual, unlabeled": {"collaboration": MutualLearning(unlabeled_strength=1.0)},
        "mean_teacher": {"collaboration": MeanTeacher(0.99)},
        "pseudo_labels": {"collaboration": PseudoLabeling()},
    }


def for_flipped() -> dict[str, dict[str, Any]]:
    """Parameters by name, where labels are wrong."""
    from skmtl.collaboration import CoTeaching, MutualLearning

    return {
        "independent": {"n_peers": 2},
        "mutual": {"collaboration": MutualLearning()},
        "co_teaching .2": {"collaboration": CoTeaching(0.2)},
        "co_teaching .4": {"collaboration": CoTeaching(0.4)},
    }


def run(sets: tuple[str, ...], seeds: tuple[int, ...], data: Path, cache: Path) -> Iterator[Result]:
    """Fit what the cache does not hold, and yield each result as it comes."""
    done = {(r.set, r.seed, r.case, r.method) for r in read(cache)}
    cache.parent.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for name in sets:
            cases = [("hidden", share, for_missing()) for share in HIDDEN]
            cases += [("flipped", share, for_flipped()) for share in FLIPPED if name in FLIPPED_SETS]
            for kind, share, methods in cases:
                for method, params in methods.items():
                    if (name, seed, f"{kind} {share:g}", method) in done:
                        continue
                    result = _measure(name, seed, kind, share, method, params, data)
                    with cache.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(result)) + "\n")
                    yield result


def read(cache: Path) -> list[Result]:
    """Results of earlier runs."""
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    return [Result(**json.loads(line)) for line in lines]


def _measure(name: str, seed: int, kind: str, share: float, method: str, params: dict[str, Any], data: Path) -> Result:
    from benchmarks.accuracy import protocols
    from skmtl import MultiTaskNet

    table = protocols.load(data / name)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(table.Y.notna().any(axis=1).to_numpy()))
    X, Y = table.X, table.Y.to_numpy(float)
    take = (lambda index: X.iloc[index]) if hasattr(X, "iloc") else (lambda index: X[index])
    train, test = rows[:ROWS], rows[ROWS : 2 * ROWS]
    truth = Y[train]
    labels = _hide(truth, share, rng) if kind == "hidden" else _flip(truth, share, rng)
    kinds = ["squared_error" if one == "regression" else one for one in table.kinds]
    peers = params["collaboration"].peers if "collaboration" in params else params["n_peers"]
    net = MultiTaskNet(tasks=kinds, n_estimators=NETWORKS // peers, random_state=seed, **NET, **params)
    start = process_time()
    model = net.fit(take(train), labels)
    seconds = process_time() - start
    responses = model._responses(take(test))
    single = np.mean([_errors(kinds, own, Y[test]) for own in _of_members(model, take(test))], axis=0)
    ranking = None
    if kind == "flipped" and hasattr(model, "label_quality_"):
        seen = ~np.isnan(truth)
        ranking = float(roc_auc_score((labels == truth)[seen], model.label_quality_[seen]))
    errors = _errors(kinds, responses, Y[test])
    return Result(name, seed, f"{kind} {share:g}", method, errors, single.tolist(), seconds, ranking)


def _hide(Y: Floats, share: float, rng: np.random.Generator) -> Floats:
    hidden = np.where(rng.random(Y.shape) < share, np.nan, Y)
    for task, column in enumerate(Y.T):  # two labels of each class at least, so that every set has its tasks
        values = np.unique(column[~np.isnan(column)])
        for value in values if len(values) < 20 else values[:0]:
            kept = np.flatnonzero(column == value)[:2]
            hidden[kept, task] = column[kept]
    return hidden


def _flip(Y: Floats, share: float, rng: np.random.Generator) -> Floats:
    flipped = Y.copy()
    for task, column in enumerate(Y.T):
        classes = np.unique(column[~np.isnan(column)])
        wrong = ~np.isnan(column) & (rng.random(len(column)) < share)
        index = np.searchsorted(classes, column[wrong])
        flipped[wrong, task] = classes[(index + rng.integers(1, len(classes), wrong.sum())) % len(classes)]
    return flipped


def _of_members(model: Any, X: Any) -> Iterator[list[Floats]]:
    """Responses of each network, one array a task."""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(model.encoder_.transform(X, model.network_.architecture.dtype)))
    with torch.inference_mode():
        outputs = model.network_(x[None]).numpy()
    for member in range(len(outputs)):
        yield model._layout.by_task(model._layout.mean_responses(outputs[[member]]))


def _errors(kinds: list[str], responses: list[Floats], Y: Floats) -> list[float]:
    errors = []
    for kind, response, column in zip(kinds, responses, Y.T, strict=True):
        seen = ~np.isnan(column)
        truth, said = column[seen], response[seen]
        if kind == "squared_error":
            errors.append(float(np.sqrt(((truth - said[:, 0]) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())))
        elif kind == "binary":
            errors.append(1 - float(roc_auc_score(truth, said[:, -1])) if len(np.unique(truth)) == 2 else np.nan)
        else:
            errors.append(float((said.argmax(axis=1) != truth).mean()))
    return errors
