"""What has to be measured in a process of its own: ``python -m benchmarks.speed.probe JOB JSON`` prints JSON.

The clock starts before the first import, so nothing but the standard library may be imported above the jobs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from time import perf_counter
from typing import Any

START = perf_counter()


def ask(job: str, **arguments: Any) -> dict[str, float]:
    """Run a job in a fresh interpreter and return what it measured."""
    command = [sys.executable, "-m", "benchmarks.speed.probe", job, json.dumps(arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        last = finished.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RuntimeError(f"{job} of {arguments.get('rival', 'no rival')} failed: {last[0]}")
    measured: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    return measured


def _shape(arguments: dict[str, Any]) -> Any:
    from benchmarks.speed.shapes import Shape

    sizes = dict(arguments["shape"])
    return Shape(**{**sizes, "hidden": tuple(sizes["hidden"]), "epochs": tuple(sizes["epochs"])})


def _build(arguments: dict[str, Any], epochs: int) -> Any:
    from benchmarks.speed import heads, rivals

    loops = {heads.LIBMTL: heads.LibMTLLoop, heads.HEADS: heads.HeadsLoop}
    return (rivals.RIVALS | loops)[arguments["rival"]](_shape(arguments), epochs)


def import_torch(arguments: dict[str, Any]) -> dict[str, float]:
    """Seconds of ``import torch``."""
    import torch

    del torch
    return {"seconds": perf_counter() - START}


def first_result(arguments: dict[str, Any]) -> dict[str, float]:
    """Seconds from the start of the program to a fitted estimator, imports included."""
    from benchmarks.speed.shapes import make_data

    shape = _shape(arguments)
    x, y = make_data(shape)
    _build(arguments, shape.epochs[1]).fit(x, y)
    return {"seconds": perf_counter() - START}


def fit_memory(arguments: dict[str, Any]) -> dict[str, float]:
    """Peak memory of a fit of one epoch beyond the data, drawn (``missing``) or memory-mapped (``x``, ``y``).

    A fit of one batch comes first: it imports what the library imports late.
    """
    import numpy as np

    from benchmarks.speed.memory import PeakMemory
    from benchmarks.speed.shapes import make_data

    shape = _shape(arguments)
    if "x" in arguments:
        x, y = np.load(arguments["x"], mmap_mode="r"), np.load(arguments["y"], mmap_mode="r")
    else:
        x, y = make_data(shape, missing=arguments["missing"])
    few = make_data(shape, rows=shape.batch)
    _build(arguments, 1).fit(*few)
    with PeakMemory() as memory:
        _build(arguments, 1).fit(x, y)
    return {"bytes": memory.rise, "peak": memory.peak}


def predict_memory(arguments: dict[str, Any]) -> dict[str, float]:
    """Peak memory of predicting many rows beyond the rows, and the bytes of the result."""
    from benchmarks.speed.memory import PeakMemory
    from benchmarks.speed.shapes import make_data

    shape = _shape(arguments)
    model = _build(arguments, 2).fit(*make_data(shape))
    x, _ = make_data(shape, rows=arguments["rows"])
    model.predict(x[:1000])
    del _
    with PeakMemory() as memory:
        result = model.predict(x)
    return {"bytes": memory.rise, "result": result.nbytes}


JOBS = {job.__name__: job for job in (import_torch, first_result, fit_memory, predict_memory)}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(JOBS[sys.argv[1]](json.loads(sys.argv[2]))) + "\n")
