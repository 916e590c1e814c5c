"""Postprocessors in torch: lists of responses by task to such lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skmtl.encoders._scaling import LEAST_REST
from skmtl.export._calibration import CalibrationModule
from skmtl.export._copies import copied
from skmtl.export._refusal import refusal
from skmtl.postprocess import Calibration, KernelBlend, LocalCorrection, Postprocessor, TreeBlend
from skmtl.postprocess._kernel import NEIGHBOUR
from skmtl.postprocess._kernel_ridge import GAUSS, KERNELS, LINEAR, UNCLIPPED
from skmtl.postprocess._local_correction import MIN_LOG_WEIGHT
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


class TreesModule(nn.Module):
    """Twin of :class:`TreeBlend`; holds its trees.

    Parameters
    ----------
    blend : TreeBlend
        Fitted.

    Raises
    ------
    NotImplementedError
        For kinds of targets of the user's own.
    """

    inputs: Tensor
    thresholds: Tensor
    below: Tensor
    above: Tensor
    roots: Tensor
    values: Tensor

    def __init__(self, blend: TreeBlend) -> None:
        super().__init__()
        trees, self.n_inputs = blend.trees_, blend.n_inputs_
        self.register_buffer("inputs", copied(trees.features).long())
        self.register_buffer("thresholds", copied(trees.thresholds))
        self.register_buffer("below", copied(trees.children[:, 0]).long())
        self.register_buffer("above", copied(trees.children[:, 1]).long())
        self.register_buffer("roots", copied(trees.roots).long())
        self.register_buffer("values", copied(trees.values))
        self.depth, self.tasks = trees.depth, blend.tasks_
        self.shifts = [_shift_of(task.task.kind) for task in blend.tasks_]
        for task in blend.tasks_:
            self.register_buffer(f"mean_{task.index}", copied(task.mean))

    def forward(self, rows: Tensor, responses: list[Tensor]) -> list[Tensor]:
        """Blend the responses to encoded rows."""
        columns, blended = self._predict(rows[:, : self.n_inputs].float()), list(responses)
        for task, shift in zip(self.tasks, self.shifts, strict=True):
            predicted = getattr(self, f"mean_{task.index}") + task.unit * columns[:, task.columns]
            if task.two_classes:
                predicted = torch.cat([1 - predicted, predicted], 1)
            change = task.share * (predicted - responses[task.index].double())
            blended[task.index] = shift(responses[task.index], change)
        return blended

    def _predict(self, x: Tensor) -> Tensor:
        """Twin of :meth:`Trees.predict`: in all trees at once, as many steps as the longest way to a leaf takes."""
        nodes, n_inner = self.roots.expand(x.shape[0], -1), len(self.inputs)
        for _ in range(self.depth):
            at = nodes.clamp(max=n_inner - 1)
            after = torch.where(x.gather(1, self.inputs[at]) > self.thresholds[at], self.above[at], self.below[at])
            nodes = torch.where(nodes < n_inner, after, nodes)
        return self.values[nodes - n_inner].double().mean(1)


def _shift_of(kind: Kind) -> Callable[[Tensor, Tensor], Tensor]:
    shift = type(kind).shift
    if shift not in SHIFTS:
        raise refusal("loss", kind)
    return SHIFTS[shift]


POSTPROCESSORS: dict[type[Postprocessor], Callable[[Any], nn.Module]] = {
    KernelBlend: BlendModule,
    TreeBlend: TreesModule,
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
