"""The problems that are timed: their sizes, their data and the arithmetic of one optimisation step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What one run of the benchmark was asked for."""

    quick: bool = False
    threads: int = 1
    rounds: int = 5

    def round_count(self, at_most: int = 99) -> int:
        """Return the rounds of A B A B: fewer where one round takes minutes."""
        return min(self.rounds, at_most, 2 if self.quick else 99)


@dataclass(frozen=True)
class Shape:
    """Size of a problem and of the net that fits it; ``epochs`` are those of the short and of the long fit."""

    rows: int
    features: int
    tasks: int
    batch: int
    hidden: tuple[int, ...]
    epochs: tuple[int, int]

    @property
    def label(self) -> str:
        """Sizes in words."""
        return f"n={self.rows:,} d={self.features} T={self.tasks:,} batch {self.batch}, {self.hidden}"

    @property
    def steps(self) -> int:
        """Optimisation steps in an epoch."""
        return -(-self.rows // self.batch)

    @property
    def products(self) -> list[tuple[int, int, int]]:
        """Sizes (m, k, n) of every matrix product in a step: forward, weight gradient, input gradient.

        The first layer needs no gradient by its input.
        """
        sizes = list(pairwise((self.features, *self.hidden, self.tasks)))
        forward = [(self.batch, fan_in, fan_out) for fan_in, fan_out in sizes]
        weights = [(fan_in, self.batch, fan_out) for fan_in, fan_out in sizes]
        inputs = [(self.batch, fan_out, fan_in) for fan_in, fan_out in sizes[1:]]
        return forward + weights + inputs

    @property
    def operations(self) -> int:
        """Floating-point operations of the products of a step, two for a multiplication with its addition."""
        return sum(2 * m * k * n for m, k, n in self.products)


SMALL = Shape(1024, 20, 4, 32, (64,), (5, 55))
MEDIUM = Shape(2000, 20, 4, 200, (100,), (5, 85))
LARGE = Shape(8192, 50, 8, 256, (128, 64), (1, 16))
WIDE = Shape(200_000, 100, 16, 1024, (256, 256), (1, 2))

QUICK = {
    SMALL: Shape(1024, 20, 4, 32, (64,), (2, 12)),
    MEDIUM: Shape(2000, 20, 4, 200, (100,), (2, 17)),
    LARGE: Shape(8192, 50, 8, 256, (128, 64), (1, 4)),
    WIDE: Shape(20_000, 100, 16, 1024, (256, 256), (1, 2)),
}


def sized(shape: Shape, settings: Settings) -> Shape:
    """Return the shape to time: itself, or the one that stands for it in a quick run."""
    return QUICK[shape] if settings.quick else shape


def make_data(shape: Shape, rows: int | None = None, missing: float = 0.0) -> tuple[Array, Array]:
    """Draw float32 rows and targets with a learnable signal; missing labels are NaN."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows = rows or shape.rows
    x = rng.standard_normal((rows, shape.features), dtype=np.float32)
    weights = rng.standard_normal((shape.features, shape.tasks), dtype=np.float32) / shape.features**0.5
    y = np.tanh(x @ weights)
    y += 0.1 * rng.standard_normal(y.shape, dtype=np.float32)
    if missing:
        y[rng.random(y.shape, dtype=np.float32) < missing] = np.nan
    return x, y
