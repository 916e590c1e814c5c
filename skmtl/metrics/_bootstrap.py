"""Rows drawn with replacement."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK_CELLS = 1 << 22  # of counts, which bounds the memory


def draw_counts(units: np.ndarray, n_draws: int, rng: np.random.RandomState) -> Iterator[np.ndarray]:
    """How often each row is drawn, ``(draw, n_rows)``, in chunks; the rows of a unit are drawn together."""
    n_units = int(units.max()) + 1
    step = max(CHUNK_CELLS // len(units), 1)
    for first in range(0, n_draws, step):
        counts = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=min(step, n_draws - first))
        yield counts[:, units].astype(float)
