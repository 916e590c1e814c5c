"""Numbers whose mean is wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from skmtl.tasks._kind import Task
from skmtl.tasks._numeric import Numeric, cut_square, huber_location


class SquaredError(Numeric):
    """Squared error l = (z - y)^2, dl/dz = 2 (z - y), of standardised targets; predicts the conditional mean.

    Beyond ``far`` standard deviations of the target the loss goes on linearly, as Huber's does: among ordinary labels
    none is so far, and in a heavy tail a few would rule the whole network.

    Parameters
    ----------
    far : float, default=4.0
        Standard deviations of the target; ``numpy.inf`` for the squared error everywhere.
    """

    likelihood = (0.5, 0.5)

    def __init__(self, far: float = 4.0) -> None:
        self.far = far

    def fit(self, name: str, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn centre and scale; see :meth:`Kind.fit`."""
        if not self.far > 0:
            raise ValueError(f"Task {name!r}: SquaredError needs far above 0; got {self.far!r}.")
        return super().fit(name, labels, weights)

    def keep_open(self, task: Task) -> Task:
        """What is far from the first labels may be near to later ones; see :meth:`Kind.keep_open`."""
        return replace(super().keep_open(task), kind=SquaredError(far=np.inf))

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Mean of the standardised target, or where the cut residuals balance; see :meth:`Kind.initial_bias`."""
        if np.abs(encoded).max() <= self.far:
            return np.zeros(1)
        return np.asarray([huber_location(encoded, weights, self.far)])

    def ideal_response(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """The label; see :meth:`Kind.ideal_response`."""
        return labels.astype(np.float64)[:, None]

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error; see :meth:`Kind.loss_gradient`."""
        return cut_square(outputs - targets, self.far)
