"""Quantities that a step records beside its losses, as means over an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from skmtl.network import Passes, TaskGradients


def _norms(gramian: Tensor) -> Tensor:
    norms = gramian.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    return torch.where(norms > 0, norms, torch.nan)


def _cosines(gramian: Tensor) -> Tensor:
    norms = _norms(gramian)
    return gramian / (norms[:, :, None] * norms[:, None, :])


RECORDS: dict[str, Callable[[Tensor], Tensor]] = {"gradient_norms": _norms, "gradient_cosines": _cosines}


class MeanSoFar:
    """Mean of tensors of one shape, cell by cell, over those that are not NaN there."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None

    def add(self, values: Tensor) -> None:
        """Take another one in."""
        known = ~values.isnan()
        if self._sum is None:
            self._sum, self._count = torch.zeros_like(values), torch.zeros_like(values)
        self._sum = self._sum + torch.where(known, values, 0.0)
        self._count = self._count + known

    def mean(self) -> Tensor:
        """Mean of what was added; NaN where nothing was."""
        assert self._sum is not None
        return self._sum / self._count


class Unrecorded:
    """Records nothing and costs nothing."""

    def look(self, own: Tensor) -> None:
        """Pass over a step's gradient at the outputs."""

    def add(self, gramian: Tensor) -> None:
        """Pass over a step's Gramian."""

    def over(self, passes: Passes) -> Unrecorded:
        """Record steps through other passes from the next epoch on."""
        return self

    def close(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


class GradientRecord(Unrecorded):
    """Epoch means of quantities of the Gramian.

    Parameters
    ----------
    gradients : TaskGradients
        Gives the Gramian where the step has none itself.
    names : sequence of str
        Keys of ``RECORDS``.
    """

    def __init__(self, gradients: TaskGradients, names: Sequence[str]) -> None:
        self.gradients, self.names = gradients, names
        self._means = {name: MeanSoFar() for name in names}

    def look(self, own: Tensor) -> None:
        """Take in a step whose method does not need the Gramian."""
        self.add(self.gradients.gramian(own))

    def add(self, gramian: Tensor) -> None:
        """Take in a step's Gramian."""
        for name, mean in self._means.items():
            mean.add(RECORDS[name](gramian))

    def over(self, passes: Passes) -> GradientRecord:
        """Record steps through other passes; see :class:`Unrecorded`."""
        return GradientRecord(self.gradients.over(passes), self.names)

    def close(self) -> dict[str, Tensor]:
        """Return the epoch's means and begin anew."""
        means = {name: mean.mean() for name, mean in self._means.items()}
        self._means = {name: MeanSoFar() for name in self.names}
        return means
