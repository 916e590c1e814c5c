"""Tasks, drawn from means or from probabilities of classes, with what the oracle predicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.made.functions import Rng
from benchmarks.accuracy.protocols import Floats


@dataclass(frozen=True)
class Target:
    """A task: labels ``(row,)`` and what the oracle predicts, numbers ``(row,)`` or probabilities ``(row, class)``."""

    kind: str
    labels: Floats
    oracle: Floats


def numeric_targets(rng: Rng, means: Floats, noise: float) -> list[Target]:
    """Numeric tasks with normal noise of a standard deviation relative to that of the means."""
    labels = means + noise * means.std(axis=0) * rng.normal(size=means.shape)
    return [Target("regression", y, mean) for y, mean in zip(labels.T, means.T, strict=True)]


def class_target(rng: Rng, probabilities: Floats) -> Target:
    """A task of classes drawn from probabilities ``(row, class)``."""
    cumulated = probabilities.cumsum(axis=1)
    codes = (rng.uniform(size=(len(cumulated), 1)) > cumulated[:, :-1]).sum(axis=1)
    kind = "binary" if probabilities.shape[1] == 2 else "multiclass"
    return Target(kind, codes.astype(float), probabilities)


def largest(scores: Floats, noise: float = 0.0) -> Floats:
    """Probabilities ``(row, class)`` of the class with the largest score, and of any other class by mistake."""
    n_classes = scores.shape[1]
    certain = np.eye(n_classes)[scores.argmax(axis=1)]
    return (1 - noise) * certain + noise / n_classes


def quantile_classes(values: Floats, shares: Iterable[float]) -> Floats:
    """Certain probabilities ``(row, class)`` of classes that are ranges of values with these shares of the rows."""
    bounds = np.quantile(values, np.cumsum(list(shares))[:-1])
    return np.eye(len(bounds) + 1)[np.searchsorted(bounds, values)]


def yes_or_no(scores: Floats, sharpness: float = 2.0) -> Floats:
    """Probabilities ``(row, 2)`` of a logistic model."""
    yes = 1 / (1 + np.exp(-sharpness * scores))
    return np.column_stack([1 - yes, yes])
