"""Postprocessors in torch: lists of responses by task to such lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skmtl.encoders._scaling import LEAST_REST
from skmtl.export._copies import copied
from skmtl.export._interpolation import Interpolation
from skmtl.export._refusal import refusal
from skmtl.postprocess import Calibration, KernelBlend, LocalCorrection, Postprocessor
from skmtl.postprocess._kernel import NEIGHBOUR
from skmtl.postprocess._kernel_ridge import GAUSS, KERNELS, LINEAR, UNCLIPPED
from skmtl.postprocess._local_correction import MIN_LOG_WEIGHT
from skmtl.postprocess.calibration import Calibrator, Isotonic, Sigmoid, Temperature
from skmtl.postprocess.calibration.sigmoid import SMALLEST
from skmtl.tasks import Kind, Poisson
from skmtl.tasks._classification import Classification
from skmtl.tasks._kind import MIN_FRACTION


def _shift_number(response: Tensor, change: Tensor) -> Tensor:
    return response + change


def _shift_rate(response: Tensor, change: Tensor) -> Tensor:
    return torch.maximum(response + change, MIN_FRACTION * response)


def _shift_probabilities(response: Tensor, change: Tensor) -> Tensor:
    shifted = _shift_rate(response.double(), change)
    return (shifted / shifted.sum(1, keepdim=True)).to(response.dtype)


SHIFTS: dict[Callable[..., Any], Callable[[Tensor, Tensor], Tensor]] = {
    Kind.shift: _shift_number,
    Poisson.shift: _shift_rate,
    Classification.shift: _shift_probabilities,
}


class CorrectionModule(nn.Module):
    """Twin of :class:`LocalCorrection`; holds its training rows.

    Parameters
    ----------
    correction : LocalCorrection
        Fitted.

    Raises
    ------
    NotImplementedError
        For kinds of targets of the user's own.
    """

    scale: Tensor
    center: Tensor
    rows: Tensor
    squares: Tensor
    widths: Tensor

    def __init__(self, correction: LocalCorrection) -> None:
        super().__init__()
        kernel = correction.kernel_
        self.register_buffer("scale", copied(correction.scale_))
        self.register_buffer("center", copied(kernel._center))
        self.register_buffer("rows", copied(kernel._rows))
        self.register_buffer("squares", copied(kernel._squares))
        self.register_buffer("widths", copied(kernel._widths))
        self.min_width = kernel._min_width
        self.tasks = [(t.index, _shift_of(t.task.kind), float(t.unit), t.width, t.prior) for t in correction.tasks_]
        for task in correction.tasks_:
            self.register_buffer(f"moments_{task.index}", copied(task.moments))

    def forward(self, rows: Tensor, responses: list[Tensor]) -> list[Tensor]:
        """Correct the responses to encoded rows."""
        distances = self._relative_distances(rows)
        corrected = list(responses)
        for index, shift, unit, width, prior in self.tasks:
            weights = (distances * (-0.5 / width**2)).clamp(min=MIN_LOG_WEIGHT).exp()
            sums = weights @ getattr(self, f"moments_{index}")
            mean = sums[:, :-1] / (sums[:, -1:] + prior)
            corrected[index] = shift(responses[index], unit * mean.double())
        return corrected

    def _relative_distances(self, rows: Tensor) -> Tensor:
        """Twin of :meth:`SelfTuningKernel.relative_distances`, ``(row, training row)``."""
        x = rows * self.scale - self.center
        squared = ((x * x).sum(1)[:, None] + self.squares - 2.0 * (x @ self.rows.T)).clamp(min=0.0)
        nearest = squared.topk(min(NEIGHBOUR, len(self.rows) - 1), largest=False).values
        width = nearest[:, -1:].sqrt().clamp(min=self.min_width)
        return squared / width / self.widths


class BlendModule(nn.Module):
    """Twin of :class:`KernelBlend`; holds its training rows.

    Parameters
    ----------
    blend : KernelBlend
        Fitted.

    Raises
    ------
    NotImplementedError
        For kinds of targets of the user's own.
    """

    center: Tensor
    rows: Tensor
    scale: Tensor
    scaled: Tensor
    straight: Tensor
    bounds: Tensor
    low: Tensor
    high: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, blend: KernelBlend) -> None:
        super().__init__()
        self.register_buffer("center", copied(blend.kernels_.center))
        self.register_buffer("rows", copied(blend.kernels_.rows.astype(np.float64)))
        self.register_buffer("scale", copied(np.asarray(blend.kernels_.scale)))
        self.register_buffer("scaled", copied(blend.kernels_.scaled))
        self.n_inputs = blend.n_inputs_
        self.mean_square, self.mean_sum = blend.kernels_.mean_square, blend.kernels_.mean_sum
        self.kernels = sorted({j for task in blend.tasks_ for j in task.duals})
        if any(KERNELS[j][0] == UNCLIPPED for j in self.kernels):
            for name in ("straight", "bounds", "low", "high", "mean", "deviation"):
                self.register_buffer(name, copied(getattr(blend.kernels_, name)))
            self.mean_straight_square = blend.kernels_.mean_straight_square
        self.tasks = [(t.index, _shift_of(t.task.kind), float(t.shares[0]), list(t.duals)) for t in blend.tasks_]
        for task in blend.tasks_:
            self.register_buffer(f"intercept_{task.index}", copied(task.intercept))
            for j, dual in task.duals.items():
                self.register_buffer(f"dual_{task.index}_{j}", copied(dual))

    def forward(self, rows: Tensor, responses: list[Tensor]) -> list[Tensor]:
        """Blend the responses to encoded rows."""
        centred = (rows[:, : self.n_inputs].double() - self.center).to(rows.dtype).double()
        between = {j: self._kernel(j, centred) for j in self.kernels}
        blended = list(responses)
        for index, shift, share, used in self.tasks:
            change = getattr(self, f"intercept_{index}") - (1 - share) * responses[index].double()
            for j in used:
                change = change + between[j] @ getattr(self, f"dual_{index}_{j}")
            blended[index] = shift(responses[index], change)
        return blended

    def _kernel(self, j: int, x: Tensor) -> Tensor:
        """Twin of :meth:`RowKernels.between`, ``(row, training row)``."""
        kind, width = KERNELS[j]
        if kind == LINEAR:
            return x @ self.rows.T / self.mean_square
        if kind == UNCLIPPED:
            return self._straight(x) @ self.straight.T / self.mean_straight_square
        x = x * self.scale
        if kind == GAUSS:
            squares = (x * x).sum(1)[:, None] + (self.scaled * self.scaled).sum(1) - 2.0 * (x @ self.scaled.T)
            return (squares.clamp(min=0.0) / (-(width**2) * self.mean_square)).exp()
        sums = (x[:, None] - self.scaled).abs().sum(2)  # ONNX has no cdist of sums
        return (sums / (-width * self.mean_sum)).exp()

    def _straight(self, x: Tensor) -> Tensor:
        """Twin of :meth:`RowKernels.straight` for other rows."""
        plain = x + self.center
        relative = (plain / self.bounds).square().clamp(max=1 - LEAST_REST)
        straight = plain / (1 - relative).sqrt()
        return (torch.minimum(torch.maximum(straight, self.low), self.high) - self.mean) / self.deviation


def _shift_of(kind: Kind) -> Callable[[Tensor, Tensor], Tensor]:
    shift = type(kind).shift
    if shift not in SHIFTS:
        raise refusal("loss", kind)
    return SHIFTS[shift]


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


POSTPROCESSORS: dict[type[Postprocessor], Callable[[Any], nn.Module]] = {
    KernelBlend: BlendModule,
    LocalCorrection: CorrectionModule,
    Calibration: CalibrationModule,
}


def postprocess_modules(postprocessors: Sequence[Postprocessor]) -> nn.ModuleList:
    """Modules ``(rows, responses) -> responses``, in the order in which they act.

    Raises
    ------
    NotImplementedError
        For others than those of skmtl.
    """
    unknown = [one for one in postprocessors if type(one) not in POSTPROCESSORS]
    if unknown:
        raise refusal("postprocessor", type(unknown[0]).__name__)
    return nn.ModuleList(POSTPROCESSORS[type(one)](one) for one in postprocessors)
