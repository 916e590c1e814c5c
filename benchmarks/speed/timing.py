"""Clocks: rivals in the order A B A B, medians of the ratios within a round, and the rate of matrix products."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.speed.shapes import Shape

Measurement = dict[str, float]
Build = Callable[[int], Any]  # number of epochs -> an estimator with fit(X, Y)
NAN = float("nan")


@dataclass
class Samples:
    """Measurements by rival and round, and what went wrong with the rivals that failed."""

    values: dict[str, list[Measurement]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def median(self, name: str, quantity: str) -> float:
        """Median over the rounds."""
        values = [measured[quantity] for measured in self.values.get(name, [])]
        return median(values) if values else NAN

    def ratio(self, name: str, against: str, quantity: str) -> float:
        """Median over the rounds of one rival's measurement over another's in the same round."""
        pairs = zip(self.values.get(name, []), self.values.get(against, []), strict=False)
        ratios = [mine[quantity] / theirs[quantity] for mine, theirs in pairs]
        return median(ratios) if ratios else NAN

    def each_round(self, name: str, quantity: str) -> list[float]:
        """Return the measurements in the order of the rounds."""
        return [measured[quantity] for measured in self.values.get(name, [])]


def say(text: str) -> None:
    """Report progress on standard error, so that standard output holds the tables alone."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call, without the garbage of the calls before."""
    gc.collect()
    start = perf_counter()
    action()
    return perf_counter() - start


def interleave(actions: Mapping[str, Callable[[], Measurement]], rounds: int) -> Samples:
    """Measure every rival once a round, in the same order; a rival that fails is noted and left out."""
    samples = Samples({name: [] for name in actions})
    for number in range(rounds):
        for name, action in actions.items():
            if name in samples.errors:
                continue
            try:
                samples.values[name].append(action())
            except Exception as error:  # a rival's failure is a result, and must not lose the others'
                samples.errors[name] = f"{type(error).__name__}: {str(error).strip()[:300]}"
                say(f"  {name}: {samples.errors[name]}")
        say(f"  round {number + 1} of {rounds}")
    return samples


def epochs_run(estimator: Any) -> int:
    """Epochs that a fit really took."""
    if hasattr(estimator, "n_iter_"):
        return int(estimator.n_iter_)
    return len(estimator.history)


def timed_fit(build: Build, epochs: int, data: tuple[Any, ...]) -> tuple[float, int]:
    """Seconds of a fit (construction included) and the epochs that it took."""
    built: list[Any] = []
    elapsed = seconds(lambda: built.append(build(epochs).fit(*data)))
    return elapsed, epochs_run(built[0])


def fit_pair(build: Build, shape: Shape, data: tuple[Any, ...]) -> Callable[[], Measurement]:
    """Measure a short and a long fit: their difference over the steps between them has no set-up cost in it."""

    def measure() -> Measurement:
        short_time, short = timed_fit(build, shape.epochs[0], data)
        long_time, long = timed_fit(build, shape.epochs[1], data)
        if long <= short:
            raise ValueError(f"fits of {shape.epochs} epochs took {short} and {long} epochs: no step to measure.")
        return {"step": (long_time - short_time) / ((long - short) * shape.steps), "fit": long_time}

    return measure


def warm_up(actions: Mapping[str, Callable[[], object]]) -> None:
    """Run each once, untimed: imports, allocators and caches; a failure shows again, and is noted, when timed."""
    for action in actions.values():
        try:
            action()
        except Exception as error:
            say(f"  warm-up: {type(error).__name__}")


def compare_fits(
    builds: Mapping[str, Build], shape: Shape, data: Mapping[str, tuple[Any, ...]], rounds: int
) -> Samples:
    """Step and fit seconds of all rivals at one shape; ``data[name]`` are the arguments of ``fit``."""
    say(shape.label)
    warm_up({name: partial(timed_fit, builds[name], shape.epochs[0], data[name]) for name in builds})
    return interleave({name: fit_pair(build, shape, data[name]) for name, build in builds.items()}, rounds)


def _product_times(m: int, k: int, n: int, members: int = 1, budget: float = 0.05) -> list[float]:
    import torch

    left, right = torch.randn(members, m, k), torch.randn(members, k, n)
    out = torch.empty(members, m, n)
    times: list[float] = []
    torch.bmm(left, right, out=out)
    while sum(times) < budget or len(times) < 5:
        start = perf_counter()
        torch.bmm(left, right, out=out)
        times.append(perf_counter() - start)
    return times


def product_rate() -> float:
    """Operations a second of a large float32 matrix product on the threads in use.

    The fastest of many: other load on the machine must not raise the floor.
    """
    size = 1024
    return 2 * size**3 / min(_product_times(size, size, size, budget=1.0))


def products_seconds(shape: Shape, members: int = 1) -> float:
    """Seconds of a step's matrix products alone, at their own sizes and into preallocated memory."""
    return sum(median(_product_times(m, k, n, members)) for m, k, n in shape.products)
