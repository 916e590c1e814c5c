"""The contract of a method of calibration, and one-vs-rest methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np


class Calibrator(ABC):
    """Map from probabilities of classes to probabilities of the same classes, with what it has learned."""

    @classmethod
    @abstractmethod
    def fit(cls, probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> Self:
        """Learn from probabilities that were given to labels before they were known.

        Parameters
        ----------
        probabilities : ndarray of shape (n, n_classes)
            Rows sum to 1.
        truth : ndarray of shape (n,), int
            Index of the true class.
        weights : ndarray of shape (n,)
            Positive; a row of weight 2 counts as two rows.

        Returns
        -------
        Self
            A new calibrator.
        """

    @abstractmethod
    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrate.

        Parameters
        ----------
        probabilities : ndarray of shape (n, n_classes)
            Rows sum to 1.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Rows sum to 1.
        """


def columns_of(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities that are calibrated one by one: of all classes, of two classes only those of the second."""
    return probabilities[:, 1:] if probabilities.shape[1] == 2 else probabilities


def truth_of_columns(truth: np.ndarray, n_classes: int) -> np.ndarray:
    """Whether the class of each of :func:`columns_of` is the true one, ``(n, n_columns)``."""
    return columns_of(np.eye(n_classes, dtype=bool)[truth])


def normalised(calibrated: np.ndarray) -> np.ndarray:
    """Probabilities of all classes from those of :func:`columns_of`, as scikit-learn makes them."""
    if calibrated.shape[1] == 1:
        return np.concatenate([1 - calibrated, calibrated], axis=1)
    total = calibrated.sum(axis=1, keepdims=True)
    uniform = np.full_like(calibrated, 1 / calibrated.shape[1])
    shares: np.ndarray = np.divide(calibrated, total, out=uniform, where=total > 0)
    return shares
