"""The tables, as Markdown that also reads well on a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.protocols import Floats, n_folds
from benchmarks.accuracy.results import Cell, Results, collect
from benchmarks.accuracy.runner import SUBJECT, Key, Record

HEAD = """# Accuracy without tuning

No model is tuned; all see the same folds and run on one core. A score is the mean over tasks of the mean over the
folds. Numeric sets: aRRMSE, the root of the squared error relative to that of the training mean (lower is better).
Other sets: ROC-AUC of binary tasks, accuracy of multiclass tasks, R2 of numeric tasks (higher is better). The best of a
row is bold; `*`: some folds are missing, not ranked; `-`: no result. Seconds are of processor time, means per fold.
"""


Given = dict[str, dict[str, float]]  # set -> model -> score


def render(records: dict[Key, Record], metas: dict[str, dict[str, Any]], labels: list[str], given: Given) -> str:
    """The whole report of the sets and models asked for, beside the scores that come with the data."""
    parts = [HEAD]
    for results in collect(records, metas, labels):
        parts += [*_lot(results), _given_table(results, given)]
    parts.append(_problems(records, metas, labels))
    return "\n".join(part for part in parts if part)


def _lot(results: Results) -> list[str]:
    numeric = results.lower_is_better
    parts = [
        f"## {'Regression' if numeric else 'Classification and mixed'} sets\n",
        _score_table(results),
        _summary(results),
        "Fit seconds\n",
        _plain_table(results, lambda cell: cell.fit_seconds, "{:.2f}"),
        "Predict seconds\n",
        _plain_table(results, lambda cell: cell.predict_seconds, "{:.3f}"),
    ]
    if not numeric:
        for title, metric in (("Log loss", "log_loss"), ("Expected calibration error", "ece")):
            parts += [f"{title}, mean over the tasks of classes\n", _plain_table(results, _mean_of(metric), "{:.4f}")]
        parts.append(_task_table(results))
    return parts


def _mean_of(metric: str) -> Callable[[Cell], float]:
    return lambda cell: cell.mean(metric)


def _score_table(results: Results) -> str:
    losses = results.losses()
    rows = []
    for name, row in zip(results.sets, losses, strict=True):
        best = np.nanmin(row) if not np.isnan(row).all() else np.nan
        cells = [results.cells.get((name, label)) for label in results.labels]
        rows.append([name, *(_score(cell, loss == best) for cell, loss in zip(cells, row, strict=True))])
    return markdown_table(["set", *results.labels], rows)


def _score(cell: Cell | None, best: bool) -> str:
    if cell is None:
        return "-"
    text = f"{cell.score:.4f}" + ("" if cell.complete else "*")
    return f"**{text}**" if best else text


def _summary(results: Results) -> str:
    against, wins = results.against_best_peer(), results.wins()
    how = "mean ratio to best other peer" if results.lower_is_better else "mean difference from best other peer"
    worst = np.fmax.reduce(against) if results.lower_is_better else np.fmin.reduce(against)
    rows = [
        ["sets", *(f"{count:.0f}" for count in (~np.isnan(wins)).sum(axis=0))],
        ["mean rank", *_formatted(_mean(results.ranks()), "{:.2f}")],
        ["better than all other peers", *(f"{count:.0f}" for count in np.nansum(wins, axis=0))],
        [how, *_formatted(_mean(against), "{:.3f}")],
        ["the worst of these", *_formatted(worst, "{:.3f}")],
    ]
    return markdown_table(["summary", *results.labels], rows)


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _plain_table(results: Results, value: Callable[[Cell], float], form: str) -> str:
    rows = []
    for name in results.sets:
        cells = [results.cells.get((name, label)) for label in results.labels]
        rows.append([name, *_formatted([np.nan if cell is None else value(cell) for cell in cells], form)])
    return markdown_table(["set", *results.labels], rows)


def _task_table(results: Results) -> str:
    """Each task of the mixed sets by its own score."""
    rows = []
    for name in results.sets:
        cells = {label: results.cells[name, label] for label in results.labels if (name, label) in results.cells}
        main = next(iter(cells.values())).main if cells else {}
        for task, metric in main.items() if len(set(main.values())) > 1 else ():
            values = [
                cells[label].by_task[task].get(metric, np.nan) if label in cells else np.nan for label in results.labels
            ]
            rows.append([f"{name}: {task} ({metric})", *_formatted(values, "{:.4f}")])
    return "Tasks of the mixed sets\n\n" + markdown_table(["task", *results.labels], rows) if rows else ""


def _given_table(results: Results, given: Given) -> str:
    """The best of the models that come with the data beside those that are no peers."""
    best = min if results.lower_is_better else max
    ours = [label for label in results.labels if label not in PEERS]
    rows = []
    for name in results.sets:
        if given.get(name):
            model = best(given[name], key=given[name].__getitem__)
            cells = [results.cells.get((name, label)) for label in ours]
            rows.append([name, model, f"{given[name][model]:.4f}", *(_score(cell, False) for cell in cells)])
    title = "Best of the models that come with the data, on the same folds\n\n"
    return title + markdown_table(["set", "model", "score", *ours], rows) if rows else ""


def _problems(records: dict[Key, Record], metas: dict[str, dict[str, Any]], labels: list[str]) -> str:
    """Jobs that failed, and the warnings of the models that are not peers."""
    wanted = [(name, fold, label) for name, meta in metas.items() for fold in range(n_folds(meta)) for label in labels]
    lines = []
    for name, fold, label in wanted:
        record = records.get((name, fold, label))
        if record is not None and record["error"]:
            lines.append(f"- {label} on {name}, fold {fold}: {record['error']}")
        elif record is not None and record["model"] == SUBJECT:
            lines += [f"- {label} on {name}, fold {fold}: {warning}" for warning in record["warnings"]]
    return "## Failures and warnings\n\n" + "\n".join(lines) + "\n" if lines else ""


def _formatted(values: Iterable[float], form: str) -> list[str]:
    return ["-" if np.isnan(value) else form.format(value) for value in values]


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A table with its columns aligned."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    cells = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"
