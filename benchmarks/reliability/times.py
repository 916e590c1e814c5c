"""Seconds that saving and loading take, beside joblib's."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import joblib

import skmtl
from benchmarks.reliability.models import models

N_ROUNDS = 15


def run() -> str:
    """Section with medians over rounds, in each of which skmtl and joblib take turns."""
    lines = [
        "## Times\n",
        f"Medians of {N_ROUNDS} rounds, in each of which both take turns; ratios are medians of those of the rounds. "
        "`skmtl.save` waits until the file has reached the disk, which joblib does not: `written` is its time without "
        "that wait.\n",
        "| model | file | joblib's file | save | written | joblib.dump | ratio | load | joblib.load | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(name, net) for name, (net, _) in models().items()),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, net: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        own, other = Path(folder) / "net.skmtl", Path(folder) / "net.joblib"
        actions: dict[str, Callable[[], Any]] = {
            "save": lambda: skmtl.save(net, own),
            "written": lambda: _without_waiting(lambda: skmtl.save(net, own)),
            "dump": lambda: joblib.dump(net, other),
            "load": lambda: skmtl.load(own),
            "joblib.load": lambda: joblib.load(other),
        }
        rounds = [{key: _seconds(action) for key, action in actions.items()} for _ in range(N_ROUNDS + 1)][1:]
        sizes = [f"{path.stat().st_size / 2**20:.2f} MiB" for path in (own, other)]
    own_ms = {key: f"{1000 * median(times[key] for times in rounds):.1f} ms" for key in actions}
    saving = median(times["written"] / times["dump"] for times in rounds)
    loading = median(times["load"] / times["joblib.load"] for times in rounds)
    cells = [name, *sizes, own_ms["save"], own_ms["written"], own_ms["dump"], f"{saving:.2f}", own_ms["load"]]
    return "| " + " | ".join([*cells, own_ms["joblib.load"], f"{loading:.2f}"]) + " |"


def _without_waiting(action: Callable[[], object]) -> None:
    fsync, os.fsync = os.fsync, lambda number: None
    try:
        action()
    finally:
        os.fsync = fsync


def _seconds(action: Callable[[], object]) -> float:
    gc.collect()
    started = perf_counter()
    action()
    return perf_counter() - started
