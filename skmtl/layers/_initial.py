"""Initial values."""

from __future__ import annotations

import numpy as np

from skmtl.layers._buffer import Initializer


def normal(scale: float) -> Initializer:
    """Normal with standard deviation ``scale``."""
    return lambda generator, shape: generator.normal(0.0, scale, shape)


def constant(value: float) -> Initializer:
    """The same value everywhere."""
    return lambda generator, shape: np.full(shape, value)
