"""A label matrix with holes and predictions of it."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def numbers(rng):
    """Truth with holes, predictions and cell weights of three numeric tasks."""
    y = rng.gamma(2, size=(40, 3)) + 0.1
    return np.where(rng.random(y.shape) < 0.3, np.nan, y), y * rng.uniform(0.7, 1.3, y.shape), rng.random(y.shape)


@pytest.fixture
def labels(rng):
    """Truth with holes, predicted labels and cell weights of tasks of 2, 3 and 4 classes."""
    y = np.column_stack([rng.integers(0, k, 60) for k in (2, 3, 4)]).astype(float)
    noise = np.column_stack([rng.integers(0, k, 60) for k in (2, 3, 4)])
    predicted = np.where(rng.random(y.shape) < 0.6, y, noise)
    return np.where(rng.random(y.shape) < 0.3, np.nan, y), predicted, rng.random(y.shape)


@pytest.fixture
def probabilities(rng):
    """Probabilities of the classes of `labels`."""
    return [rng.dirichlet(np.ones(k), 60) for k in (2, 3, 4)]
