"""Runs (set, fold, model) jobs, each in its own process with a time limit, and keeps one JSON line for each."""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.accuracy.ablation.rules import varied
from benchmarks.accuracy.made.families import PREFIX, draw
from benchmarks.accuracy.peers import PEERS, PeerModel
from benchmarks.accuracy.protocols import Table, load, score_tasks
from benchmarks.accuracy.subject import SUBJECT, SubjectModel

Key = tuple[str, int, str]
Record = dict[str, Any]
ONE_CORE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PRELOADED = ["benchmarks.accuracy.runner", "catboost", "skmtl"]


@dataclass(frozen=True)
class Job:
    """One fit: a model, known in the results by its label, on one fold of a set."""

    set: str
    fold: int
    label: str
    model: str
    params: dict[str, Any] = field(default_factory=dict, hash=False)
    variant: str | None = None  # of a rule of the defaults, in its place

    @property
    def key(self) -> Key:
        """What tells results apart."""
        return (self.set, self.fold, self.label)


def read_cache(path: Path) -> dict[Key, Record]:
    """The last record of each job; a line cut off by an interruption is ignored."""
    records: dict[Key, Record] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        records[record["set"], record["fold"], record["label"]] = record
    return records


def is_done(record: Record | None) -> bool:
    """Whether a job need not run again: an error is tried again, a job out of time is not."""
    return record is not None and (record["error"] is None or record["error"].startswith("time limit"))


def run(jobs: Iterable[Job], data: Path, cache: Path, workers: int, limit: float) -> Iterator[Record]:
    """Run jobs side by side; each result is written to the cache before it is given back."""
    os.environ.update(dict.fromkeys(ONE_CORE, "1"))
    context = mp.get_context("forkserver")  # started after the line above, so that its children use one core
    context.set_forkserver_preload(PRELOADED)
    cache.parent.mkdir(parents=True, exist_ok=True)
    pool = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([pool.submit(_run_isolated, context, job, data, limit) for job in jobs]):
            record = future.result()
            with cache.open("a") as file:
                file.write(json.dumps(record) + "\n")
            yield record
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption must not wait for the jobs still queued


def _run_isolated(context: Any, job: Job, data: Path, limit: float) -> Record:
    """Run a job in a process of its own, which is ended at the limit."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, data, sender), daemon=True)
    process.start()
    sender.close()
    try:
        result = receiver.recv() if receiver.poll(limit) else {"error": f"time limit of {limit:g} s"}
    except EOFError:
        result = {"error": "the process ended without a result"}
    process.kill()
    process.join()
    return {**asdict(job), "error": None, **result}


def _work(job: Job, data: Path, sender: Connection) -> None:
    try:
        sender.send(measure(job, data))
    except Exception as error:  # any failure of a model is a result of the benchmark
        trace = traceback.format_exc().splitlines()[-4:]
        sender.send({"error": f"{type(error).__name__}: {error}"[:500], "trace": trace})


def read_table(job: Job, data: Path) -> Table:
    """A set of the folder, or a draw of a made family, whose seed is the fold."""
    return draw(job.set.removeprefix(PREFIX), job.fold)[0] if job.set.startswith(PREFIX) else load(data / job.set)


def measure(job: Job, data: Path) -> Record:
    """Fit on the training part, predict the test part, score every task.

    Times are of the processor, which on an idle core is the time on the clock and on a busy one still compares.
    """
    table = read_table(job, data)
    train, test = table.split(job.fold)
    model = SubjectModel(job.params) if job.model == SUBJECT else PeerModel(PEERS[job.model])
    rows = table.X.iloc.__getitem__ if hasattr(table.X, "iloc") else table.X.__getitem__
    X_train, X_test, Y_train = rows(train), rows(test), table.Y.iloc[train]
    with warnings.catch_warnings(record=True) as caught, varied(job.variant):
        warnings.simplefilter("default")
        start = time.process_time()
        model.fit(X_train, Y_train, table.kinds)
        fitted = time.process_time()
        outputs = model.predict(X_test, table.n_classes)
        ended = time.process_time()
    return {
        "tasks": list(table.Y.columns),
        "kinds": table.kinds,
        "n_rows": len(table.Y),
        "scores": score_tasks(table, train, test, outputs),
        "fit_seconds": fitted - start,
        "predict_seconds": ended - fitted,
        "warnings": sorted({f"{w.category.__name__}: {w.message}"[:200] for w in caught}),
    }
