"""Learning-rate schedules: the multiple of the learning rate at a step."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int, int], float]

WARM_UP = 0.05  # fraction of the steps


def constant(step: int, n_steps: int) -> float:
    """Return 1."""
    return 1.0


def cosine(step: int, n_steps: int) -> float:
    """Rise linearly over the first 5% of the steps, then fall to 0 along a cosine (Loshchilov and Hutter, 2017)."""
    rise = max(int(WARM_UP * n_steps), 1)
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(n_steps - rise, 1)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


SCHEDULES: dict[str, Schedule] = {"constant": constant, "cosine": cosine}
