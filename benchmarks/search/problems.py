"""The problems whose loss weights are searched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.protocols import load
from benchmarks.speed.shapes import MEDIUM, SMALL, Shape, make_data

Array = NDArray[np.float32]
FOLDS = 5


@dataclass(frozen=True)
class Problem:
    """Rows, standardised targets, and the net and the number of epochs that all rivals share."""

    key: str
    shape: Shape
    X: Array
    y: Array
    epochs: int

    @property
    def title(self) -> str:
        """Sizes in words."""
        return f"{self.shape.label}, {self.epochs} epochs"

    def weights(self, n_candidates: int) -> list[list[float]]:
        """Loss weights of the candidates, uniform over the simplex."""
        from skmtl.model_selection import Dirichlet

        space = Dirichlet(1.0, n_tasks=self.shape.tasks)
        return [space.rvs(random_state=k) for k in range(n_candidates)]


def made(key: str, quick: bool) -> Problem:
    """Make problem a or b."""
    shape, epochs = {"a": (MEDIUM, 100), "b": (SMALL, 40)}[key]
    return Problem(key, shape, *make_data(shape), epochs=2 if quick else epochs)


def real(folder: Path, quick: bool) -> Problem:
    """Read problem c: a set of numbers, its columns and targets standardised."""
    table = load(folder)
    X, y = np.asarray(table.X, dtype=np.float64), table.Y.to_numpy(dtype=np.float64)
    X, y = (((values - values.mean(0)) / np.maximum(values.std(0), 1e-12)).astype(np.float32) for values in (X, y))
    shape = Shape(len(X), X.shape[1], y.shape[1], 64, (100,), (0, 0))
    return Problem("c", shape, X, y, epochs=2 if quick else 40)
