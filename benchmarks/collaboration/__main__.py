"""Measure and print: ``python -m benchmarks.collaboration [--sets SET ...] [--seeds N]``; writes RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.collaboration import quality

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = f"""# Collaboration: results

Written by `python -m benchmarks.collaboration`. At most {quality.ROWS} training and as many test rows of each set,
{quality.NETWORKS} networks in each fit, {quality.NET}, all else at its default. Error: mean over the tasks of the
relative root squared error, of 1 - ROC-AUC of binary tasks, or of the rate of wrong classes; in brackets that of one
network of the ensemble alone, on average. Of `co_teaching` also the ROC-AUC with which `label_quality_` ranks flipped
labels. Means over the seeds; seconds of the processor are sums.
"""


def main() -> None:
    """Run what is asked for; a second run goes on where the first ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collaboration", description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("SKMTL_DATA"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", default=list(quality.SETS), help="sets; all by default")
    parser.add_argument("--seeds", type=int, default=1, help="number of draws of rows and labels")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks/collaboration.jsonl"), help="fits so far")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("the data sets are missing: give --data PATH or set SKMTL_DATA")
    import torch

    torch.set_num_threads(1)
    for r in quality.run(tuple(arguments.sets), tuple(range(arguments.seeds)), arguments.data, arguments.cache):
        sys.stderr.write(f"{r.set} {r.case} {r.method}: {np.nanmean(r.errors):.4f} in {r.seconds:.1f} s\n")
    text = HEAD + table([r for r in quality.read(arguments.cache) if r.set in arguments.sets])
    sys.stdout.write(text)
    RESULTS.write_text(text, encoding="utf-8")


def table(results: Sequence[quality.Result]) -> str:
    """A Markdown table for hidden and one for flipped labels."""
    text = ""
    for kind, methods in (("hidden", quality.for_missing()), ("flipped", quality.for_flipped())):
        own = [r for r in results if r.case.startswith(kind)]
        rows = dict.fromkeys((r.set, r.case) for r in own)
        text += f"\n## Labels {kind}\n\n| set | labels | {' | '.join(methods)} |\n|{'---|' * (len(methods) + 2)}\n"
        for name, case in rows:
            cells = [_cell([r for r in own if (r.set, r.case, r.method) == (name, case, m)]) for m in methods]
            text += f"| {name} | {case} | {' | '.join(cells)} |\n"
    return text + f"\n{sum(r.seconds for r in results):.0f} seconds of the processor in all.\n"


def _cell(results: Sequence[quality.Result]) -> str:
    if not results:
        return "-"
    whole, single = (float(np.mean([np.nanmean(getattr(r, n)) for r in results])) for n in ("errors", "single"))
    rankings = [r.ranking for r in results if r.ranking is not None]
    return f"{whole:.4f} ({single:.4f})" + (f", ranks {np.mean(rankings):.3f}" if rankings else "")


if __name__ == "__main__":
    main()
