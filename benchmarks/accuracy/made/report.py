"""Errors by family: of every model and of the oracle, and the regret against the best peer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.accuracy.made.families import FAMILIES, PREFIX, oracle_scores
from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.protocols import Floats
from benchmarks.accuracy.report import markdown_table
from benchmarks.accuracy.runner import Key, Record

Errors = dict[str, Floats]  # label -> (draw,), NaN where there is no result


def error(scores: Sequence[dict[str, float]]) -> float:
    """Mean over tasks of the relative RMSE or the share of wrong classes."""
    return float(np.mean([task["rrmse"] if "rrmse" in task else 1 - task["accuracy"] for task in scores]))


def family_errors(records: dict[Key, Record], name: str, seeds: Sequence[int], labels: Sequence[str]) -> Errors:
    """The errors of all models on the draws of a family."""
    found = {label: [records.get((PREFIX + name, seed, label)) for seed in seeds] for label in labels}
    return {
        label: np.array([np.nan if of is None or of["error"] else error(of["scores"]) for of in draws])
        for label, draws in found.items()
    }


def best_peer(errors: Errors) -> str | None:
    """The peer with the lowest mean error among those that have all draws."""
    means = {label: values.mean() for label, values in errors.items() if label in PEERS}
    complete = {label: mean for label, mean in means.items() if not np.isnan(mean)}
    return min(complete, key=lambda label: complete[label]) if complete else None


def render(records: dict[Key, Record], families: Sequence[str], seeds: Sequence[int], labels: Sequence[str]) -> str:
    """Tables of errors, regrets and seconds."""
    by_family = {name: family_errors(records, name, seeds, labels) for name in families}
    ours = [label for label in labels if label not in PEERS]
    parts = [f"Errors, means of {len(seeds)} draws\n", _error_table(by_family, seeds, labels)]
    for label in ours:
        parts += [f"Regret of {label}\n", _regret_table(by_family, label)]
    parts += ["Processor seconds of the fit\n", _seconds_table(records, families, seeds, labels)]
    failed = [
        f"- {label} on {name}, draw {seed}: {record['error']}"
        for name in families
        for seed in seeds
        for label in labels
        if (record := records.get((PREFIX + name, seed, label))) is not None and record["error"]
    ]
    return "\n".join([*parts, *failed])


def _error_table(by_family: dict[str, Errors], seeds: Sequence[int], labels: Sequence[str]) -> str:
    rows = []
    for name, errors in by_family.items():
        oracle = np.mean([error(oracle_scores(name, seed)) for seed in seeds])
        means = [errors[label].mean() for label in labels]
        rows.append([name, str(FAMILIES[name].n_train), *(_number(mean, ".4f") for mean in [*means, oracle])])
    return markdown_table(["family", "rows", *labels, "oracle"], rows)


def _regret_table(by_family: dict[str, Errors], label: str) -> str:
    """Regret with its standard error over the draws, whose differences are paired."""
    rows, regrets = [], []
    for name, errors in by_family.items():
        peer = best_peer(errors)
        if peer is None or np.isnan(errors[label].mean()):
            continue
        differences, base = errors[label] - errors[peer], errors[peer].mean()
        spread = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else np.nan
        regrets.append(100 * differences.mean() / max(base, 1e-9))
        points = _number(100 * differences.mean(), "+.2f") if _has_classes(name) else "-"
        deviation = _number(100 * spread / max(base, 1e-9), ".1f")
        rows.append([name, peer, f"{regrets[-1]:+.1f}", deviation, points])
    if regrets:
        positive = np.maximum(regrets, 0).mean()
        rows += [["mean", "", f"{np.mean(regrets):+.1f}", "", ""], ["mean of losses", "", f"{positive:+.1f}", "", ""]]
    return markdown_table(["family", "best peer", "regret %", "s. e.", "points"], rows)


def _has_classes(name: str) -> bool:
    return all("accuracy" in task for task in oracle_scores(name, 0))


def _seconds_table(
    records: dict[Key, Record], families: Sequence[str], seeds: Sequence[int], labels: Sequence[str]
) -> str:
    rows = []
    for name in families:
        found = [[records.get((PREFIX + name, seed, label), {}) for seed in seeds] for label in labels]
        means = [np.mean([record.get("fit_seconds", np.nan) for record in draws]) for draws in found]
        rows.append([name, *(_number(mean, ".2f") for mean in means)])
    return markdown_table(["family", *labels], rows)


def _number(value: float, form: str) -> str:
    return "-" if np.isnan(value) else format(value, form)
