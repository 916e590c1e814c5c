"""Time searches over loss weights: ``python -m benchmarks.search [a b c d] [--jobs 1 2] [--data PATH]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Searches: results

Written by `python -m benchmarks.search`; each section names the machine, its load and the command of its run.

In (a) to (c) loss weights are searched. All searches have the same folds, net, batch and number of epochs, float32 and
one thread a process, and do not refit. scikit-learn's MLP cannot weigh tasks: its candidates are seeds. "Ours of it" is
the time of `MultiTaskSearchCV` over that of the row's search with the same number of jobs; for the race, its time over
that of `MultiTaskSearchCV`. Pools of processes are started beforehand. (d) is a search of
nets at their defaults that ranks candidates by few members (`elimination="auto"`).
"""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    add = parser.add_argument
    add(
        "problems",
        nargs="*",
        metavar="PROBLEM",
        help="of a b c d; all by default (c needs --data)",
    )
    add("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets (default: SKMTL_DATA)")
    add("--set", default="enb", help="set of problem c, with numeric columns and targets (default: enb)")
    add("--jobs", type=int, nargs="+", default=[1, 2], help="numbers of jobs (default: 1 2)")
    add("--candidates", type=int, default=32, help="loss weights to try (default: 32)")
    add("--part", type=float, default=0.125, help="share of them that the slow rivals run (default: 0.125)")
    add("--rounds", type=int, default=2, help="rounds of A B A B (default: 2)")
    add("--quick", action="store_true", help="two epochs and one round; prints without writing")
    add("--output", type=Path, help="results file (default: RESULTS.md beside this file)")
    options = parser.parse_args()
    options.problems = options.problems or ["a", "b", "d", *(["c"] if options.data else [])]
    unknown = sorted(set(options.problems) - set("abcd"))
    if unknown:
        parser.error(f"no problem {', '.join(unknown)}: choose from a b c d.")
    if "c" in options.problems and options.data is None:
        parser.error("problem c needs the data sets: give --data PATH or set SKMTL_DATA.")
    return options


def main() -> None:
    """Measure the problems asked for; each is printed and written as soon as it is done."""
    options = parse()
    from benchmarks.speed.__main__ import pin

    pin(1)
    from benchmarks.search import measure, members
    from benchmarks.search.problems import made, real
    from benchmarks.speed import report
    from benchmarks.speed.timing import product_rate

    output = options.output or (None if options.quick else RESULTS)
    rounds = 1 if options.quick else options.rounds
    for key in options.problems:
        circumstances = report.machine(1, product_rate(), " ".join(["python -m benchmarks.search", *sys.argv[1:]]))
        if key == "d":
            table = members.run(options.data, options.quick)
        else:
            problem = real(Path(options.data) / options.set, options.quick) if key == "c" else made(key, options.quick)
            table = measure.run(problem, options.jobs, options.candidates, options.part, rounds)
        sys.stdout.write(f"{circumstances}\n{table.markdown()}\n")
        sys.stdout.flush()
        if output is not None:
            report.write(output, table, circumstances, HEAD)


if __name__ == "__main__":
    main()
