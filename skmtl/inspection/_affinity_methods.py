"""Methods that measure affinities of tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skmtl._sklearn import final_model
from skmtl.balancing import Recorded
from skmtl.fitting import task_features
from skmtl.inputs import LabelMatrix, all_labels_by_task, take_rows
from skmtl.inspection._affinities import (
    compare_representations,
    correlate_outputs,
    correlate_residuals,
    dissimilarities,
)
from skmtl.model_selection._subset_folds import SubsetFit
from skmtl.model_selection._subset_measurements import mean_of_known
from skmtl.model_selection._task_subsets import measure_subsets

MAX_ROWS = 200  # of a fold whose representations are compared pair by pair


@dataclass(frozen=True)
class AffinityData:
    """What an affinity is measured on; ``folds`` are further arguments of :func:`measure_subsets`."""

    estimator: Any
    X: Any
    y: Any
    sample_weight: Any
    labels: LabelMatrix
    scoring: Any
    folds: dict[str, Any]

    @property
    def singles(self) -> list[tuple[int]]:
        return [(k,) for k in range(len(self.labels.names))]

    def measure(self, subsets: Any, **options: Any) -> Any:
        return measure_subsets(
            self.estimator, self.X, self.y, subsets, sample_weight=self.sample_weight, **self.folds, **options
        )


def _gain(data: AffinityData) -> np.ndarray:
    n_tasks = len(data.labels.names)
    pairs = list(combinations(range(n_tasks), 2))
    measured = data.measure([*data.singles, *pairs], scoring=data.scoring)
    matrix = np.zeros((n_tasks, n_tasks))
    for (i, j), gains in zip(pairs, measured.gains()[n_tasks:], strict=True):
        matrix[i, j], matrix[j, i] = gains[i], gains[j]
    return matrix


def _recorded(data: AffinityData, quantity: str) -> dict[str, np.ndarray]:
    """History of a network of all tasks with a quantity of the gradients."""
    model = clone(data.estimator)
    net = final_model(model)
    method = net.balancing.balancing if isinstance(net.balancing, Recorded) else net.balancing
    net.set_params(balancing=Recorded(method, quantities=[quantity]))
    prefix = f"{model.steps[-1][0]}__" if isinstance(model, Pipeline) else ""
    weights = {} if data.sample_weight is None else {f"{prefix}sample_weight": data.sample_weight}
    history: dict[str, np.ndarray] = final_model(model.fit(data.X, data.y, **weights)).history_
    return history


def _gradient_cosine(data: AffinityData) -> np.ndarray:
    return _mean(_recorded(data, "gradient_cosines")["gradient_cosines"])


def _lookahead(data: AffinityData) -> np.ndarray:
    history = _recorded(data, "gradient_products")
    losses = history["loss"][..., None]  # (epoch, member, task, 1)
    products = history["gradient_products"]
    return _mean(np.divide(products, losses, out=np.full(products.shape, np.nan), where=losses > 0))


def _representation(data: AffinityData) -> np.ndarray:
    by_split: dict[int, dict[int, np.ndarray]] = {}

    def look(fit: SubsetFit) -> None:
        inputs = fit.result.job.inputs
        rows = np.arange(len(fit.test_rows))[:: -(-len(fit.test_rows) // MAX_ROWS)]
        few = take_rows(fit.X_test, rows)
        features = task_features(fit.result.network, inputs.layout, inputs.encoder, few, fit.tasks[0])
        by_split.setdefault(fit.split, {})[fit.tasks[0]] = dissimilarities(features)

    data.measure(data.singles, observe=look)
    similarities = [compare_representations([one[k] for k in range(len(one))]) for one in by_split.values()]
    return mean_of_known(np.array(similarities))


def _output(data: AffinityData) -> np.ndarray:
    return correlate_outputs(_out_of_fold(data, _classes(data)))


def _residual(data: AffinityData) -> np.ndarray:
    residuals = np.full(data.labels.observed.shape, np.nan)
    classes = _classes(data)
    for name, of_task in zip(data.labels.names, classes, strict=True):
        if of_task is not None and len(of_task) != 2:
            raise ValueError(
                f"method='residual' is for tasks of numbers or of two classes; task {name!r} has {len(of_task)}. "
                "Choose another method, or leave the task out."
            )
    for k, output in enumerate(_out_of_fold(data, classes)):
        seen, of_task = data.labels.observed[:, k], classes[k]
        labels = data.labels.columns[k][seen]
        truth = labels if of_task is None else labels == of_task[1]
        residuals[seen, k] = truth.astype(float) - output[seen, 0]
    return correlate_residuals(residuals)


def _classes(data: AffinityData) -> list[np.ndarray | None]:
    """Classes of each task; None for numbers."""
    net = final_model(data.estimator)
    observed = all_labels_by_task(data.labels)
    pairs = zip(net._kinds(observed), observed, strict=True)
    return [np.unique(column.labels) if kind.is_classifier else None for kind, column in pairs]


def _out_of_fold(data: AffinityData, classes: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    """What networks of single tasks say of their test rows, ``(n, n_columns)`` each, NaN of rows never tested.

    Of two classes the probability of the second; of more those of all; 0 of a class that was not trained on.
    """
    n_rows = len(data.labels.observed)
    sums = [np.zeros((n_rows, 1 if of_task is None else len(of_task))) for of_task in classes]
    counts = np.zeros((n_rows, len(classes)))

    def add(fit: SubsetFit) -> None:
        (k,) = fit.tasks
        known, of_task = fit.result.job.inputs.tasks[k].classes, classes[k]
        columns = np.arange(1) if of_task is None or known is None else np.searchsorted(of_task, known)
        np.add.at(sums[k], (fit.test_rows[:, None], columns), fit.responses[k])
        np.add.at(counts[:, k], fit.test_rows, 1)

    data.measure(data.singles, observe=add)
    counts[counts == 0] = np.nan
    means = [total / count[:, None] for total, count in zip(sums, counts.T, strict=True)]
    return [mean[:, 1:] if mean.shape[1] == 2 else mean for mean in means]


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over epochs and members, ``(n_tasks, n_tasks)``."""
    return mean_of_known(values.reshape(-1, *values.shape[2:]))


Method: TypeAlias = Literal["gain", "gradient_cosine", "lookahead", "representation", "output", "residual"]
METHODS: dict[Method, Callable[[AffinityData], np.ndarray]] = {
    "gain": _gain,
    "gradient_cosine": _gradient_cosine,
    "lookahead": _lookahead,
    "representation": _representation,
    "output": _output,
    "residual": _residual,
}
