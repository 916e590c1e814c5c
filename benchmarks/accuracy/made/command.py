"""Made families, whose best possible score is known: the error of skmtl beside that of scikit-learn's models.

Every draw of a family is a table of its own: another function, other rows, 3000 test rows. The error is the root of
the squared error relative to that of the training mean, or the share of wrong classes, its mean over tasks, then draws.
Regret is the error above that of the family's best peer, in per cent of the latter, for classes also in points.
The peers' results are read from the cache and from benchmarks/accuracy/made/peers.jsonl; skmtl is always fitted anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.accuracy.made.families import FAMILIES, GROUPS, PREFIX
from benchmarks.accuracy.made.report import render
from benchmarks.accuracy.options import add_run_options, run_due, without_missing_packages
from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.runner import Job, read_cache
from benchmarks.accuracy.subject import SUBJECT, variant

KNOWN = Path(__file__).parent / "peers.jsonl"
MADE_PEERS = ["linear", "forest", "extra_trees", "hist_boosting", "mlp"]


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy made",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"families: {', '.join(GROUPS['small'])}; with over 10,000 rows: {', '.join(GROUPS['large'])}",
    )
    add = parser.add_argument
    choices = [*GROUPS, *FAMILIES]
    add(
        "--families",
        nargs="+",
        default=["small"],
        choices=choices,
        metavar="NAME",
        help="or small, large, all (default: small)",
    )
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED", help="draws (default: 0 1 2)")
    models = [SUBJECT, *MADE_PEERS]
    add(
        "--models",
        nargs="+",
        default=models,
        choices=[SUBJECT, *PEERS],
        metavar="MODEL",
        help=f"default: {', '.join(models)}",
    )
    add_run_options(parser)
    options = parser.parse_args(arguments)
    options.models = without_missing_packages(options.models)
    options.data = Path()  # made tables need no folder
    options.label = options.label or variant(options.params)
    options.families = list(dict.fromkeys(name for entry in options.families for name in GROUPS.get(entry, [entry])))
    return options


def plan(options: argparse.Namespace) -> list[Job]:
    """Every job asked for, small families first."""
    jobs = []
    for name in sorted(options.families, key=lambda name: FAMILIES[name].n_train):
        for seed in options.seeds:
            for model in options.models:
                ours = model == SUBJECT
                label, params = (options.label, options.params) if ours else (model, {})
                jobs.append(Job(PREFIX + name, seed, label, model, params))
    return jobs


def main(arguments: list[str]) -> None:
    """Run, report."""
    options = parse_arguments(arguments)
    jobs = plan(options)
    known = read_cache(KNOWN)
    if not options.report_only:
        run_due(jobs, options, again=[options.label], known=known)
    labels = list(dict.fromkeys([*(job.label for job in jobs), *options.show]))
    print(render({**known, **read_cache(options.cache)}, options.families, options.seeds, labels))
