"""``python -m benchmarks.collaboration.rivals --data PATH``: fit what the cache lacks, write RESULTS.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.collaboration.rivals.measure import Result, measure
from benchmarks.collaboration.rivals.models import names
from benchmarks.collaboration.rivals.report import render
from benchmarks.collaboration.rivals.sets import DAMAGES, SETS, draw, load

RESULTS = Path(__file__).parent / "RESULTS.md"


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collaboration.rivals", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets (default: SKMTL_DATA)")
    add("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=f"of {', '.join(SETS)}")
    add("--models", nargs="+", default=names(), metavar="MODEL", help=f"of {'; '.join(names())}")
    labels = [damage.label for damage in DAMAGES]
    add(
        "--damages",
        nargs="+",
        choices=labels,
        default=labels,
        metavar="DAMAGE",
        help=f"of {'; '.join(labels).replace('%', '%%')}",
    )
    add("--rows", type=int, default=400, help="training rows drawn from a set (default: 400, which takes minutes)")
    add("--max-iter", type=int, default=40, help="epochs of the networks at most (default: 40)")
    add("--seeds", type=int, default=1, help="draws of rows, damage and networks (default: 1)")
    add("--cache", type=Path, default=Path(".benchmarks/rivals.jsonl"), help="results, one JSON line a fit")
    add("--fresh", action="store_true", help="fit again what the cache has")
    add("--report-only", action="store_true", help="fit nothing, print the tables of what the cache has")
    add("--out", type=Path, default=RESULTS, help="the Markdown file written")
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data sets are missing: give --data PATH or set SKMTL_DATA")
    return options


def read_cache(path: Path) -> dict[tuple[object, ...], Result]:
    """Results so far; the last of each counts."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {result.key: result for result in (Result(**json.loads(line)) for line in lines)}


def main() -> None:
    """Run, report."""
    options = parse_arguments()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Task .* has labels of one class only")  # so many are hidden
    options.cache.parent.mkdir(parents=True, exist_ok=True)
    known = {} if options.fresh else read_cache(options.cache)
    results = []
    for name in options.sets:
        table = load(name, options.data)
        for seed in range(options.seeds):
            for damage in [damage for damage in DAMAGES if damage.label in options.damages]:
                problem = draw(table, options.rows, damage, seed)
                for model in options.models:
                    asked = Result(name, damage.label, model, seed, options.rows, options.max_iter)
                    if asked.key not in known and options.report_only:
                        continue
                    if asked.key not in known:
                        known[asked.key] = measure(asked, problem, damage)
                        with options.cache.open("a") as cache:
                            cache.write(json.dumps(asdict(known[asked.key])) + "\n")
                    results.append(known[asked.key])
        sys.stderr.write(f"{name} done\n")
    text = render(results)
    sys.stdout.write(text)
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
