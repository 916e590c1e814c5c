"""Temperature scaling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

from skmtl.postprocess.calibration._calibrator import Calibrator
from skmtl.tasks._classification import log_probabilities

LOG_BOUNDS = (-10.0, 10.0)  # of the inverse temperature


@dataclass(frozen=True)
class Temperature(Calibrator):
    """Logarithms of probabilities are divided by a temperature, which minimises log loss (Guo et al., 2017).

    One number for all classes: it corrects probabilities that are too sure or not sure enough, and never changes which
    class is the most probable.

    Parameters
    ----------
    temperature : float
        Above 1 it makes probabilities less sure.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). On calibration of modern neural networks. ICML,
    1321-1330.
    """

    temperature: float

    @classmethod
    def fit(cls, probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> Self:
        """Choose the temperature of the least log loss; see :meth:`Calibrator.fit`."""
        logits = log_probabilities(probabilities)
        of_truth = np.take_along_axis(logits, truth[:, None], axis=1)[:, 0]

        def log_loss(log_inverse: float) -> float:
            inverse = np.exp(log_inverse)
            return float(weights @ (logsumexp(inverse * logits, axis=1) - inverse * of_truth))

        return cls(float(np.exp(-minimize_scalar(log_loss, bounds=LOG_BOUNDS, method="bounded").x)))

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Divide the logarithms; see :meth:`Calibrator.__call__`."""
        calibrated: np.ndarray = softmax(log_probabilities(probabilities) / self.temperature, axis=1)
        return calibrated
