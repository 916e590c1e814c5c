"""``python -m benchmarks.reliability [PART ...]``: run campaigns, print the tables and write them to RESULTS.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.reliability import damage, times
from benchmarks.sharing.__main__ import write_section

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = "# Reliability\n\nWritten by `python -m benchmarks.reliability`.\n"
PARTS: dict[str, Callable[[], str]] = {  # each gives a section that begins with its heading
    "corruptions": damage.corrupted,
    "attacks": damage.attacked,
    "times": times.run,
}


def main() -> None:
    """Run the parts asked for; each replaces its own section of the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    for part in options.parts or PARTS:
        section = PARTS[part]()
        sys.stdout.write(section)
        write_section(options.out, section, HEAD)


if __name__ == "__main__":
    main()
