"""Initial values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skmtl.layers._buffer import Initializer, ParameterSpec


def uniform(bound: float) -> Initializer:
    """Uniform in ``[-bound, bound]``."""
    return lambda generator, shape: generator.uniform(-bound, bound, shape)


def normal(scale: float) -> Initializer:
    """Normal with standard deviation ``scale``."""
    return lambda generator, shape: generator.normal(0.0, scale, shape)


def constant(value: float) -> Initializer:
    """The same value everywhere."""
    return lambda generator, shape: np.full(shape, value)


def alike(spec: ParameterSpec) -> ParameterSpec:
    """The same parameter, all of whose copies start from the values drawn for one."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.repeat(spec.initial(generator, (1, *shape[1:])), shape[0], axis=0)

    return replace(spec, initial=draw)
