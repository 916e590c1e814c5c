"""Files that were damaged by accident or on purpose, and what loading does with them."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import skmtl
from benchmarks.reliability.models import models
from tests.persistence._forged import attacks, corruptions

N_CORRUPTIONS = 400  # of all files together
ALLOWANCE = 64 << 20  # bytes of memory beside four times the file


@dataclass(frozen=True)
class Outcome:
    """What loading a file did.

    Attributes
    ----------
    what : str
        "refused", "same predictions", "other predictions", or the name of another error.
    memory : int
        Peak of the resident memory above that before, in bytes.
    size : int
        Of the file, in bytes.
    """

    what: str
    memory: int
    size: int

    @property
    def within_bound(self) -> bool:
        """Whether it took at most four times the file and 64 MiB."""
        return self.memory <= 4 * self.size + ALLOWANCE


def load(path: Path, data: bytes, rows: Any, expected: np.ndarray) -> Outcome:
    """Write the bytes and load them, in this process, so that memory and imports are seen."""
    path.write_bytes(data)
    before = _resident(reset=True)
    try:
        found = skmtl.load(path)
        same = np.array_equal(found.predict(rows), expected)
        what = "same predictions" if same else "other predictions"
    except skmtl.FileFormatError:
        what = "refused"
    except Exception as error:  # what must not be
        what = type(error).__name__
    return Outcome(what, _resident() - before, len(data))


def _resident(*, reset: bool = False) -> int:
    """Peak of the resident memory in bytes, or what it is now, from which the peak is counted anew (on Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return 1024 * int(found[1])


def corrupted() -> str:
    """Section on accidents: each kind of corruption in turn, on the files of all models."""
    fitted = models()
    rows = {name: _corrupted(name, *fitted[name], N_CORRUPTIONS // len(fitted)) for name in fitted}
    lines = [
        "## Corruptions\n",
        f"{N_CORRUPTIONS} corruptions by `tests/persistence/_forged.py`: bit flips, truncations, swapped and zeroed "
        "blocks, appended bytes, edited JSON, duplicated keys and huge headers. Memory is the peak above that before, "
        "of loading a corrupted file and of loading the whole one.\n",
        "| model | file | corruptions | refused | same predictions | other predictions | other errors | memory "
        "| memory of the whole | seconds of a refusal |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows.values(),
    ]
    return "\n".join(lines) + "\n"


def _corrupted(name: str, net: Any, rows: Any, n: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.skmtl"
        skmtl.save(net, path)
        good, expected = path.read_bytes(), net.predict(rows)
        whole = load(path, good, rows, expected)
        started, outcomes = time.perf_counter(), list[Outcome]()
        rng = np.random.default_rng(0)
        changed = (data for _, data in corruptions(good, rng) if data != good)
        outcomes = [load(path, data, rows, expected) for data in islice(changed, n)]
        seconds = (time.perf_counter() - started) / n
    counts = Counter(outcome.what for outcome in outcomes)
    known = [counts.pop(what, 0) for what in ("refused", "same predictions", "other predictions")]
    memory = max(outcome.memory for outcome in outcomes)
    assert whole.what == "same predictions"
    bound = "" if all(outcome.within_bound for outcome in [*outcomes, whole]) else " **over the bound**"
    cells = [name, _mib(len(good)), n, *known, dict(counts) or 0, _mib(memory) + bound, _mib(whole.memory)]
    return "| " + " | ".join(map(str, cells)) + f" | {seconds:.4f} |"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def attacked() -> str:
    """Section on files that somebody has made, with a right digest."""
    fitted = models()
    outcomes = dict(_attacked(fitted["wide"], fitted["pipeline"]))
    refused = sum(outcome.what == "refused" for outcome in outcomes.values())
    within = sum(outcome.within_bound for outcome in outcomes.values())
    largest = max(outcome.memory - 4 * outcome.size for outcome in outcomes.values())
    lines = [
        "## Attacks\n",
        f"{len(outcomes)} files whose digest is right but for those that are no files of skmtl: {refused} are refused "
        f"by `FileFormatError`, {within} within 4 times the file and 64 MiB of memory (at most {_mib(largest)} beside "
        "4 times the file). None ran its code.\n",
        "| attack | outcome | memory |",
        "|---|---|---|",
        *(f"| {name} | {outcome.what} | {_mib(outcome.memory)} |" for name, outcome in outcomes.items()),
    ]
    return "\n".join(lines) + "\n"


def _attacked(regressor: tuple[Any, Any], pipeline: tuple[Any, Any]) -> Iterator[tuple[str, Outcome]]:
    with tempfile.TemporaryDirectory() as folder:
        path, done = Path(folder) / "net.skmtl", Path(folder) / "done"
        skmtl.save(pipeline[0], path)
        of_pipeline = path.read_bytes()
        skmtl.save(regressor[0], path)
        for name, data in attacks(path.read_bytes(), of_pipeline, done):
            yield name, load(path, data, regressor[1], regressor[0].predict(regressor[1]))
            if os.path.exists(done):
                raise RuntimeError(f"{name} has run code.")
