"""``python -m benchmarks.sharing --data PATH``: measure, print the tables and write them to RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.sharing import drift, many_tasks, relatedness, sets, steps

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = "# Sharing architectures\n\nWritten by `python -m benchmarks.sharing`.\n"
PARTS = ("relatedness", "drift", "sets", "steps", "many_tasks")


def main() -> None:
    """Run the parts asked for; each replaces its own section of the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharing", description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=10, help="for relatedness and drift (default: 10)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.data is None and "sets" in options.parts:
        parser.error("the data sets are missing: give --data PATH, set SKMTL_DATA, or leave out the part 'sets'")
    measure = {
        "relatedness": lambda: relatedness.run(options.seeds),
        "drift": lambda: drift.run(options.seeds),
        "sets": lambda: sets.run(options.data),
        "steps": steps.run,
        "many_tasks": many_tasks.run,
    }
    for part in options.parts:
        section = measure[part]()
        sys.stdout.write(section)
        write_section(options.out, section)


def write_section(path: Path, section: str, title: str = HEAD) -> None:
    """Put a section in the place of the one with the same heading, or at the end."""
    text = path.read_text(encoding="utf-8") if path.exists() else title
    head, *sections = text.split("\n## ")
    kept = {part.splitlines()[0]: part.strip() for part in sections}
    fresh = section.removeprefix("## ").strip()
    kept[fresh.splitlines()[0]] = fresh
    path.write_text("\n\n## ".join([head.strip(), *kept.values()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
