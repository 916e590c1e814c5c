"""Piecewise linear functions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from skmtl.export._copies import copied


class Interpolation(nn.Module):
    """The function of :func:`numpy.interp`, in float64.

    It is the sum of what each piece adds between its ends: no search for the piece, which graphs have no operation for.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Corners, rising.
    """

    start: Tensor
    width: Tensor
    slope: Tensor

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        super().__init__()
        width = np.diff(x.astype(np.float64))
        pieces = np.flatnonzero(width > 0)
        self.first = float(y[0])
        self.register_buffer("start", copied(x[:-1][pieces].astype(np.float64)))
        self.register_buffer("width", copied(width[pieces]))
        self.register_buffer("slope", copied(np.diff(y.astype(np.float64))[pieces] / width[pieces]))

    def forward(self, values: Tensor) -> Tensor:
        """Values at ``values``, of any shape."""
        passed = torch.minimum((values.double()[..., None] - self.start).clamp(min=0.0), self.width)
        return self.first + (passed * self.slope).sum(-1)
