"""The loss that a user of skorch writes to weigh tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class WeightedLoss(nn.Module):
    """Weighted sum over the tasks of the mean squared error."""

    def __init__(self, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """``(row, task)`` twice to a number."""
        losses = (outputs - targets).square().mean(0)
        return losses.mean() if self.weights is None else (losses * self.weights).sum()
