"""Real data sets: run what the cache lacks, then print the tables and write them to RESULTS.md."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from benchmarks.accuracy.options import add_run_options, run_due, without_missing_packages
from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.protocols import CLASS_SETS, REGRESSION_SETS, cost, given_scores, n_folds, read_meta
from benchmarks.accuracy.report import render
from benchmarks.accuracy.results import RANKED_PEERS
from benchmarks.accuracy.runner import Job, read_cache
from benchmarks.accuracy.subject import SUBJECT, variant

RESULTS = Path(__file__).parent / "RESULTS.md"


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy sets", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets (default: SKMTL_DATA)")
    add("--sets", nargs="+", default=[*REGRESSION_SETS, *CLASS_SETS], metavar="SET", help="folders in --data")
    add("--models", nargs="+", choices=[SUBJECT, *PEERS], metavar="MODEL", help=f"of {SUBJECT}, {', '.join(PEERS)}")
    add("--slow", action="store_true", help="with the slow peers, RealMLP and TabM (they need pytabkit)")
    add("--fresh", nargs="+", default=[], metavar="LABEL", help="run these again though the cache has them")
    add("--out", type=Path, default=RESULTS, help="the Markdown file written")
    add_run_options(parser)
    options = parser.parse_args(arguments)
    if options.data is None:
        parser.error("the data sets are missing: give --data PATH or set SKMTL_DATA")
    options.label = options.label or variant(options.params)
    absent = [name for name in options.sets if not (options.data / name / "meta.json").exists()]
    if absent:
        parser.error(f"--sets: no meta.json under {options.data} for {', '.join(absent)}")
    if options.models is None:
        options.models = [SUBJECT, *RANKED_PEERS, *(name for name in PEERS if options.slow and PEERS[name].slow)]
    options.models = without_missing_packages(options.models)
    return options


def plan(options: argparse.Namespace, metas: dict[str, dict[str, Any]]) -> list[Job]:
    """Every job asked for, small sets first."""
    jobs = []
    for name, meta in sorted(metas.items(), key=lambda item: cost(item[1])):
        for fold in range(n_folds(meta)):
            for model in options.models:
                ours = model == SUBJECT
                if not ours and not PEERS[model].suits(meta["tasks"]):
                    continue
                jobs.append(Job(name, fold, options.label if ours else model, model, options.params if ours else {}))
    return jobs


def main(arguments: list[str]) -> None:
    """Run, report."""
    options = parse_arguments(arguments)
    metas = {name: read_meta(options.data / name) for name in options.sets}
    jobs = plan(options, metas)
    if not options.report_only:
        run_due(jobs, options, again=options.fresh)
    labels = list(dict.fromkeys([*(job.label for job in jobs), *options.show]))
    given = {name: given_scores(options.data, meta) for name, meta in metas.items()}
    text = render(read_cache(options.cache), metas, labels, given)
    print(text)
    options.out.write_text(text)
