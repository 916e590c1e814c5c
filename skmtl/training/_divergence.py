"""What is raised where a loss or a weight stops being finite."""

from __future__ import annotations

from typing import Self


class DivergenceError(FloatingPointError):
    """The training loss stopped being finite."""

    @classmethod
    def of(cls, where: str, epoch: int, rate: float) -> Self:
        """Say what is not finite, in which epoch and at which learning rate."""
        return cls(
            f"Training diverged: {where} is not finite in epoch {epoch} at learning_rate_init={rate:g}. "
            f"Lower learning_rate_init, or look for extreme values in X and y."
        )
