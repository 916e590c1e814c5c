"""``python -m benchmarks.scale [--parts PART ...]``: measure, print the tables and write them to RESULTS.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale import processes, rows, tasks
from benchmarks.sharing.__main__ import write_section

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = "# Scale\n\nWritten by `python -m benchmarks.scale`.\n"
PARTS: dict[str, Callable[[argparse.Namespace], str]] = {  # each gives a section that begins with its heading
    "processes": lambda options: processes.run(options.quick),
    "rows": lambda options: rows.run(options.xgboost),
    "tasks": lambda options: tasks.run(options.quick),
}


def main() -> None:
    """Run the parts asked for; each replaces its own section of the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="less, for 'processes' and 'tasks'")
    parser.add_argument("--xgboost", metavar="PYTHON", help="interpreter with xgboost and pyarrow, for the part 'rows'")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    for part in options.parts:
        section = PARTS[part](options)
        sys.stdout.write(section)
        write_section(options.out, section, HEAD)


if __name__ == "__main__":
    main()
