"""Inverse functions of transformed labels, in torch and float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import erfcx
from torch import Tensor, nn

from skmtl.export._interpolation import Interpolation
from skmtl.export._refusal import refusal
from skmtl.tasks import TargetTransform
from skmtl.tasks._target_transform import Log1p, QuantileNormal, Sqrt, YeoJohnson


class _FromLog1p(nn.Module):
    def __init__(self, transform: Log1p) -> None:
        super().__init__()

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers.exp() - 1.0


class _FromSqrt(nn.Module):
    def __init__(self, transform: Sqrt) -> None:
        super().__init__()

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers.clamp(min=0.0).square()


class _FromQuantileNormal(nn.Module):
    def __init__(self, transform: QuantileNormal) -> None:
        super().__init__()
        self.quantile = Interpolation(transform.levels, transform.quantiles)

    def forward(self, numbers: Tensor) -> Tensor:
        quantiles: Tensor = self.quantile(_normal_distribution(numbers))
        return quantiles


_DEGREE = 24  # by which the tail is exact to the rounding of float64


def _scaled_tail(t: np.ndarray) -> np.ndarray:
    """P(Z > z) exp(z^2 / 2) of a standard normal Z at z = 4 / (t + 1) - 2, for t in [-1, 1]."""
    with np.errstate(divide="ignore"):
        tail: np.ndarray = 0.5 * erfcx((4.0 / (t + 1.0) - 2.0) / np.sqrt(2.0))
    return tail


_TAIL = Chebyshev.interpolate(_scaled_tail, _DEGREE).convert(kind=Polynomial).coef.tolist()


def _normal_distribution(numbers: Tensor) -> Tensor:
    """Twin of :func:`scipy.special.ndtr` by operations that graphs have in float64, which the error function is not."""
    t = 4.0 / (numbers.abs() + 2.0) - 1.0
    tail = torch.zeros_like(t)
    for coefficient in reversed(_TAIL):
        tail = tail * t + coefficient
    tail = tail * (-0.5 * numbers * numbers).exp()
    return torch.where(numbers > 0, 1.0 - tail, tail)


class _FromYeoJohnson(nn.Module):
    def __init__(self, transform: YeoJohnson) -> None:
        super().__init__()
        self.exponent = transform.exponent

    def forward(self, numbers: Tensor) -> Tensor:
        positive = _inverse_box_cox(numbers.clamp(min=0.0), self.exponent)
        negative = _inverse_box_cox((-numbers).clamp(min=0.0), 2.0 - self.exponent)
        return torch.where(numbers < 0, -negative, positive)


def _inverse_box_cox(numbers: Tensor, exponent: float) -> Tensor:
    """Twin of :func:`scipy.special.inv_boxcox1p`."""
    return (numbers.exp() if exponent == 0 else (numbers * exponent + 1.0).pow(1.0 / exponent)) - 1.0


INVERSES: dict[type[TargetTransform], Callable[[Any], nn.Module]] = {
    Log1p: _FromLog1p,
    Sqrt: _FromSqrt,
    QuantileNormal: _FromQuantileNormal,
    YeoJohnson: _FromYeoJohnson,
}


class _WithinBounds(nn.Module):
    """Twin of :meth:`TargetTransform.inverse`."""

    def __init__(self, transform: TargetTransform) -> None:
        super().__init__()
        self.low, self.high, self.inverse = transform.low, transform.high, INVERSES[type(transform)](transform)

    def forward(self, numbers: Tensor) -> Tensor:
        labels: Tensor = self.inverse(numbers.double().clamp(self.low, self.high))
        return labels


def inverse_module(transform: TargetTransform) -> nn.Module:
    """Module from numbers to labels.

    Raises
    ------
    NotImplementedError
        For a transform of the user's own.
    """
    if type(transform) not in INVERSES:
        raise refusal("target_transform", transform)
    return _WithinBounds(transform)
