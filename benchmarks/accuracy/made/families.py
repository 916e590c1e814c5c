"""Made tables: families of problems whose best possible score is known, with as many draws as there are seeds.

A family draws its function, its rows and its noise from the seed. The oracle knows the function but not the noise: it
predicts the mean of a number and the true probabilities of classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.made.functions import Rng, boxes, linear, products, smooth, standardized, steps, waves
from benchmarks.accuracy.made.targets import Target, class_target, largest, numeric_targets, quantile_classes, yes_or_no
from benchmarks.accuracy.protocols import Features, Floats, Table, score_tasks

PREFIX = "made/"  # of a family where sets are named
TEST_ROWS = 3000

Draw = Callable[[Rng, int], tuple[Features, list[Target]]]


@dataclass(frozen=True)
class Family:
    """How to draw a table of training and test rows together; ``n_train`` of them may lack labels."""

    n_train: int
    draw: Draw
    missing: float = 0.0  # share of the training labels

    @property
    def large(self) -> bool:
        """Whether a fit takes a minute or more."""
        return self.n_train > 10_000


def _normal(rng: Rng, n_rows: int, n_columns: int) -> Floats:
    return rng.normal(size=(n_rows, n_columns))


def _numeric(function: Callable[..., Floats], n_columns: int, n_tasks: int, noise: float, relevant: int = 0) -> Draw:
    """Numbers that a function of all or of the first ``relevant`` columns gives."""

    def draw(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
        X = _normal(rng, n_rows, n_columns)
        means = function(rng, X[:, : relevant or n_columns], n_tasks)
        return X, numeric_targets(rng, means, noise)

    return draw


def _one_of(
    function: Callable[..., Floats], n_columns: int, n_classes: int, noise: float = 0.0, relevant: int = 0
) -> Draw:
    """One task of classes, the largest of ``n_classes`` functions of all or of the first ``relevant`` columns."""

    def draw(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
        X = _normal(rng, n_rows, n_columns)
        scores = function(rng, X[:, : relevant or n_columns], n_classes)
        return X, [class_target(rng, largest(scores, noise))]

    return draw


def _periodic(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    X = rng.uniform(-2, 2, size=(n_rows, 6))
    return X, [class_target(rng, quantile_classes(waves(rng, X, 1)[:, 0], [1 / 3] * 3))]


def _rare_classes(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    X = _normal(rng, n_rows, 10)
    values = smooth(rng, X, 1)[:, 0] + 0.2 * rng.normal(size=n_rows)
    certain = quantile_classes(values, [0.72, 0.2, 0.05, 0.02, 0.01])
    return X, [class_target(rng, 0.97 * certain + 0.03 * certain.mean(axis=0))]


def _heavy_tails(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    """Lognormal columns, a smooth function of their logarithms, and noise of three degrees of freedom."""
    logs = _normal(rng, n_rows, 10)
    means = smooth(rng, logs, 2)
    labels = means + 0.3 * rng.standard_t(3, size=means.shape)
    return np.exp(1.5 * logs), [Target("regression", y, mean) for y, mean in zip(labels.T, means.T, strict=True)]


def _skewed(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    """Amounts: exponentials of a smooth function with noise of 30%; the oracle predicts their mean."""
    X = _normal(rng, n_rows, 8)
    means = np.exp(smooth(rng, X, 2))
    noise = np.exp(0.3 * rng.normal(size=means.shape) - 0.045)
    return X, [Target("regression", y, mean) for y, mean in zip((means * noise).T, means.T, strict=True)]


def _nearly_linear_wide(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    """Correlated columns, all of which matter a little, to targets that bend slightly."""
    factors = _normal(rng, n_rows, 20)
    X = standardized(factors @ rng.normal(size=(20, 150)) / np.sqrt(20) + 0.5 * _normal(rng, n_rows, 150))
    return X, numeric_targets(rng, standardized(linear(rng, X, 4) + 0.15 * smooth(rng, factors, 4)), 0.25)


def _categories(rng: Rng, n_rows: int) -> tuple[pd.DataFrame, list[Target]]:
    """Four columns of numbers beside four of 3 to 30 categories, some of them rare, each with an effect of its own."""
    numbers = _normal(rng, n_rows, 4)
    frame = pd.DataFrame(numbers, columns=[f"number{i}" for i in range(4)])
    means = smooth(rng, numbers, 2)
    for column, n_categories in enumerate((3, 6, 12, 30)):
        codes = rng.choice(n_categories, size=n_rows, p=rng.dirichlet(np.ones(n_categories)))
        means = means + 0.5 * rng.normal(size=(n_categories, 2))[codes] * (1 + 0.5 * numbers[:, [column]])
        frame[f"category{column}"] = pd.Categorical([f"level {code}" for code in codes])
    return frame, numeric_targets(rng, standardized(means), 0.3)


def _unrelated(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    """Eight tasks, each of its own two columns and its own shape."""
    X = _normal(rng, n_rows, 16)
    shapes = [linear, steps, products, smooth] * 2
    means = [shape(rng, X[:, [2 * t, 2 * t + 1]], 1) for t, shape in enumerate(shapes)]
    return X, numeric_targets(rng, np.column_stack(means), 0.3)


def _equal(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    """Twenty noisy copies of one task."""
    X = _normal(rng, n_rows, 10)
    return X, numeric_targets(rng, np.repeat(smooth(rng, X, 1), 20, axis=1), 1.0)


def _few_latent(n_columns: int, n_latent: int, n_tasks: int, noise: float) -> Draw:
    """Numbers that mix ``n_latent`` smooth functions, with a small part of their own."""

    def draw(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
        X = _normal(rng, n_rows, n_columns)
        common = smooth(rng, X, n_latent) @ rng.normal(size=(n_latent, n_tasks))
        return X, numeric_targets(rng, standardized(common) + 0.2 * linear(rng, X, n_tasks), noise)

    return draw


def _binary_tasks(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    """Six related yes-or-no tasks."""
    X = _normal(rng, n_rows, 12)
    scores = standardized(smooth(rng, X, 3) @ rng.normal(size=(3, 6)))
    return X, [class_target(rng, yes_or_no(score, 3.0)) for score in scores.T]


def _mixed(rng: Rng, n_rows: int) -> tuple[Floats, list[Target]]:
    """Two numbers and two tasks of classes of the same three smooth functions."""
    X = _normal(rng, n_rows, 10)
    latent = smooth(rng, X, 3)
    mixes = standardized(latent @ rng.normal(size=(3, 2)))
    classes = [class_target(rng, largest(latent, 0.1)), class_target(rng, yes_or_no(latent[:, 0]))]
    return X, numeric_targets(rng, mixes, 0.3) + classes


FAMILIES = {
    "thirty_rows": Family(30, _numeric(linear, 4, 2, 0.4)),
    "smooth_few_rows": Family(45, _numeric(smooth, 5, 1, 0.3)),
    "classes_few_rows": Family(60, _one_of(linear, 6, 3, 0.1)),
    "linear": Family(200, _numeric(linear, 20, 3, 0.5)),
    "smooth": Family(1000, _numeric(smooth, 8, 3, 0.1)),
    "steps": Family(1000, _numeric(steps, 10, 2, 0.2)),
    "interactions": Family(1000, _numeric(products, 10, 2, 0.2)),
    "periodic_numbers": Family(2000, _numeric(waves, 6, 2, 0.2)),
    "products_of_steps": Family(400, _numeric(boxes, 8, 1, 0.1)),
    "irrelevant_numbers": Family(150, _numeric(smooth, 60, 2, 0.2, relevant=4)),
    "nearly_linear_wide": Family(300, _nearly_linear_wide),
    "heavy_tails": Family(800, _heavy_tails),
    "skewed": Family(800, _skewed),
    "categories": Family(1200, _categories),
    "unrelated_tasks": Family(500, _unrelated),
    "related_tasks": Family(200, _few_latent(15, 3, 10, 0.5)),
    "equal_tasks": Family(120, _equal),
    "fifty_tasks": Family(400, _few_latent(15, 4, 50, 0.3)),
    "periodic": Family(4000, _periodic),
    "irrelevant": Family(2000, _one_of(smooth, 60, 3, relevant=3)),
    "steps_classes": Family(1000, _one_of(steps, 10, 4, 0.1)),
    "label_noise": Family(2000, _one_of(smooth, 20, 3, 0.3)),
    "rare_classes": Family(3000, _rare_classes),
    "missing_labels": Family(800, _binary_tasks, missing=0.6),
    "mixed": Family(800, _mixed),
    "smooth_classes": Family(5000, _one_of(smooth, 20, 4)),
    "smooth_classes_large": Family(50_000, _one_of(smooth, 20, 4)),
    "smooth_large": Family(50_000, _numeric(smooth, 20, 5, 0.3)),
    "steps_huge": Family(100_000, _numeric(steps, 10, 1, 0.3)),
}
GROUPS = {
    "small": [name for name, family in FAMILIES.items() if not family.large],
    "large": [name for name, family in FAMILIES.items() if family.large],
    "all": list(FAMILIES),
}


def draw(name: str, seed: int) -> tuple[Table, list[Floats]]:
    """A table, whose fold ``seed`` is the test part, and what the oracle predicts for each task and row."""
    family = FAMILIES[name]
    rng = np.random.default_rng([seed, *name.encode()])
    X, targets = family.draw(rng, family.n_train + TEST_ROWS)
    test = np.arange(len(X)) >= family.n_train
    labels = np.column_stack([target.labels for target in targets])
    labels[(rng.uniform(size=labels.shape) < family.missing) & ~test[:, None]] = np.nan
    Y = pd.DataFrame(labels, columns=[f"task{t}" for t in range(len(targets))])
    kinds = tuple(target.kind for target in targets)
    fold: NDArray[np.int64] = np.where(test, seed, seed + 1)
    return Table(PREFIX + name, X, Y, kinds, fold), [target.oracle for target in targets]


def oracle_scores(name: str, seed: int) -> list[dict[str, float]]:
    """The scores of the oracle by task."""
    table, oracle = draw(name, seed)
    train, test = table.split(seed)
    return score_tasks(table, train, test, [output[test] for output in oracle])
