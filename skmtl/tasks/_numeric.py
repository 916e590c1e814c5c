"""What numeric targets have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import erfc
from torch import Tensor

from skmtl.inputs import weighted_quantile
from skmtl.tasks._kind import Kind, Task
from skmtl.tasks._scores import r2

NORMAL_RANGE = 1.349  # interquartile range of a standard normal variable
NORMAL_DEVIATION = NORMAL_RANGE / 2  # median absolute value of one


def cut_square(residual: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Square of a residual r, linear beyond ``bound``, and its derivative; ``residual`` is overwritten.

    With c = r cut to the bound that is g (r - g / 4), and g = 2 c.
    """
    if bound == np.inf:
        return residual.square(), residual.mul_(2)
    gradient = residual.clamp(-bound, bound).mul_(2)
    return residual.sub_(gradient, alpha=0.25).mul_(gradient), gradient


def cut_square_sums(residual: Tensor, bound: float, weights: Tensor | None, factors: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of :func:`cut_square` and their derivative; see ``Kind.residual_sums``.

    Half the loss is c (r - c / 2), and half its derivative c.
    """
    cut = residual.clamp(-bound, bound)
    residual.sub_(cut, alpha=0.5)
    if weights is not None:
        cut.mul_(weights)
    return residual.mul_(cut).sum(1).mul_(2), cut.mul_(2 * factors)


def huber_location(encoded: np.ndarray, weights: np.ndarray, bound: float) -> float:
    """Where residuals cut to the bound balance (Huber, 1964)."""
    if np.ptp(encoded) == 0:
        return float(encoded[0])

    def pull(location: float) -> float:
        return float(weights @ (location - encoded).clip(-bound, bound))

    return float(brentq(pull, encoded.min(), encoded.max()))


def robust_scaling(labels: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Weighted median, and interquartile range over that of a standard normal variable."""
    low, median, high = weighted_quantile(labels.astype(np.float64)[:, None], weights, [0.25, 0.5, 0.75])[:, 0]
    return float(median), float(high - low) / NORMAL_RANGE


class Numeric(Kind):
    """Numbers, standardised by their weighted mean and standard deviation over the observed cells."""

    is_classifier = False
    takes_transform = True

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn centre and scale; see :meth:`Kind.fit`."""
        labels = labels.astype(np.float64)
        if np.ptp(labels) == 0:
            return Task(name, self, center=float(labels[0]), scale=0.0)
        unit = float(np.abs(labels).max())  # squares of very large or small numbers would leave the range of floats
        mean = float(np.average(labels / unit, weights=weights))
        deviation = float(np.sqrt(np.average((labels / unit - mean) ** 2, weights=weights)))
        return Task(name, self, center=mean * unit, scale=deviation * unit)

    def keep_open(self, task: Task) -> Task:
        """Give a target that is constant so far a scale; see :meth:`Kind.keep_open`."""
        return task if task.scale else replace(task, scale=abs(task.center) or 1.0)

    def go_on(self, task: Task, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn the scale of a target that has been constant until now; see :meth:`Kind.go_on`."""
        if task.scale or not len(labels):
            return task
        if (labels == labels[0]).all() and task.transformed(labels[:1])[0] == task.center:
            return task
        return self.fit_transformed(task.transform, task.name, labels, weights)

    def encode(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """Numbers to standardised numbers; see :meth:`Kind.encode`."""
        return self._standardised(task, task.transformed(labels))

    @staticmethod
    def _standardised(task: Task, numbers: np.ndarray) -> np.ndarray:
        standardised: np.ndarray = (numbers.astype(np.float64) - task.center) / (task.scale or 1.0)
        return standardised

    def belief(self, outputs: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """The outputs, whatever the temperature; see :meth:`Kind.belief`."""
        return outputs

    def disagreement(self, beliefs: Tensor, others: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """Squared difference of outputs; see :meth:`Kind.disagreement`."""
        return (beliefs - others).square()

    def pull(self, temperature: float) -> float:
        """2; see :meth:`Kind.pull`."""
        return 2.0

    def hardened(self, belief: Tensor, n_tasks: int) -> Tensor:
        """The number; see :meth:`Kind.hardened`."""
        return belief

    def certainty(self, beliefs: Tensor, n_tasks: int) -> Tensor:
        """1 minus the variance of the peers' outputs; see :meth:`Kind.certainty`."""
        return 1 - beliefs.var(1, keepdim=True)

    def correctness(self, belief: Tensor, targets: Tensor, n_tasks: int) -> Tensor:
        """1 minus the squared error; see :meth:`Kind.correctness`."""
        return 1 - (belief - targets).square()

    def constant_correctness(self, targets: Tensor, weights: Tensor, n_tasks: int) -> Tensor:
        """0, as targets are standardised; see :meth:`Kind.constant_correctness`."""
        return torch.zeros_like(weights[..., :1, :])

    def label_quality(self, task: Task, labels: np.ndarray, response: np.ndarray) -> np.ndarray:
        """Probability of a normal residual as large, scaled by the median; see :meth:`Kind.label_quality`."""
        residual = np.abs(task.transformed(labels) - response[:, 0])
        scale = float(np.median(residual)) / NORMAL_DEVIATION
        quality: np.ndarray = erfc(residual / (scale * np.sqrt(2))) if scale > 0 else (residual == 0).astype(float)
        return quality

    def response(self, tasks: Sequence[Task], outputs: np.ndarray) -> np.ndarray:
        """Outputs back to the units of the labels; see :meth:`Kind.response`."""
        numbers: np.ndarray = outputs * np.asarray([task.scale for task in tasks])
        numbers += np.asarray([task.center for task in tasks])
        return numbers[..., None]

    def outputs(self, task: Task, response: np.ndarray) -> np.ndarray:
        """Numbers to standardised numbers; see :meth:`Kind.outputs`."""
        return self._standardised(task, response)

    def decode(self, task: Task, outputs: np.ndarray) -> np.ndarray:
        """Mean over the members, but of equal constants without its rounding; see :meth:`Kind.decode`."""
        return task.restored(outputs[:, 0] if task.scale else np.full(len(outputs), task.center))

    @staticmethod
    def quantile(encoded: np.ndarray, weights: np.ndarray, level: float | Sequence[float]) -> np.ndarray:
        """Weighted quantiles of encoded labels, ``(n_levels,)``."""
        locations: np.ndarray = weighted_quantile(encoded[:, None], weights, level)[:, 0]
        return locations

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Metrics of numbers; see :meth:`Kind.metrics`."""
        return {"r2": {}, "rmse": {}, "mae": {}}

    def metric(self, y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray) -> float:
        """R2; see :meth:`Kind.metric`."""
        return r2(y_true, y_pred, weights)


class RobustNumeric(Numeric):
    """Numbers with outliers: centred by the median and scaled by the interquartile range, which outliers do not move.

    The range is divided by that of a standard normal variable, so that the scale of a normal target is its standard
    deviation. Where half of the labels are equal, the standard deviation takes its place.
    """

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn centre and scale; see :meth:`Kind.fit`."""
        task = super().fit(name, labels, weights)
        if task.scale == 0:
            return task
        center, scale = robust_scaling(labels, weights)
        return replace(task, center=center, scale=scale) if scale > 0 else task
