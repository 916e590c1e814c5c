"""Measure and print the tables: ``python -m benchmarks.speed [a b c d e f] [--quick] [--threads 1]``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

TABLES = "abcdef"
RESULTS = Path(__file__).parent / "RESULTS.md"
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="of a b c d e f; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes and two rounds; prints without writing")
    parser.add_argument("--threads", type=int, default=1, help="threads of every rival (default 1)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of A B A B (default 5)")
    parser.add_argument("--output", type=Path, help="results file (default: RESULTS.md beside this file)")
    arguments = parser.parse_args()
    arguments.tables = arguments.tables or list(TABLES)
    unknown = sorted(set(arguments.tables) - set(TABLES))
    if unknown:
        parser.error(f"no table {', '.join(unknown)}: choose from {' '.join(TABLES)}.")
    return arguments


def pin(threads: int) -> None:
    """Give every pool this many threads, here and in child processes: before numpy and torch are imported."""
    os.environ.update(dict.fromkeys(POOLS, str(threads)))
    import torch

    torch.set_num_threads(threads)


def main() -> None:
    """Measure the tables asked for; each is printed and written as soon as it is done."""
    arguments = parse()
    pin(arguments.threads)
    from benchmarks.speed import report
    from benchmarks.speed.shapes import Settings
    from benchmarks.speed.timing import product_rate

    settings = Settings(arguments.quick, arguments.threads, arguments.rounds)
    output = arguments.output or (None if arguments.quick else RESULTS)
    command = " ".join(["python -m benchmarks.speed", *sys.argv[1:]])
    for key in arguments.tables:
        rate = product_rate()
        circumstances = report.machine(arguments.threads, rate, command)
        run: Callable[[Settings, float], report.Table] = import_module(f"benchmarks.speed.table_{key}").run
        table = run(settings, rate)
        sys.stdout.write(f"{circumstances}\n{table.markdown()}\n")
        sys.stdout.flush()
        if output is not None:
            report.write(output, table, circumstances)


if __name__ == "__main__":
    main()
