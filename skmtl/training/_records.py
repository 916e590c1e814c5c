"""Quantities that a step records beside its losses, as means over an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def _norms(gramian: Tensor) -> Tensor:
    norms = gramian.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    return torch.where(norms > 0, norms, torch.nan)


def _cosines(gramian: Tensor) -> Tensor:
    norms = _norms(gramian)
    return gramian / (norms[:, :, None] * norms[:, None, :])


def _products(gramian: Tensor) -> Tensor:
    return gramian.clone()  # of memory that is used again


RECORDS: dict[str, Callable[[Tensor], Tensor]] = {
    "gradient_norms": _norms,
    "gradient_cosines": _cosines,
    "gradient_products": _products,
}


class RunningMean:
    """Mean of tensors of one shape, cell by cell, over those that are not NaN there."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None

    def add(self, values: Tensor) -> None:
        """Add another one."""
        known = ~values.isnan()
        if self._sum is None:
            self._sum, self._count = torch.zeros_like(values), torch.zeros_like(values)
        self._sum = self._sum + torch.where(known, values, 0.0)
        self._count = self._count + known

    def mean(self) -> Tensor:
        """Mean of what was added; NaN where nothing was."""
        assert self._sum is not None
        return self._sum / self._count


class Recorder:
    """Epoch means of quantities of the Gramian of the tasks' gradients.

    Parameters
    ----------
    names : sequence of str
        Keys of ``RECORDS``.

    Raises
    ------
    ValueError
        If a quantity is not known.
    """

    def __init__(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in RECORDS]
        if unknown:
            choices = ", ".join(map(repr, RECORDS))
            raise ValueError(
                f"quantities of balancing=Recorded name {unknown[0]!r}, which is not known. Choose among {choices}."
            )
        self._means = {name: RunningMean() for name in names}

    def add(self, gramian: Tensor) -> None:
        """Add a step's Gramian, ``(member, task, task)``."""
        for name, mean in self._means.items():
            mean.add(RECORDS[name](gramian))

    def close(self) -> dict[str, Tensor]:
        """Return the epoch's means and begin anew."""
        means = {name: mean.mean() for name, mean in self._means.items()}
        self._means = {name: RunningMean() for name in means}
        return means
