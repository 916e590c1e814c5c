"""How often a transfer report is wrong about unrelated tasks, and how often it finds what duplicates gain."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.inspection import TransferReport, transfer_report

Data = tuple[np.ndarray, np.ndarray]
SETTINGS = {"hidden_layer_sizes": (64,), "n_estimators": 1, "max_iter": 60}
N_FEATURES, N_TASKS = 8, 4


def noise(seed: int) -> Data:
    """Numbers that do not depend on the features."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((200, N_FEATURES)), rng.standard_normal((200, N_TASKS))


def unrelated(seed: int) -> Data:
    """Waves along directions that are orthogonal."""
    return make_related_tasks(200, N_FEATURES, N_TASKS, relatedness=0.0, random_state=seed)  # type: ignore[return-value]


def duplicates(seed: int) -> Data:
    """A target with 120 labels, and a copy of it with 800."""
    return make_related_tasks(  # type: ignore[return-value]
        800, N_FEATURES, 2, relatedness=1.0, missing=[0.85, 0.0], random_state=seed
    )


SETS: dict[str, Callable[[int], Data]] = {"noise": noise, "unrelated": unrelated, "duplicates": duplicates}


def report(make: Callable[[int], Data], seed: int, n_repeats: int) -> TransferReport:
    """Report on one set of data."""
    X, Y = make(seed)
    net = MultiTaskNetRegressor(**SETTINGS, random_state=seed)  # type: ignore[arg-type]
    return transfer_report(net, X, Y, n_repeats=n_repeats, random_state=seed)


def main() -> None:
    """Print in how many runs a task was named, and where the interval of the mean gain lay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    print("| tasks | runs | repeats | gain named | loss named | either | interval above 0 | below 0 | mean gain % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in given.sets:
        reports = [report(SETS[name], seed, given.repeats) for seed in range(given.runs)]
        counts = [
            sum(bool(one.positive) for one in reports),
            sum(bool(one.negative) for one in reports),
            sum(bool(one.positive or one.negative) for one in reports),
            sum(one.delta_m_interval[0] > 0 for one in reports),
            sum(one.delta_m_interval[1] < 0 for one in reports),
        ]
        gain = np.mean([one.delta_m for one in reports])
        print(f"| {name} | {given.runs} | {given.repeats} | {' | '.join(map(str, counts))} | {gain:+.1f} |", flush=True)


if __name__ == "__main__":
    main()
