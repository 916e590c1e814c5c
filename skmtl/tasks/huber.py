"""Numbers with outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from skmtl._params import is_number
from skmtl.tasks._kind import Task
from skmtl.tasks._numeric import RobustNumeric, cut_square, cut_square_sums, huber_location


class Huber(RobustNumeric):
    """Huber loss of standardised targets: squared near zero, linear beyond ``delta`` (Huber, 1964).

    With r = z - y: l = r^2 where |r| <= delta, else delta (2 |r| - delta); dl/dz = 2 r cut to plus or minus 2 delta.

    Parameters
    ----------
    delta : float, default=1.35
        Residual, in standard deviations of the target, beyond which the loss is linear.

    References
    ----------
    Huber, P. J. (1964). Robust estimation of a location parameter. The Annals of Mathematical Statistics 35, 73-101.
    """

    degree = 2

    def __init__(self, delta: float = 1.35) -> None:
        self.delta = delta

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn centre and scale; see :meth:`Kind.fit`."""
        if not is_number(self.delta, 0, np.inf):
            raise ValueError(f"Task {name!r}: Huber needs a finite delta above 0; got {self.delta!r}.")
        return super().fit(name, labels, weights)

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Huber's location, where the clipped residuals balance; see :meth:`Kind.initial_bias`."""
        return np.asarray([huber_location(encoded, weights, float(self.delta))])

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Huber loss; see :meth:`Kind.loss_gradient`."""
        return cut_square(outputs - targets, float(self.delta))

    def residual_sums(self, residual: Tensor, weights: Tensor | None, factors: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Kind`."""
        return cut_square_sums(residual, float(self.delta), weights, factors)
