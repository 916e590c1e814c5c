"""Helpers of several methods: normalisation over the present tasks, first losses, a small Adam."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def normalise(raw: Tensor, loss_weights: Tensor) -> Tensor:
    """Multiply by the loss weights and keep their sum over the present tasks: 1 if all have a label."""
    weighted = raw * loss_weights
    total = weighted.sum(1, keepdim=True)
    return weighted * (loss_weights.sum(1, keepdim=True) / torch.where(total > 0, total, 1.0))


def masked_softmax(logits: Tensor, present: Tensor) -> Tensor:
    """Softmax over the present tasks of each member; 0 for the others, and where none is present."""
    return torch.where(present, torch.softmax(torch.where(present, logits, -torch.inf), 1), 0.0)


def unknown_losses(loss_weights: Tensor) -> Tensor:
    """First losses before the first step."""
    return torch.full_like(loss_weights, torch.nan)


def first_losses(first: Tensor, losses: Tensor, present: Tensor) -> Tensor:
    """Fill in the losses of the tasks that have their first labels now."""
    return torch.where(first.isnan() & present, losses, first)


class Moments(NamedTuple):
    """State of Adam, all of shape (member, task)."""

    first: Tensor
    second: Tensor
    steps: Tensor

    @classmethod
    def zero(cls, like: Tensor) -> Moments:
        """Before the first step."""
        return cls(torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like))


def adam(values: Tensor, gradient: Tensor, moments: Moments, rate: float, moving: Tensor) -> tuple[Tensor, Moments]:
    """One step of Adam (Kingma and Ba, 2015) with its usual constants, for the elements in ``moving``."""
    first = torch.where(moving, moments.first.lerp(gradient, 0.1), moments.first)
    second = torch.where(moving, moments.second.lerp(gradient.square(), 0.001), moments.second)
    steps = moments.steps + moving
    n = steps.clamp(min=1)
    direction = (first / (1 - 0.9**n)) / ((second / (1 - 0.999**n)).sqrt() + 1e-8)
    return values - rate * torch.where(moving, direction, 0.0), Moments(first, second, steps)
