"""What each rule is worth, from the lines of the fits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from benchmarks.accuracy.ablation.rules import RULES
from benchmarks.accuracy.protocols import Floats
from benchmarks.accuracy.report import markdown_table
from benchmarks.accuracy.runner import Record

AS_IS = "as is"
SMALLEST_LOSS = 0.003  # of ten wrong rows of 3000: below it a ratio says nothing
NEGLIGIBLE = 0.1  # per cent
HEAD = """# What the rules of the defaults are worth

Written by `python -m benchmarks.accuracy ablate`. In place of a rule stands its variant, on the same folds and draws.
Change: the logarithm of the ratio of losses in per cent, above 0 where the rule does better than the variant; its mean
over sets, with a standard error over sets that includes the noise of folds and draws. A loss is the relative RMSE,
1 - AUC, or the share of wrong classes. Seconds: ratio of the processor time, variant to rule.

A rule is worth keeping where every variant is worse by more than two standard errors and by more than .1%. "Chosen
without the set" takes for each set the choice, rule or variant, that is the best on all others, and says what this
choice costs there.
"""
Changes = dict[str, Floats]  # set -> (fold,)


def render(lines: Iterable[Record]) -> str:
    """The page."""
    changes, seconds = paired(lines)
    rows = []
    for rule, of in RULES.items():
        measured = {name: changes[f"{rule}: {name}"] for name in of.variants if f"{rule}: {name}" in changes}
        rejected = left_out_losses(measured) if measured else {}
        for name, by_set in measured.items():
            mean, error = summary(by_set)
            means = {set_: values.mean() for set_, values in by_set.items()}
            low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
            rows.append(
                [
                    rule,
                    name,
                    str(len(by_set)),
                    f"{mean:+.2f} +- {error:.2f}",
                    verdict(mean, error),
                    f"{high} {means[high]:+.1f}",
                    f"{low} {means[low]:+.1f}",
                    f"{seconds[f'{rule}: {name}']:.2f}",
                ]
            )
        if rejected:
            rows.append(
                [
                    rule,
                    "chosen without the set",
                    str(len(rejected)),
                    f"{np.mean(list(rejected.values())):+.2f}",
                    "",
                    *_worst(rejected),
                    "",
                    "",
                ]
            )
    head = ["rule", "variant", "sets", "change %", "verdict", "gains most by the rule", "loses most", "seconds"]
    return HEAD + "\n" + markdown_table(head, rows)


def paired(lines: Iterable[Record]) -> tuple[dict[str, Changes], dict[str, float]]:
    """By variant: changes of the loss in per cent by set and fold, and the ratio of seconds."""
    found = {(line["set"], line["fold"], line["variant"]): line for line in lines}
    changes: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, list[float]] = defaultdict(list)
    for (name, fold, variant), line in found.items():
        base = found.get((name, fold, AS_IS))
        if variant != AS_IS and base is not None:
            losses = np.maximum([line["loss"], base["loss"]], SMALLEST_LOSS)
            changes[variant][name].append(100 * float(np.log(losses[0] / losses[1])))
            seconds[variant].append(float(np.log(line["seconds"] / base["seconds"])))
    arrays = {variant: {name: np.array(of) for name, of in by.items()} for variant, by in changes.items()}
    return arrays, {variant: float(np.exp(np.mean(of))) for variant, of in seconds.items()}


def summary(by_set: Changes) -> tuple[float, float]:
    """Mean over sets and its standard error."""
    means = np.array([values.mean() for values in by_set.values()])
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    return float(means.mean()), float(error)


def verdict(mean: float, error: float) -> str:
    """What the change says about the rule."""
    if np.isnan(error):
        return "one set"
    if abs(mean) < max(2 * error, NEGLIGIBLE):
        return "below noise"
    return "rule helps" if mean > 0 else "variant better"


def left_out_losses(measured: dict[str, Changes]) -> dict[str, float]:
    """By set: the change there of the choice, 0 for the rule, that is the best on all other sets."""
    means = {name: {set_: values.mean() for set_, values in by_set.items()} for name, by_set in measured.items()}
    losses = {}
    for left_out in sorted(set.intersection(*(set(of) for of in means.values()))):
        others = {
            name: np.mean([v for set_, v in of.items() if set_ != left_out] or [0.0]) for name, of in means.items()
        }
        best = min(others, key=others.__getitem__)
        losses[left_out] = means[best][left_out] if others[best] < 0 else 0.0
    return losses


def _worst(losses: dict[str, float]) -> list[str]:
    worst = max(losses, key=losses.__getitem__)
    return [f"{worst} {losses[worst]:+.1f}"]
