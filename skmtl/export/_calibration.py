"""Calibration in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skmtl.export._copies import copied
from skmtl.export._interpolation import Interpolation
from skmtl.postprocess import Calibration
from skmtl.postprocess.calibration import Calibrator, Isotonic, Sigmoid, Temperature
from skmtl.postprocess.calibration.sigmoid import SMALLEST


class _TemperatureModule(nn.Module):
    def __init__(self, calibrator: Temperature) -> None:
        super().__init__()
        self.temperature = calibrator.temperature

    def forward(self, probabilities: Tensor) -> Tensor:
        return torch.softmax(_logarithms(probabilities) / self.temperature, 1)


class _SigmoidModule(nn.Module):
    slopes: Tensor
    intercepts: Tensor

    def __init__(self, calibrator: Sigmoid) -> None:
        super().__init__()
        self.register_buffer("slopes", copied(calibrator.slopes))
        self.register_buffer("intercepts", copied(calibrator.intercepts))

    def forward(self, probabilities: Tensor) -> Tensor:
        p = _columns(probabilities).clamp(SMALLEST, 1 - SMALLEST)
        return _normalised(torch.sigmoid(self.slopes * (p / (1 - p)).log() + self.intercepts))


class _IsotonicModule(nn.Module):
    def __init__(self, calibrator: Isotonic) -> None:
        super().__init__()
        corners = zip(calibrator.given, calibrator.calibrated, strict=True)
        self.functions = nn.ModuleList(Interpolation(*both) for both in corners)

    def forward(self, probabilities: Tensor) -> Tensor:
        columns = _columns(probabilities)
        return _normalised(torch.stack([function(columns[:, k]) for k, function in enumerate(self.functions)], 1))


def _logarithms(probabilities: Tensor) -> Tensor:
    return probabilities.clamp(min=float(np.finfo(np.float64).tiny)).log()


def _columns(probabilities: Tensor) -> Tensor:
    return probabilities[:, 1:] if probabilities.shape[1] == 2 else probabilities


def _normalised(calibrated: Tensor) -> Tensor:
    if calibrated.shape[1] == 1:
        return torch.cat([1 - calibrated, calibrated], 1)
    total = calibrated.sum(1, keepdim=True)
    return torch.where(total > 0, calibrated / total, 1 / calibrated.shape[1])


CALIBRATORS: dict[type[Calibrator], Callable[[Any], nn.Module]] = {
    Temperature: _TemperatureModule,
    Sigmoid: _SigmoidModule,
    Isotonic: _IsotonicModule,
}


class CalibrationModule(nn.Module):
    """Twin of :class:`Calibration`.

    Parameters
    ----------
    calibration : Calibration
        Fitted.
    """

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.tasks = list(calibration.calibrators_)
        self.calibrators = nn.ModuleList(CALIBRATORS[type(c)](c) for c in calibration.calibrators_.values())

    def forward(self, rows: Tensor, responses: list[Tensor]) -> list[Tensor]:
        """Calibrate the probabilities of classes."""
        calibrated = list(responses)
        for index, calibrator in zip(self.tasks, self.calibrators, strict=True):
            calibrated[index] = calibrator(responses[index].double()).to(responses[index].dtype)
        return calibrated
