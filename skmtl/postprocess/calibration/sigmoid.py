"""Platt scaling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from skmtl.postprocess.calibration._calibrator import Calibrator, columns_of, normalised, truth_of_columns

SMALLEST = 1e-7  # probability, as near to 0 and 1 as single precision tells apart


@dataclass(frozen=True)
class Sigmoid(Calibrator):
    """Log odds of each class against the rest become slope * log odds + intercept (Platt, 1999).

    Two numbers for each class: beside probabilities that are too sure it corrects classes that are predicted too often
    or too rarely. Of more than two classes, the probabilities are normalised afterwards, as scikit-learn does.

    Parameters
    ----------
    slopes, intercepts : ndarray of shape (n_classes,)
        Of each class; of two classes only of the second, (1,).

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood
    methods. Advances in Large Margin Classifiers, 61-74.
    """

    slopes: np.ndarray
    intercepts: np.ndarray

    @classmethod
    def fit(cls, probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> Self:
        """Minimise the log loss of each class against the rest; see :meth:`Calibrator.fit`."""
        pairs = zip(_log_odds(probabilities).T, truth_of_columns(truth, probabilities.shape[1]).T, strict=True)
        found = np.array([_fit_class(odds, true, weights) for odds, true in pairs])
        return cls(found[:, 0], found[:, 1])

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Map the log odds of each class; see :meth:`Calibrator.__call__`."""
        return normalised(expit(self.slopes * _log_odds(probabilities) + self.intercepts))


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    odds: np.ndarray = logit(np.clip(columns_of(probabilities), SMALLEST, 1 - SMALLEST))
    return odds


def _fit_class(odds: np.ndarray, true: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Slope and intercept of one class, ``(2,)``.

    Platt's targets, a little inside of 0 and 1, are those of one made-up label of either class.
    """
    positive = float(weights[true].sum())
    negative = float(weights.sum()) - positive
    targets = np.where(true, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss_gradient(line: np.ndarray) -> tuple[float, np.ndarray]:
        z = line[0] * odds + line[1]
        slope = weights * (expit(z) - targets)
        return float(weights @ (np.logaddexp(0, z) - targets * z)), np.array([slope @ odds, slope.sum()])

    found: np.ndarray = minimize(loss_gradient, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    return found
