"""Tables as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from benchmarks.balancing.quality import LONGER, SINGLE, TUNED, Result

Row = Sequence[str]


def table(columns: Row, rows: Sequence[Row]) -> str:
    """Markdown in columns that also read well as plain text."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = [columns, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines)


def number(value: float | None, digits: int = 2) -> str:
    """Fixed digits; a dash for what there is not."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def cost_table(ratios: dict[tuple[str, str], float]) -> str:
    """Each method's ways side by side, relative to the static step, and ours by parameters over the fastest rival."""
    ways = ["losses", "representation", "parameters", "LibMTL", "LibMTL by representation", "torchjd"]
    names = list(dict.fromkeys(name for name, _ in ratios))
    rows = []
    for name in names:
        by_way = [ratios.get((name, way)) for way in ways]
        ours = ratios.get((name, "parameters"), ratios.get((name, "losses")))
        rivals = [r for r in (ratios.get((name, "LibMTL")), ratios.get((name, "torchjd"))) if r is not None]
        against = ours / min(rivals) if ours is not None and rivals else None
        rows.append([name, *map(number, by_way), number(against)])
    return table(["method", *ways, "ours / fastest rival"], rows)


def quality_table(results: Sequence[Result]) -> str:
    """delta_m of each set and the mean rank over all tasks; means over the draws."""
    errors: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for result in (r for r in results if r.method != LONGER):  # of the first draw only
        errors[result.set][result.method].append(result.errors)
    means = {s: {m: np.nanmean(draws, axis=0) for m, draws in by.items()} for s, by in errors.items()}
    whole = [s for s, by in means.items() if SINGLE in by and TUNED in by]
    methods = [m for m in dict.fromkeys(r.method for r in results) if all(m in means[s] for s in whole)]
    ranks = _mean_ranks([np.stack([means[s][m] for m in methods]) for s in whole])
    rows = []
    for method in sorted(methods, key=lambda m: ranks[methods.index(m)]):
        deltas = [delta_m(means[s][method], means[s][SINGLE]) for s in whole]
        rows.append(
            [
                method,
                number(ranks[methods.index(method)], 1),
                *(f"{d:+.1f}" for d in deltas),
                f"{np.mean(deltas):+.1f}",
            ]
        )
    return table(["method", "mean rank", *whole, "mean delta_m"], rows)


def longer(results: Sequence[Result]) -> str:
    """delta_m of the weights that were tuned longest, and of equal ones on the same draw."""
    by = {(r.set, r.seed, r.method): np.array(r.errors) for r in results}
    parts = []
    for name, seed, _ in (key for key in by if key[2] == LONGER):
        tuned, equal = (delta_m(by[name, seed, m], by[name, seed, SINGLE]) for m in (LONGER, "static"))
        parts.append(f"{name} {tuned:+.1f} ({equal:+.1f})")
    return ", ".join(parts)


def delta_m(errors: np.ndarray, reference: np.ndarray) -> float:
    """Mean over tasks of the relative improvement on the single-task reference, in percent; greater is better."""
    return float(100 * np.nanmean((reference - errors) / reference))


def _mean_ranks(by_set: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over all tasks of all sets of a method's rank, 1 for the lowest error: ``(method, task)`` each."""
    errors = np.concatenate(by_set, axis=1)
    ranks = (errors[:, None] > errors[None]).sum(1) + 0.5 * ((errors[:, None] == errors[None]).sum(1) + 1)
    mean: np.ndarray = ranks.mean(1)
    return mean
