"""Measure and print: ``python -m benchmarks.intervals [--sets SET ...] [--seeds N]``; writes RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.intervals import draws, measure

RESULTS = Path(__file__).parent / "RESULTS.md"
OURS = "predict_interval, cv"


def _settings(params: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items())


HEAD = f"""# Intervals: results

Written by `python -m benchmarks.intervals`.

## Coverage over draws

Draws of rows with five tasks, half of whose labels are missing; {_settings(draws.NET)}, all else at its
default. Mean coverage of {draws.NEW} new rows and its standard error, for a coverage of {draws.COVERAGE}.

"""
SETS = f"""
## Data sets

At most {measure.ROWS} training and {measure.TEST_ROWS} test rows of each set and {measure.TASKS} numeric tasks;
{_settings(measure.NET)},
all else at its default. `predict_interval` of one net for all tasks, by the squared error and by `Quantile`, beside
MAPIE around a net of the same settings for each task: `CrossConformalRegressor` with {measure.FOLDS} folds, and
`ConformalizedQuantileRegressor` around three nets, for which a fifth of the rows is set apart.

Coverage of {measure.COVERAGE}: mean over tasks and draws, and in brackets the mean width in standard deviations of the
labels.
"""
BESIDE = f"""
## {OURS}, beside MAPIE's best

Best is the narrowest of MAPIE's methods whose coverage is not more than two standard errors below {measure.COVERAGE}.
These are those of an exact coverage of a single task. Seconds are those of the processor.

| set | standard error | coverage off, in standard errors | MAPIE's best | width / its width | time / its time |
"""


def main() -> None:
    """Run what is asked for; a second run goes on where the first ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intervals", description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", default=list(measure.SETS), help="sets; all by default")
    parser.add_argument("--seeds", type=int, default=1, help="number of draws of rows")
    parser.add_argument("--draws", type=int, default=60, help="number of draws of artificial rows")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks/intervals.jsonl"), help="results so far")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("the data sets are missing: give --data PATH or set SKMTL_DATA")
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for r in measure.run(tuple(arguments.sets), tuple(range(arguments.seeds)), arguments.data, arguments.cache):
        sys.stderr.write(f"{r.set} {r.method}: {np.mean(r.coverage):.3f} {np.mean(r.width):.3f} {r.seconds:.1f} s\n")
    results = [r for r in measure.read(arguments.cache) if r.set in arguments.sets]
    text = HEAD + draws.table(arguments.draws) + SETS + tables(results)
    sys.stdout.write(text)
    RESULTS.write_text(text, encoding="utf-8")


def tables(results: Sequence[measure.Result]) -> str:
    """A Markdown table by set and method, and one of the comparison with MAPIE's best method."""
    methods, sets = dict.fromkeys(r.method for r in results), dict.fromkeys(r.set for r in results)
    found = {(name, m): [r for r in results if (r.set, r.method) == (name, m)] for name in sets for m in methods}
    text = f"\n| set | {' | '.join(methods)} |\n|{'---|' * (len(methods) + 1)}\n"
    for name in sets:
        cells = [f"{_mean(found[name, m], 'coverage'):.3f} ({_mean(found[name, m], 'width'):.3f})" for m in methods]
        text += f"| {name} | {' | '.join(cells)} |\n"
    text += BESIDE + f"|{'---|' * 6}\n"
    ratios = []
    for name in sets:
        error = _mean(found[name, OURS], "error") / np.sqrt(len(found[name, OURS]))
        valid = [m for m in methods if m.startswith("MAPIE") and _off(found[name, m], error) >= -2]
        best = min(valid, key=lambda m: _mean(found[name, m], "width"))
        width, time = (_mean(found[name, OURS], part) / _mean(found[name, best], part) for part in ("width", "seconds"))
        ratios.append((width, time))
        off = _off(found[name, OURS], error)
        text += f"| {name} | {error:.4f} | {off:+.1f} | {best[7:]} | {width:.3f} | {time:.3f} |\n"
    width, time = np.exp(np.mean(np.log(ratios), axis=0))
    return text + f"\nGeometric means: width {width:.3f}, time {time:.3f}.\n"


def _off(results: Sequence[measure.Result], error: float) -> float:
    return float((_mean(results, "coverage") - measure.COVERAGE) / error)


def _mean(results: Sequence[measure.Result], part: str) -> float:
    return float(np.mean([np.mean(getattr(r, part)) for r in results]))


if __name__ == "__main__":
    main()
