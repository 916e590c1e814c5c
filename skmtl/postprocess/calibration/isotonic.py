"""Isotonic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.isotonic import IsotonicRegression

from skmtl.postprocess.calibration._calibrator import Calibrator, columns_of, normalised, truth_of_columns


@dataclass(frozen=True)
class Isotonic(Calibrator):
    """Probability of each class against the rest through a rising function (Zadrozny and Elkan, 2002).

    It fits any rising function and so needs more labels than other methods: some hundred of the rarest class. Of more
    than two classes, the probabilities are normalised afterwards, as scikit-learn does. A made-up label of weight 1
    against the class at the upper end and one for it at the lower end keep probabilities off 0 and 1, where one wrong
    label would make the log loss infinite.

    Parameters
    ----------
    given, calibrated : tuple of ndarray
        Corners of the function of each class; of two classes only of the second.

    References
    ----------
    Zadrozny, B. and Elkan, C. (2002). Transforming classifier scores into accurate multiclass probability estimates.
    KDD, 694-699.
    """

    given: tuple[np.ndarray, ...]
    calibrated: tuple[np.ndarray, ...]

    @classmethod
    def fit(cls, probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> Self:
        """Fit a function to each class against the rest; see :meth:`Calibrator.fit`."""
        pairs = zip(columns_of(probabilities).T, truth_of_columns(truth, probabilities.shape[1]).T, strict=True)
        fitted = [_fit_class(given, true, weights) for given, true in pairs]
        return cls(tuple(one.X_thresholds_ for one in fitted), tuple(one.y_thresholds_ for one in fitted))

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Map the probability of each class; see :meth:`Calibrator.__call__`."""
        functions = zip(columns_of(probabilities).T, self.given, self.calibrated, strict=True)
        return normalised(np.column_stack([np.interp(*function) for function in functions]))


def _fit_class(given: np.ndarray, true: np.ndarray, weights: np.ndarray) -> IsotonicRegression:
    ends = [given.min(), given.max()]
    cells = np.append(given, ends), np.append(true, [True, False]), np.append(weights, [1.0, 1.0])
    return IsotonicRegression(out_of_bounds="clip").fit(*cells)
