"""``python -m benchmarks.accuracy --data PATH``: run what the cache lacks, then print and write the tables."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.protocols import CLASS_SETS, REGRESSION_SETS, cost, n_folds, read_meta
from benchmarks.accuracy.report import render
from benchmarks.accuracy.results import RANKED_PEERS
from benchmarks.accuracy.runner import SUBJECT, Job, is_done, read_cache, run
from benchmarks.accuracy.subject import parse_params

RESULTS = Path(__file__).parent / "RESULTS.md"


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets (default: SKMTL_DATA)")
    add("--sets", nargs="+", default=[*REGRESSION_SETS, *CLASS_SETS], metavar="SET", help="folders in --data")
    add("--models", nargs="+", choices=[SUBJECT, *PEERS], metavar="MODEL", help=f"of {SUBJECT}, {', '.join(PEERS)}")
    add("--slow", action="store_true", help="with the slow peers, RealMLP and TabM (they need pytabkit)")
    add("--set-params", default="", metavar="'NAME=VALUE,...'", help=f"parameters of {SUBJECT}; needs --label")
    add("--label", default=SUBJECT, help=f"name of this variant of {SUBJECT} in the cache and the tables")
    add("--show", nargs="+", default=[], metavar="LABEL", help="further labels of the cache for the tables")
    add("--fresh", nargs="+", default=[], metavar="LABEL", help="run these again though the cache has them")
    add("--jobs", type=int, default=2, help="processes side by side, one core each (default: 2)")
    add("--time-limit", type=float, default=600, help="seconds a job may take (default: 600)")
    add("--cache", type=Path, default=Path(".benchmarks/accuracy.jsonl"), help="results so far, one JSON line a job")
    add("--out", type=Path, default=RESULTS, help="the Markdown file written")
    add("--report-only", action="store_true", help="run nothing, print the tables of the cache")
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data sets are missing: give --data PATH or set SKMTL_DATA")
    if options.set_params and options.label == SUBJECT:
        parser.error(f"--set-params makes a variant of {SUBJECT}: name it with --label")
    absent = [name for name in options.sets if not (options.data / name / "meta.json").exists()]
    if absent:
        parser.error(f"--sets: no meta.json under {options.data} for {', '.join(absent)}")
    if options.models is None:
        options.models = [SUBJECT, *RANKED_PEERS, *(name for name in PEERS if options.slow and PEERS[name].slow)]
    return options


def plan(options: argparse.Namespace, metas: dict[str, dict[str, Any]]) -> list[Job]:
    """Every job asked for, small sets first."""
    params = parse_params(options.set_params)
    jobs = []
    for name, meta in sorted(metas.items(), key=lambda item: cost(item[1])):
        for fold in range(n_folds(meta)):
            for model in options.models:
                ours = model == SUBJECT
                if not ours and not PEERS[model].suits(meta["tasks"]):
                    continue
                jobs.append(Job(name, fold, options.label if ours else model, model, params if ours else {}))
    return jobs


def main() -> None:
    """Run, report."""
    options = parse_arguments()
    metas = {name: read_meta(options.data / name) for name in options.sets}
    jobs = plan(options, metas)
    if not options.report_only:
        cached = read_cache(options.cache)
        due = [job for job in jobs if job.label in options.fresh or not is_done(cached.get(job.key))]
        for done, record in enumerate(run(due, options.data, options.cache, options.jobs, options.time_limit), 1):
            state = record["error"] or f"fit {record['fit_seconds']:.2f} s, predict {record['predict_seconds']:.3f} s"
            where = f"{record['set']} fold {record['fold']} {record['label']}"
            print(f"[{done}/{len(due)}] {where}: {state}", file=sys.stderr, flush=True)
    labels = list(dict.fromkeys([*(job.label for job in jobs), *options.show]))
    text = render(read_cache(options.cache), metas, labels)
    print(text)
    options.out.write_text(text)


if __name__ == "__main__":
    main()
