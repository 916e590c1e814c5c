"""Increasing functions of labels, which the network learns in their place."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import boxcox1p, inv_boxcox1p, ndtr, ndtri

from skmtl.inputs import weighted_quantile

_LEVELS = 1000  # quantiles that a distribution is kept by
_ROUNDING = 1e-6  # of the range: by how much an increasing function of float32 may fall


class TargetTransform(ABC):
    """Function between the labels of a task and the numbers that its kind learns.

    Predictions may leave the range of the labels by the width of this range on the transformed scale, on each side; but
    not at all where the function cannot be inverted so far out.

    Attributes
    ----------
    lowest, highest : float
        Range of the labels that have been seen, on the transformed scale.
    low, high : float
        Bounds of predictions there.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.tasks import TARGET_TRANSFORMS
    >>> transform = TARGET_TRANSFORMS["log1p"]()
    >>> learned = transform.fitted("price", np.array([0.0, 10.0, 1000.0]), np.ones(3))
    >>> numbers = learned.transform("price", np.array([0.0, 99.0]))
    >>> numbers.round(2), learned.inverse(numbers).round()
    (array([0.  , 4.61]), array([ 0., 99.]))
    """

    lowest: float = np.inf
    highest: float = -np.inf
    low: float
    high: float

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def fitted(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Self:
        """A copy that has learned from the observed labels of a task; all arrays ``(n_observed,)``.

        Raises
        ------
        ValueError
            If a label is outside the domain of the function, or the function falls or cannot be inverted there.
        """
        learned = copy.copy(self)
        with _naming(name):
            learned._learn(labels.astype(np.float64), weights)
        learned._require_increasing(name, np.sort(labels))
        vars(learned).update(lowest=np.inf, highest=-np.inf)
        learned = learned.extended(name, labels)
        low, high = labels.min(), labels.max()
        found = learned.inverse(np.array([learned.lowest, learned.highest]))
        if not (np.isfinite(found).all() and found[1] - found[0] >= (float(high) - float(low)) / 2):
            raise ValueError(
                f"Task {name!r}: target_transform cannot be inverted over its labels, which go from {low:g} to "
                f"{high:g}. Rescale them, or use 'quantile' or None for it."
            )
        return learned

    def extended(self, name: Any, labels: np.ndarray) -> Self:
        """A copy whose range takes in further observed labels, ``(n_observed,)``.

        Raises
        ------
        ValueError
            If a label is outside the domain of the function.
        """
        extended, numbers = copy.copy(self), self.transform(name, labels)
        extended.lowest = float(numbers.min(initial=self.lowest))
        extended.highest = float(numbers.max(initial=self.highest))
        extended._set_bounds()
        return extended

    def transform(self, name: Any, labels: np.ndarray) -> np.ndarray:
        """Labels to numbers, ``(n,)`` in float64.

        Raises
        ------
        ValueError
            If a label is outside the domain of the function.
        """
        with _naming(name):
            numbers = self._forward(labels.astype(np.float64))
        bad = ~np.isfinite(numbers)
        if bad.any():
            raise ValueError(
                f"Task {name!r}: target_transform is not finite for {np.count_nonzero(bad)} of {len(labels)} labels, "
                f"such as {labels[bad][0]:g}. Use 'yeo-johnson' or 'quantile', which take any number, or None for it."
            )
        return numbers

    def inverse(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers, cut to the bounds, to labels, shaped as they are."""
        with np.errstate(all="ignore"):
            return self._backward(numbers.astype(np.float64).clip(self.low, self.high).ravel()).reshape(numbers.shape)

    def _require_increasing(self, name: Any, ordered: np.ndarray) -> None:
        numbers = self.transform(name, ordered)
        with np.errstate(over="ignore"):
            falls, span = np.maximum.accumulate(numbers) - numbers, np.ptp(numbers)
        if falls.max() > _ROUNDING * span:
            raise ValueError(
                f"Task {name!r}: target_transform must increase with the labels, as quantiles and intervals keep their "
                f"order; it is less for {ordered[falls.argmax()]:g} than for a smaller label. Negate a function that "
                f"falls everywhere, or use 'yeo-johnson', 'quantile' or None for the task."
            )

    def _set_bounds(self) -> None:
        """Widen the range of the labels on the sides where the inverse stays finite and goes on as before."""
        low, high, width = self.lowest, self.highest, self.highest - self.lowest
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of transformers that cannot be inverted there
            labels = self._backward(np.array([low - width, low, high, high + width]))
            steps = np.diff(labels)
        goes_on = np.isfinite(labels[[0, 3]]) & (steps[[0, 2]] >= 0)
        self.low, self.high = low - width * float(goes_on[0]), high + width * float(goes_on[1])

    def _learn(self, labels: np.ndarray, weights: np.ndarray) -> None:  # noqa: B027 - some have nothing to learn
        """Learn from observed labels."""

    @abstractmethod
    def _forward(self, labels: np.ndarray) -> np.ndarray:
        """Labels to numbers, NaN or infinite outside the domain."""

    @abstractmethod
    def _backward(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers to labels."""


@contextmanager
def _naming(name: Any) -> Iterator[None]:
    """Name the task in errors of transformers, and let numbers outside their domain become NaN in silence."""
    try:
        with np.errstate(all="ignore"):
            yield
    except ValueError as error:
        raise ValueError(f"Task {name!r}: target_transform cannot take its labels: {error}") from error


class Log1p(TargetTransform):
    """log(1 + y), for labels above -1 that spread over orders of magnitude."""

    def _forward(self, labels: np.ndarray) -> np.ndarray:
        numbers: np.ndarray = np.log1p(labels)
        return numbers

    def _backward(self, numbers: np.ndarray) -> np.ndarray:
        labels: np.ndarray = np.expm1(numbers)
        return labels


class Sqrt(TargetTransform):
    """Square root, for labels of at least 0 whose spread grows with them."""

    def _forward(self, labels: np.ndarray) -> np.ndarray:
        numbers: np.ndarray = np.sqrt(labels)
        return numbers

    def _backward(self, numbers: np.ndarray) -> np.ndarray:
        labels: np.ndarray = np.square(np.maximum(numbers, 0.0))
        return labels


class QuantileNormal(TargetTransform):
    """Normal scores: the standard normal quantile of a label's rank.

    Attributes
    ----------
    quantiles, levels : ndarray of shape (n_levels,)
        Quantiles of the weighted labels, and the ranks that they stand for.
    """

    def _learn(self, labels: np.ndarray, weights: np.ndarray) -> None:
        n_levels = min(len(np.unique(labels)), _LEVELS)
        even = np.linspace(0.0, 1.0, n_levels)
        self.quantiles = weighted_quantile(labels[:, None], weights, even)[:, 0]
        self.levels = (0.5 + (n_levels - 1) * even) / n_levels

    def _forward(self, labels: np.ndarray) -> np.ndarray:
        below = np.interp(labels, self.quantiles, self.levels)
        above = -np.interp(-labels, -self.quantiles[::-1], -self.levels[::-1])  # differs for values that are tied
        numbers: np.ndarray = ndtri((below + above) / 2)
        return numbers

    def _backward(self, numbers: np.ndarray) -> np.ndarray:
        return np.interp(ndtr(numbers), self.levels, self.quantiles)


class YeoJohnson(TargetTransform):
    """Power transformation whose exponent makes labels most alike to normal ones (Yeo and Johnson, 2000).

    Attributes
    ----------
    exponent : float
        Maximum of the weighted likelihood; 1 leaves labels as they are.

    References
    ----------
    Yeo, I.-K. and Johnson, R. A. (2000). A new family of power transformations to improve normality or symmetry.
    Biometrika 87, 954-959.
    """

    def _learn(self, labels: np.ndarray, weights: np.ndarray) -> None:
        self.exponent = 1.0
        if np.ptp(labels) == 0:
            return
        share = weights / weights.sum()
        log_derivative = share @ (np.sign(labels) * np.log1p(np.abs(labels)))

        def negative_log_likelihood(exponent: float) -> float:
            numbers = _yeo_johnson(labels, exponent)
            variance = share @ np.square(numbers - share @ numbers)
            return float(0.5 * np.log(variance) - (exponent - 1.0) * log_derivative)

        with np.errstate(all="ignore"):
            self.exponent = float(minimize_scalar(negative_log_likelihood, bracket=(-2.0, 2.0)).x)

    def _forward(self, labels: np.ndarray) -> np.ndarray:
        return _yeo_johnson(labels, self.exponent)

    def _backward(self, numbers: np.ndarray) -> np.ndarray:
        positive = inv_boxcox1p(np.maximum(numbers, 0.0), self.exponent)
        labels: np.ndarray = np.where(
            numbers < 0, -inv_boxcox1p(np.maximum(-numbers, 0.0), 2.0 - self.exponent), positive
        )
        return labels


def _yeo_johnson(labels: np.ndarray, exponent: float) -> np.ndarray:
    positive = boxcox1p(np.maximum(labels, 0.0), exponent)
    numbers: np.ndarray = np.where(labels < 0, -boxcox1p(np.maximum(-labels, 0.0), 2.0 - exponent), positive)
    return numbers


TARGET_TRANSFORMS: dict[str, type[TargetTransform]] = {
    "log1p": Log1p,
    "sqrt": Sqrt,
    "quantile": QuantileNormal,
    "yeo-johnson": YeoJohnson,
}
