"""Numbers of which a quantile is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._params import is_number
from skmtl.tasks._kind import Task
from skmtl.tasks._numeric import RobustNumeric


class Quantile(RobustNumeric):
    """Pinball loss of standardised targets; predicts a conditional quantile (Koenker and Bassett, 1978).

    With r = z - y: l = max((1 - level) r, -level r); dl/dz = 1 - level above the target, -level below it.

    Parameters
    ----------
    level : float, default=0.5
        Level of the quantile, between 0 and 1.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46, 33-50.
    """

    def __init__(self, level: float = 0.5) -> None:
        self.level = level

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn centre and scale; see :meth:`Kind.fit`."""
        if not is_number(self.level, 0, 1):
            raise ValueError(f"Task {name!r}: Quantile needs a level between 0 and 1; got {self.level!r}.")
        return super().fit(name, labels, weights)

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Quantile of the target; see :meth:`Kind.initial_bias`."""
        return self.quantile(encoded, weights, self.level)

    def metrics(self) -> dict[str, dict[str, Any]]:
        """The loss and the absolute error; see :meth:`Kind.metrics`."""
        return {"pinball_loss": {"level": self.level}, "mae": {}}

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Pinball loss; see :meth:`Kind.loss_gradient`."""
        residual = outputs - targets
        gradient = torch.where(residual > 0, 1 - self.level, torch.where(residual < 0, -self.level, 0.0))
        return gradient * residual, gradient.to(residual.dtype)
