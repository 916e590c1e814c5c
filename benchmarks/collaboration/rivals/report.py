"""The tables in Markdown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.collaboration.rivals.measure import Result
from benchmarks.collaboration.rivals.models import N_COHORTS, N_FOLDS, N_TREES, independent, methods
from benchmarks.collaboration.rivals.sets import TEST_ROWS, TEXT_COMPONENTS

HEAD = """# Networks that learn from one another

Written by `python -m benchmarks.collaboration.rivals`. {rows} training and up to {test} test rows drawn from each set,
{seeds} draw(s), {cores} cores, load {load:.1f}. Networks of one hidden layer of 64 units, {max_iter} epochs at most,
{cohorts} cohorts that hold out a fold of {folds} each, no input scaling and no local correction; methods have their
defaults, but co-teaching is told the rate of flipped labels, mean_teacher has decay=0.99, and the two views of co-
training are the even and the odd columns. Independent networks are as many, with the same rows held out and stopped
early alike. Texts are {text} components of tf-idf and images means of 2 x 2 pixels, for all models. Flipped: a class
replaced by another at random, a number by that of another row. Test labels are as they were.

Scores are means over the tasks on test rows: ROC-AUC of binary tasks, accuracy of others, R2 of numbers beside classes;
in sets of numbers alone the relative root mean squared error (aRRMSE), for which lower is better. Single: the network
that `compact` keeps; cohort: mean score of the cohorts; ensemble: all networks. Gradient boosting fits {trees} trees a
class to each task alone, at twice the default rate; SelfTrainingClassifier fits it up to three times, and numbers,
which it does not take, once. Seconds of the processor for a fit.
"""
ERROR_SETS = ("sarcos_test", "scm20d")
SIZES = ("single", "cohort", "ensemble")


def render(results: Sequence[Result]) -> str:
    """All tables."""
    first = results[0]
    head = HEAD.format(
        rows=first.rows,
        test=TEST_ROWS,
        trees=N_TREES,
        text=TEXT_COMPONENTS,
        seeds=len({r.seed for r in results}),
        cores=os.cpu_count(),
        load=os.getloadavg()[0],
        max_iter=first.max_iter,
        cohorts=N_COHORTS,
        folds=N_FOLDS,
    )
    parts = [head, _gains(results), _compared(results), _rankings(results)]
    parts += [_scores(name, [r for r in results if r.set == name]) for name in _unique(r.set for r in results)]
    return "\n".join(part for part in parts if part)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _mean(results: Iterable[Result], size: str) -> float:
    found = [r.scores[size] for r in results if size in r.scores]
    return float(np.mean(found)) if found else np.nan


def _gain(results: Sequence[Result], name: str, damage: str, model: str, other: str, size: str) -> float:
    """Gain of a model over another: points of a score, or percent of aRRMSE; greater is better."""
    own, reference = (
        _mean([r for r in results if (r.set, r.damage, r.model) == (name, damage, m)], size) for m in (model, other)
    )
    return 100 * (1 - own / reference) if name in ERROR_SETS else 100 * (own - reference)


def _gains(results: Sequence[Result]) -> str:
    """Gain of each method over independent networks, by set, damage and size."""
    sets = _unique(r.set for r in results)
    rows = []
    for model in _unique(r.model for r in results if r.model in methods()):
        for damage in _unique(r.damage for r in results):
            for size in SIZES:
                gains = [_gain(results, s, damage, model, independent(methods()[model]), size) for s in sets]
                rows.append([model, damage, size, *(f"{gain:+.1f}" for gain in gains), f"{np.nanmean(gains):+.1f}"])
    title = "## Gain over as many independent networks\n\nPoints of the score, percent of aRRMSE; above 0 is better.\n"
    return f"{title}\n{_table(['method', 'labels', 'size', *sets, 'mean'], rows)}"


def _compared(results: Sequence[Result]) -> str:
    """One network after mutual learning beside the ensembles."""
    sets, reference = _unique(r.set for r in results), independent(methods()["mutual"])
    if not {"mutual", reference} <= {r.model for r in results}:
        return ""
    rows = []
    for damage in _unique(r.damage for r in results):
        for model in ("mutual", reference):
            own = [[r for r in results if (r.set, r.damage, r.model) == (s, damage, model)] for s in sets]
            differences = [_mean(one, "single") - _mean(one, "ensemble") for one in own]
            rows.append([model, damage, *(f"{difference:+.3f}" for difference in differences)])
    title = "## One network less its own ensemble\n\nDifference of the scores; that of aRRMSE is better below 0.\n"
    return f"{title}\n{_table(['networks', 'labels', *sets], rows)}"


def _rankings(results: Sequence[Result]) -> str:
    """ROC-AUC of flipped labels by ranking."""
    ranked = [r for r in results if r.ranking]
    if not ranked:
        return ""
    sets, rows = _unique(r.set for r in ranked), []
    for damage in _unique(r.damage for r in ranked):
        for model in _unique(r.model for r in ranked):
            own = [r for r in ranked if (r.damage, r.model) == (damage, model)]
            for ranking in _unique(name for r in own for name in r.ranking):
                found = [[r.ranking[ranking] for r in own if r.set == s and ranking in r.ranking] for s in sets]
                rows.append([damage, model, ranking, *(f"{np.mean(aucs):.3f}" if aucs else "" for aucs in found)])
    title = (
        "## Flipped labels found\n\nROC-AUC of a ranking of the labels that a cohort held out, mean over tasks. "
        "Self-confidence is cleanlab's ranking, the out-of-fold probability of the given label, computed here from "
        "`oof_proba_` (the package itself is not used); `label_quality_` of classes is that probability, too.\n"
    )
    return f"{title}\n{_table(['labels', 'networks', 'ranking', *sets], rows)}"


def _scores(name: str, results: Sequence[Result]) -> str:
    """Scores of all models on a set."""
    rows = []
    for damage in _unique(r.damage for r in results):
        for model in _unique(r.model for r in results):
            own = [r for r in results if (r.damage, r.model) == (damage, model)]
            scores = (_mean(own, size) for size in SIZES)
            seconds = f"{np.mean([r.seconds for r in own]):.1f}"
            rows.append([damage, model, *("" if np.isnan(s) else f"{s:.3f}" for s in scores), seconds])
    unit = " (aRRMSE)" if name in ERROR_SETS else ""
    return f"## {name}{unit}\n\n{_table(['labels', 'model', *SIZES, 'seconds'], rows)}"
