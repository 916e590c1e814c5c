"""What the commands have in common: options of the runs, and runs of what the cache lacks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Container, Iterable
from pathlib import Path

from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.runner import Job, Key, Record, is_done, read_cache, run
from benchmarks.accuracy.subject import EXAMPLE, SUBJECT, parse_params


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options of the estimator that is compared with peers, and of the processes."""
    add = parser.add_argument
    add("--params", type=parse_params, default={}, metavar="JSON", help=f"parameters of {SUBJECT}, such as '{EXAMPLE}'")
    add(
        "--label", help=f"name of this variant of {SUBJECT} in cache and tables (default: {SUBJECT} and the parameters)"
    )
    add("--show", nargs="+", default=[], metavar="LABEL", help="further labels of the cache for the tables")
    add_process_options(parser)


def add_process_options(parser: argparse.ArgumentParser) -> None:
    """Options of the processes and of the cache."""
    add = parser.add_argument
    add("--jobs", type=int, default=2, help="processes side by side, one core each (default: 2)")
    add("--time-limit", type=float, default=600, help="seconds a job may take (default: 600)")
    add("--cache", type=Path, default=Path(".benchmarks/accuracy.jsonl"), help="results so far, one JSON line a job")
    add("--report-only", action="store_true", help="run nothing, print the tables again")


def run_due(
    jobs: Iterable[Job],
    options: argparse.Namespace,
    again: Container[str] = (),
    known: dict[Key, Record] | None = None,
) -> None:
    """Run the jobs that neither the cache nor ``known`` has, and those with a label in ``again``."""
    cached = {**(known or {}), **read_cache(options.cache)}
    due = [job for job in jobs if job.label in again or not is_done(cached.get(job.key))]
    for done, record in enumerate(run(due, options.data, options.cache, options.jobs, options.time_limit), 1):
        state = record["error"] or f"fit {record['fit_seconds']:.2f} s, predict {record['predict_seconds']:.3f} s"
        where = f"{record['set']} fold {record['fold']} {record['label']}"
        print(f"[{done}/{len(due)}] {where}: {state}", file=sys.stderr, flush=True)


def without_missing_packages(models: Iterable[str]) -> list[str]:
    """The models whose packages are installed; the others are named."""
    missing = {name: PEERS[name].package for name in models if name in PEERS and not PEERS[name].installed()}
    for name, package in missing.items():
        print(f"{name} is left out: it needs {package}, which is not installed", file=sys.stderr)
    return [name for name in models if name not in missing]
