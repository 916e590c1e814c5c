"""``python -m benchmarks.encoders --data PATH``: fit every model, print the table and write it to RESULTS.md."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from sklearn.base import BaseEstimator

from benchmarks.encoders.models import MODELS
from benchmarks.encoders.sets import SETS, Split

RESULTS = Path(__file__).parent / "RESULTS.md"

INTRODUCTION = """# Images and text

One network for both tasks of a set, beside usual models of each task alone. Accuracy on the rows held out: `trec`, the
coarse and the fine type of a question from its raw text, fold 0 of 5; `multimnist`, the upper left and the lower right
of two digits that overlap, 12,000 training pairs and 3,000 of other digits. Nothing is tuned on these rows; parameters
are the defaults but for those in the name. Seconds of the fit, of the clock and of the processors."""


@dataclass(frozen=True)
class Result:
    """A fitted model's scores by task and the seconds that its fit took."""

    set: str
    model: str
    scores: dict[str, float]
    seconds: float
    cpu_seconds: float


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoders", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets (default: SKMTL_DATA)")
    add("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=f"of {', '.join(SETS)}")
    add("--models", nargs="+", default=[], metavar="MODEL", help="only these (default: all that suit a set)")
    add("--threads", type=int, default=torch.get_num_threads(), help="threads of torch (default: torch's own)")
    add("--cache", type=Path, default=Path(".benchmarks/encoders.jsonl"), help="results so far, one JSON line a fit")
    add("--fresh", action="store_true", help="fit again what the cache has")
    add("--out", type=Path, default=RESULTS, help="the Markdown file written")
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data sets are missing: give --data PATH or set SKMTL_DATA")
    return options


def fit(name: str, label: str, model: BaseEstimator, split: Split) -> Result:
    """Fit a model and score it."""
    wall, cpu = perf_counter(), process_time()
    model.fit(split.X_train, split.y_train)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    right = np.mean(np.asarray(model.predict(split.X_test)) == split.y_test, axis=0)
    return Result(name, label, dict(zip(split.tasks, right.tolist(), strict=True)), wall, cpu)


def read_cache(path: Path) -> dict[tuple[str, str], Result]:
    """Results so far, by set and model; the last of each counts."""
    lines = path.read_text().splitlines() if path.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    return {(result.set, result.model): result for result in results}


def render(results: list[Result]) -> str:
    """The tables in Markdown, one a set."""
    parts = [INTRODUCTION]
    for name in dict.fromkeys(result.set for result in results):
        rows = [result for result in results if result.set == name]
        tasks = list(rows[0].scores)
        parts.append("\n".join([
            f"## {name}\n",
            f"| model | {' | '.join(tasks)} | seconds | processor seconds |",
            f"| --- | {' | '.join('---' for _ in tasks)} | --- | --- |",
            *(
                f"| {r.model} | {' | '.join(f'{r.scores[task]:.4f}' for task in tasks)} | {r.seconds:.0f} | "
                f"{r.cpu_seconds:.0f} |"
                for r in rows
            ),
        ]))  # fmt: skip
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Run, report."""
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    options.cache.parent.mkdir(parents=True, exist_ok=True)
    known = {} if options.fresh else read_cache(options.cache)
    results = []
    for name in options.sets:
        split = SETS[name](options.data / name)
        for label, make in MODELS[name].items():
            if (name, label) not in known:
                if options.models and label not in options.models:
                    continue
                known[name, label] = fit(name, label, make(), split)
                with options.cache.open("a") as cache:
                    cache.write(json.dumps(vars(known[name, label])) + "\n")
            results.append(known[name, label])
    text = render(results)
    print(text)
    options.out.write_text(text)


if __name__ == "__main__":
    main()
