"""Counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl.tasks._kind import MIN_FRACTION, Task
from skmtl.tasks._numeric import Numeric


class Poisson(Numeric):
    """Counts and other non-negative numbers; Poisson deviance of an output z that is the log of the rate.

    l = 2 (y log y - y z - y + exp(z)), dl/dz = 2 (exp(z) - y). Targets are divided by their mean, not centred, which
    divides the deviance by the same number.
    """

    takes_transform = False  # the log link is one

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn the mean; see :meth:`Kind.fit`."""
        labels = labels.astype(np.float64)
        self._require_counts(name, labels)
        if np.ptp(labels) == 0:
            return Task(name, self, center=float(labels[0]), scale=0.0)
        return Task(name, self, center=0.0, scale=float(np.average(labels, weights=weights)))

    def keep_open(self, task: Task) -> Task:
        """Give counts that are constant so far a scale; see :meth:`Kind.keep_open`."""
        return task if task.scale else replace(task, center=0.0, scale=task.center or 1.0)

    def encode(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """Counts over their mean; see :meth:`Kind.encode`."""
        self._require_counts(task.name, labels)
        return super().encode(task, labels)

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Log of the mean of the scaled targets, which is 1; see :meth:`Kind.initial_bias`."""
        return np.zeros(1)

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Poisson deviance; see :meth:`Kind.loss_gradient`."""
        rate = outputs.exp()
        log_likelihood_gap = torch.xlogy(targets, targets) - targets - targets * outputs + rate
        return log_likelihood_gap.mul_(2), (rate - targets).mul_(2)

    @staticmethod
    def _require_counts(name: Any, labels: np.ndarray) -> None:
        if len(labels) and labels.min() < 0:
            raise ValueError(
                f"Task {name!r}: the Poisson loss needs non-negative targets; found {labels.min():g}. "
                f"Use loss='squared_error' for it."
            )

    def response(self, tasks: Sequence[Task], outputs: np.ndarray) -> np.ndarray:
        """Rates in the units of the labels; see :meth:`Kind.response`."""
        return super().response(tasks, np.exp(outputs.astype(np.float64)))

    def outputs(self, task: Task, response: np.ndarray) -> np.ndarray:
        """Logs of the rates; see :meth:`Kind.outputs`."""
        logs: np.ndarray = np.log(super().outputs(task, response))
        return logs

    def ideal_response(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """The count; see :meth:`Kind.ideal_response`."""
        return labels.astype(np.float64)[:, None]

    def shift(self, response: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Rates stay positive; see :meth:`Kind.shift`."""
        shifted: np.ndarray = np.maximum(response + change, MIN_FRACTION * response)
        return shifted

    def possible(self, numbers: np.ndarray) -> np.ndarray:
        """Counts are not negative; see :meth:`Kind.possible`."""
        counts: np.ndarray = np.maximum(numbers, 0.0)
        return counts

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Metrics of counts; see :meth:`Kind.metrics`."""
        return {"r2": {}, "poisson_deviance": {}, "mae": {}}
