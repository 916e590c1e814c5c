"""``python -m benchmarks.transfer --data PATH``: measure, print the tables and write them to RESULTS.md.

``--quick`` takes few rows and epochs.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.sharing.__main__ import write_section
from benchmarks.transfer import alarms, golden, price, recovery, school, sets

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = "# Learning tasks together\n\nWritten by `python -m benchmarks.transfer`.\n"
PARTS = ("golden", "alarms", "recovery", "sets", "school", "price")


def main() -> None:
    """Run the parts asked for; each replaces its own section of the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sets", nargs="+", choices=sets.SETS, default=list(sets.SETS))
    parser.add_argument("--seeds", type=int, default=10, help="for recovery (default: 10)")
    parser.add_argument("--runs", type=int, default=100, help="for alarms (default: 100)")
    parser.add_argument("--first-seed", type=int, default=0, help="for recovery and alarms (default: 0)")
    parser.add_argument("--folds", type=int, nargs="+", default=range(5), help="for school (default: 0 to 4)")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.data is None and {"golden", "sets", "school"} & set(options.parts):
        parser.error(
            "the data sets are missing: give --data PATH, set SKMTL_DATA, or leave out golden, sets and school"
        )
    measure = {
        "golden": lambda: golden.run(Path(options.data)),
        "alarms": lambda: alarms.run(_seeds(options.first_seed, options.runs)),
        "recovery": lambda: recovery.run(_seeds(options.first_seed, options.seeds)),
        "sets": lambda: sets.run(Path(options.data), options.sets, quick=options.quick),
        "school": lambda: school.run(Path(options.data), options.folds),
        "price": price.run,
    }
    for part in options.parts:
        section = measure[part]()
        sys.stdout.write(section)
        write_section(options.out, section, HEAD)


def _seeds(first: int, number: int) -> range:
    return range(first, first + number)


if __name__ == "__main__":
    main()
