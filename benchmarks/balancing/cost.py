"""What a step of each method costs, relative to static weights and to the same method in LibMTL and torchjd."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.balancing.steps import (
    Shape,
    Step,
    libmtl_step,
    scalarization_step,
    skmtl_step,
    torchjd_step,
)

SHAPE = (256, 50, (128, 64))  # batch, features, hidden layers: the larger net of the speed benchmark
DEFAULT = (256, 100, (256, 256))  # the default net, with its eight members
MEMBERS = 8
TASKS = (2, 8, 32)
ROUNDS, LEAST_SECONDS, MOST_SECONDS = 5, 0.03, 1.0
STATIC = "static"

LIBMTL: dict[str, tuple[str, dict[str, Any]]] = {
    "uncertainty": ("UW", {}),
    "dwa": ("DWA", {"T": 2.0}),
    "random": ("RLW", {"dist": "Normal"}),
    "log": ("GLS", {}),
    "gradnorm": ("GradNorm", {"alpha": 1.5}),
    "pcgrad": ("PCGrad", {}),
    "mgda": ("MGDA", {"mgda_gn": "none"}),
    "cagrad": ("CAGrad", {"calpha": 0.5, "rescale": 0}),
    "imtl_g": ("IMTL", {}),
}
RIVALS = ("LibMTL", "LibMTL by representation", "torchjd")
BY_REPRESENTATION = ("gradnorm", "mgda", "imtl_g")  # of LibMTL


def torchjd_methods(n_tasks: int) -> dict[str, Callable[[], Any]]:
    """Aggregators and scalarizers of torchjd by the names that their methods have here."""
    from torchjd import aggregation as a
    from torchjd import scalarization as s

    return {
        "uncertainty": partial(s.UW, n_tasks),
        "dwa": s.DWA,
        "random": s.Random,
        "log": s.GeometricMean,
        "famo": partial(s.FAMO, n_tasks),
        "stch": partial(s.STCH, 0.1),
        "pcgrad": a.PCGrad,
        "mgda": a.MGDA,
        "cagrad": partial(a.CAGrad, c=0.5),
        "imtl_g": a.IMTLG,
        "nash_mtl": partial(a.NashMTL, n_tasks, max_norm=0.0, update_weights_every=1, optim_niter=20),
        "aligned_mtl": a.AlignedMTL,
        "fairgrad": partial(a.FairGrad, alpha=2.0),
        "upgrad": a.UPGrad,
    }


def _ours(shape: Shape, members: int) -> dict[tuple[str, str], Callable[[], Step]]:
    from skmtl.balancing import BALANCERS, GradientBalancer

    builds: dict[tuple[str, str], Callable[[], Step]] = {}
    for name, cls in BALANCERS.items():
        if issubclass(cls, GradientBalancer):
            for form in ("parameters", "representation"):
                builds[name, form] = partial(skmtl_step, shape, cls(gradient=form), members)
        else:
            builds[name, "losses"] = partial(skmtl_step, shape, cls(), members)
    return builds


def _rivals(shape: Shape) -> dict[tuple[str, str], Callable[[], Step]]:
    builds: dict[tuple[str, str], Callable[[], Step]] = {}
    for name, (weighting, arguments) in LIBMTL.items():
        builds[name, "LibMTL"] = partial(libmtl_step, shape, weighting, **arguments)
        if name in BY_REPRESENTATION:
            builds[name, "LibMTL by representation"] = partial(libmtl_step, shape, weighting, True, **arguments)
    for name, method in torchjd_methods(shape.tasks).items():
        builds[name, "torchjd"] = partial(_torchjd, shape, method)
    return builds


def _torchjd(shape: Shape, method: Callable[[], Any]) -> Step:
    strategy = method()
    is_aggregator = "aggregation" in type(strategy).__module__
    return (torchjd_step if is_aggregator else scalarization_step)(shape, strategy)


def measure(
    shape: Shape, members: int = 1, rivals: bool = True
) -> tuple[dict[tuple[str, str], float], float, list[str]]:
    """Medians over rounds of A B A B of each step's time over that of static weights in the same round.

    Returns
    -------
    ratios : dict
        By method and way.
    static : float
        Seconds of the static step.
    failures : list of str
        What could not be run, and why.
    """
    warnings.filterwarnings("ignore")
    steps: dict[tuple[str, str], Step] = {}
    failures = []
    builds = _ours(shape, members) | (_rivals(shape) if rivals else {})
    for key, build in builds.items():
        try:
            steps[key] = build()
            steps[key]()
            if key[1] in RIVALS and (seconds := _seconds(steps[key])) > MOST_SECONDS:
                raise TimeoutError(f"a step takes {seconds:.1f} s")
        except Exception as error:  # a rival's failure is a result
            steps.pop(key, None)
            failures.append(f"{key[0]} in {key[1]}, T = {shape.tasks}: {type(error).__name__}: {str(error)[:120]}")
    times: dict[tuple[str, str], list[float]] = {key: [] for key in steps}
    for number in range(ROUNDS):
        for key, step in steps.items():
            times[key].append(_seconds(step))
        sys.stderr.write(f"{shape.label}, T = {shape.tasks}: round {number + 1} of {ROUNDS}\n")
    static = times[STATIC, "losses"]
    ratios = {key: median(a / b for a, b in zip(own, static, strict=True)) for key, own in times.items()}
    return ratios, median(static), failures


def _seconds(step: Step) -> float:
    """Seconds of a step, from as many as fill a fair time."""
    gc.collect()
    start, count = perf_counter(), 0
    while (elapsed := perf_counter() - start) < LEAST_SECONDS:
        step()
        count += 1
    return elapsed / count
