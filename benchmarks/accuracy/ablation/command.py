"""Ablation: what each rule of the defaults is worth on sets and made families.

One rule at a time is removed or replaced by something simpler, and the estimator is fitted to the same folds and draws
with the same random state. Sets that a rule does not concern are left out. The table is printed and written to
ablation/RESULTS.md, rendered from ablation/results.jsonl, which has one line a fit.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks.accuracy.ablation.report import AS_IS, render
from benchmarks.accuracy.ablation.rules import RULES, Shape
from benchmarks.accuracy.made.families import FAMILIES, GROUPS, PREFIX
from benchmarks.accuracy.made.report import error
from benchmarks.accuracy.options import add_process_options, run_due
from benchmarks.accuracy.protocols import main_metric, n_folds, read_meta
from benchmarks.accuracy.runner import Job, Record, read_cache, read_table
from benchmarks.accuracy.subject import SUBJECT

FOLDER = Path(__file__).parent
SETS = ["slump", "andro", "edm", "jura", "flags", "emotions"]


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy ablate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"rules: {', '.join(RULES)}",
    )
    add = parser.add_argument
    add("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the sets (default: SKMTL_DATA)")
    add("--rules", nargs="+", choices=RULES, default=list(RULES), metavar="RULE", help="only these (default: all)")
    add("--sets", nargs="*", default=SETS, metavar="SET", help=f"real sets (default: {' '.join(SETS)})")
    names = [*GROUPS, *FAMILIES]
    add(
        "--families", nargs="*", default=["small"], choices=names, metavar="NAME", help="made families (default: small)"
    )
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED", help="draws, and folds (default: 0 1 2)")
    add_process_options(parser)
    options = parser.parse_args(arguments)
    if options.data is None and options.sets and not options.report_only:
        parser.error("the data sets are missing: give --data PATH, set SKMTL_DATA, or give --sets without a name")
    options.data = Path(options.data or "")
    options.families = list(dict.fromkeys(name for entry in options.families for name in GROUPS.get(entry, [entry])))
    return options


def plan(options: argparse.Namespace) -> list[Job]:
    """Every fit asked for: that by the rules as they are, then one for each variant that concerns the table."""
    variants = [(name, f"{name}: {variant}") for name in options.rules for variant in RULES[name].variants]
    jobs = []
    for name, fold in _tables(options):
        shape = _shape(name, fold, options.data)
        concerned = [variant for rule, variant in variants if RULES[rule].concerns(shape)]
        jobs.append(Job(name, fold, AS_IS, SUBJECT))
        jobs += [Job(name, fold, variant, SUBJECT, variant=variant) for variant in concerned]
    return jobs


def _tables(options: argparse.Namespace) -> list[tuple[str, int]]:
    folds = {name: range(n_folds(read_meta(options.data / name))) for name in options.sets}
    real = [(name, seed) for name in options.sets for seed in options.seeds if seed in folds[name]]
    return [*real, *((PREFIX + name, seed) for name in options.families for seed in options.seeds)]


def _shape(name: str, fold: int, data: Path) -> Shape:
    table = read_table(Job(name, fold, AS_IS, SUBJECT), data)
    return Shape(len(table.split(fold)[0]), table.X.shape[1], frozenset(table.kinds))


def compact(record: Record) -> Record:
    """A line of the results."""
    scores = record["scores"]
    if record["set"].startswith(PREFIX):
        loss = error(scores)
    else:
        kinds = tuple(record["kinds"])
        names = [main_metric(kind, kinds) for kind in kinds]
        found = [
            task[name] if name == "rrmse" else 1 - task[name]
            for task, name in zip(scores, names, strict=True)
            if name in task
        ]
        loss = sum(found) / len(found)
    seconds = round(record["fit_seconds"], 3)
    return {"set": record["set"], "fold": record["fold"], "variant": record["label"], "loss": loss, "seconds": seconds}


def main(arguments: list[str]) -> None:
    """Run, report."""
    options = parse_arguments(arguments)
    results = FOLDER / "results.jsonl"
    if not options.report_only:
        jobs = plan(options)
        run_due(jobs, options)
        cached = read_cache(options.cache)
        fits = [cached[job.key] for job in jobs if job.key in cached]
        new = {(fit["set"], fit["fold"], fit["label"]): compact(fit) for fit in fits if not fit["error"]}
        old = read_lines(results)
        results.write_text("".join(json.dumps(line) + "\n" for line in {**old, **new}.values()))
    text = render(list(read_lines(results).values()))
    print(text)
    (FOLDER / "RESULTS.md").write_text(text)


def read_lines(path: Path) -> dict[tuple[str, int, str], Record]:
    """The lines of the results by set, fold and variant."""
    lines = map(json.loads, path.read_text().splitlines() if path.exists() else [])
    return {(line["set"], line["fold"], line["variant"]): line for line in lines}
