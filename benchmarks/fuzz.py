"""Fit to data and parameters at random: ``python -m benchmarks.fuzz [--examples 5000] [--seed 0]``.

Each fit must give predictions or an error that names what is wrong; the first that does neither is shrunk and shown.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from tests._any_fit import check, fits


def main() -> None:
    """Fit, and print how many fits there were."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=5000, help="number of fits (default 5000)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default 0)")
    arguments = parser.parse_args()
    outcomes = Counter[bool]()

    @seed(arguments.seed)
    @settings(max_examples=arguments.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(fits())
    def fit(case: tuple[Any, ...]) -> None:
        outcomes[check(*case)] += 1

    fit()
    sys.stdout.write(f"{outcomes[True]} fits, {outcomes[False]} errors that name what is wrong\n")


if __name__ == "__main__":
    main()
