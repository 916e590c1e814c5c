"""Numbers whose median is wanted."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from skmtl.tasks._kind import Task
from skmtl.tasks._numeric import RobustNumeric


class AbsoluteError(RobustNumeric):
    """Absolute error l = |z - y|, dl/dz = sign(z - y), of standardised targets; predicts the conditional median."""

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Median; see :meth:`Kind.initial_bias`."""
        return self.quantile(encoded, weights, 0.5)

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Absolute error; see :meth:`Kind.loss_gradient`."""
        residual = outputs - targets
        return residual.abs(), residual.sign_()
