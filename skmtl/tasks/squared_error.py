"""Numbers whose mean is wanted."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from skmtl.tasks._kind import Task
from skmtl.tasks._numeric import Numeric


class SquaredError(Numeric):
    """Squared error l = (z - y)^2, dl/dz = 2 (z - y), of standardised targets; predicts the conditional mean."""

    likelihood = (0.5, 0.5)

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Mean of the standardised target; see :meth:`Kind.initial_bias`."""
        return np.zeros(1)

    def ideal_response(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """The label; see :meth:`Kind.ideal_response`."""
        return labels.astype(np.float64)[:, None]

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error; see :meth:`Kind.loss_gradient`."""
        residual = outputs - targets
        return residual.square(), residual.mul_(2)
