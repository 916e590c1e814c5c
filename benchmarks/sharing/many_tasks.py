"""Cost of learned relations between many tasks, beside soft sharing, in the order A B A B."""

from __future__ import annotations

import sys
from statistics import median
from time import perf_counter

import torch

from benchmarks._steps import skmtl_step, skmtl_training
from benchmarks.sharing.steps import compare
from skmtl.balancing import Static
from skmtl.sharing import Relationship, Soft

HEAD = """## Learned relations of {tasks} tasks

One member, float32, one thread, squared errors, {features} features, two hidden layers. Milliseconds, medians of rounds
in the order A B A B; the ratio is the median of the ratios within a round. "Once an epoch" is what
`learn="covariance"` does after the last step of an epoch.
"""
TASKS, FEATURES = 100, 32
REPEATS = 7
SHAPES = ((32, 32), (64, 16), (64, 32), (256, 16), (256, 32), (64, 64))


def run() -> str:
    """All shapes; the report."""
    lines = [HEAD.format(tasks=TASKS, features=FEATURES)]
    lines += ["| batch | width | relationship | soft | ratio | once an epoch |", "|---|---|---|---|---|---|"]
    generator = torch.Generator().manual_seed(0)
    for batch, width in SHAPES:
        x = torch.randn(batch, FEATURES, generator=generator)
        y = torch.randn(batch, TASKS, generator=generator)
        tied, soft = (skmtl_step(sharing, Static(), (width, width), x, y) for sharing in (Relationship(), Soft()))
        ours, theirs, ratio = compare(tied, soft)
        line = f"| {batch} | {width} | {ours:.2f} | {theirs:.2f} | {ratio:.2f} | {_end_of_epoch(width, x, y):.1f} |"
        sys.stderr.write(line + "\n")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _end_of_epoch(width: int, x: torch.Tensor, y: torch.Tensor) -> float:
    """Milliseconds of learning the matrix, the median of a few times."""
    training, batch = skmtl_training(Relationship(), Static(), (width, width), x, y)
    with training.step.passes.mode():
        training.step(batch, 1.0)
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        for update in training.step.updates:
            update.end_epoch()
        times.append(1e3 * (perf_counter() - start))
    return median(times)
