"""Measure and print: ``python -m benchmarks.balancing [cost] [quality] [--data PATH]``; writes RESULTS.md."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Balancing: results

Written by `python -m benchmarks.balancing`. What the figures mean for a choice of method stands in
`docs/balancing.md`.
"""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.balancing", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="cost, quality; both by default")
    parser.add_argument("--tasks", nargs="+", type=int, default=[2, 8, 32], help="numbers of tasks for cost")
    parser.add_argument("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", help="sets for quality; all by default")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks/balancing.jsonl"), help="fits so far")
    parser.add_argument("--report-only", action="store_true", help="quality: fit nothing, print what the cache holds")
    arguments = parser.parse_args()
    arguments.parts = arguments.parts or ["cost", "quality"]
    if set(arguments.parts) - {"cost", "quality"}:
        parser.error("parts are cost and quality.")
    return arguments


def main() -> None:
    """Run the parts asked for; each section is printed and written as soon as it is done."""
    arguments = parse()
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    import torch

    torch.set_num_threads(1)
    if "cost" in arguments.parts:
        for n_tasks in arguments.tasks:
            _cost(n_tasks)
    if "quality" in arguments.parts:
        _quality(arguments)


def _cost(n_tasks: int) -> None:
    from benchmarks.balancing import cost
    from benchmarks.balancing.report import cost_table
    from benchmarks.balancing.steps import Shape

    shape, wide = Shape(*cost.SHAPE, n_tasks), Shape(*cost.DEFAULT, n_tasks)
    ratios, static, failures = cost.measure(shape)
    stacked, stacked_static, _ = cost.measure(wide, cost.MEMBERS, rivals=False)
    text = (
        f"One thread, float32; time of a step over that of static weights, whose step takes {static * 1e6:.0f} us at "
        f"{shape.label}, one member. Medians of the ratios within a round, {cost.ROUNDS} rounds.\n\n"
        f"{cost_table(ratios)}\n\n"
        f"The default net, {wide.label}, {cost.MEMBERS} members; static: {stacked_static * 1e3:.1f} ms.\n\n"
        f"{cost_table(stacked)}\n"
    )
    if failures:
        text += "\nNot measured:\n\n" + "".join(f"- {failure}\n" for failure in failures)
    _write(f"(cost) T = {n_tasks}", text)


def _quality(arguments: argparse.Namespace) -> None:
    from benchmarks.balancing import quality
    from benchmarks.balancing.report import longer, quality_table

    sets = tuple(arguments.sets or quality.SETS)
    if not arguments.report_only:
        for result in quality.run(sets, arguments.data, arguments.cache):
            sys.stderr.write(f"{result.set} {result.seed} {result.method}: {result.seconds:.1f} s {result.note}\n")
    results = [result for result in quality.read(arguments.cache) if result.set in sets]
    notes = [f"{r.set} {r.note.split()[0]}" for r in results if r.note and r.method == quality.TUNED]
    text = (
        f"{quality.TRAIN_ROWS} training and up to {quality.TEST_ROWS} test rows drawn from each set, "
        f"{len(quality.SEEDS)} draws, {quality.NET}, all else at its default. Error: root relative squared error, or "
        f"1 - ROC-AUC of a binary task. delta_m: mean relative improvement on the single-task reference in percent, "
        f"greater is better. Tuned static weights: random weights over three decades, chosen on a fifth of the "
        f"training rows and fitted on all, together in the median time of a fit with gradient='parameters'.\n\n"
        f"{quality_table(results)}\n\nCandidates of the tuned weights, one number a fit: {', '.join(notes)}.\n\n"
        f"Weights tuned in ten times the time, delta_m on the first draw, that of equal weights in brackets: "
        f"{longer(results)}.\n"
    )
    _write("(quality) What the methods buy", text)


def _write(title: str, text: str) -> None:
    """Print a section and put it in the results file, in place of its former self."""
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; torch {version('torch')}, "
        f"torchjd {version('torchjd')}, LibMTL {version('LibMTL')}; `python -m benchmarks.balancing "
        f"{' '.join(sys.argv[1:])}`"
    )
    section = f"## {title}\n\n{machine}\n\n{text}"
    sys.stdout.write(section + "\n")
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    sections = {part.split("\n", 1)[0]: part for part in re.split(r"^(?=## )", old, flags=re.MULTILINE)[1:]}
    sections[f"## {title}"] = section
    parts = sorted(sections, key=lambda name: [int(s) if s.isdigit() else s for s in re.split(r"(\d+)", name)])
    RESULTS.write_text("\n".join([HEAD, *(sections[name].rstrip() + "\n" for name in parts)]), encoding="utf-8")


if __name__ == "__main__":
    main()
