"""Random functions of the columns of X: values ``(row, output)``, most of them standardized by output."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy.protocols import Floats

Rng = np.random.Generator


def standardized(values: Floats) -> Floats:
    return (values - values.mean(axis=0)) / values.std(axis=0)


def linear(rng: Rng, X: Floats, n_outputs: int) -> Floats:
    return standardized(X @ rng.normal(size=(X.shape[1], n_outputs)))


def smooth(rng: Rng, X: Floats, n_outputs: int, units: int = 24, bend: float = 1.5) -> Floats:
    """A random network of one hidden layer; the larger ``bend``, the less linear."""
    weights = bend * rng.normal(size=(X.shape[1], units)) / np.sqrt(X.shape[1])
    hidden = np.tanh(X @ weights + rng.normal(size=units))
    return standardized(hidden @ rng.normal(size=(units, n_outputs)))


def steps(rng: Rng, X: Floats, n_outputs: int, n_steps: int = 12) -> Floats:
    """A sum of steps along single columns."""
    columns = rng.integers(X.shape[1], size=n_steps)
    above = X[:, columns] > rng.normal(scale=0.8, size=n_steps)
    return standardized(above @ rng.normal(size=(n_steps, n_outputs)))


def boxes(rng: Rng, X: Floats, n_outputs: int, n_boxes: int = 6) -> Floats:
    """A sum of products of steps along two columns each."""
    columns = np.array([rng.choice(X.shape[1], 2, replace=False) for _ in range(n_boxes)])
    above = X[:, columns] > rng.normal(scale=0.5, size=columns.shape)  # (row, box, side)
    return standardized(np.where(above, 1, -1).prod(axis=2) @ rng.normal(size=(n_boxes, n_outputs)))


def products(rng: Rng, X: Floats, n_outputs: int, n_products: int = 4) -> Floats:
    """Products of pairs of columns beside a weaker linear part."""
    pairs = np.array([rng.choice(X.shape[1], 2, replace=False) for _ in range(n_products)])
    products = X[:, pairs].prod(axis=2) @ rng.normal(size=(n_products, n_outputs))
    return standardized(standardized(products) + 0.5 * linear(rng, X, n_outputs))


def waves(rng: Rng, X: Floats, n_outputs: int, periods: float = 2.0) -> Floats:
    """A sum of sines of the first three columns, about ``2 * periods`` of them within two standard deviations."""
    frequencies = np.pi * periods * rng.uniform(0.7, 1.3, size=(3, n_outputs))
    return np.sin(X[:, :3, None] * frequencies / 2 + rng.uniform(0, 2 * np.pi, size=(3, n_outputs))).sum(axis=1)
