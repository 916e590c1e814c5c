"""Scores of predicted classes from tables of weights by true and predicted class, many tables at once."""

from __future__ import annotations

import numpy as np


def accuracy_of(tables: np.ndarray) -> np.ndarray:
    """Weight on the diagonal, of all: ``(..., n_classes, n_classes) -> (...)``."""
    right: np.ndarray = np.trace(tables, axis1=-2, axis2=-1) / tables.sum(axis=(-2, -1))
    return right


def balanced_accuracy_of(tables: np.ndarray) -> np.ndarray:
    """Mean over the true classes that occur of the weight that is predicted; further predicted classes may follow."""
    predicted = np.diagonal(tables, axis1=-2, axis2=-1)
    return mean_of_shares(predicted, tables.sum(axis=-1))


def f1_of(tables: np.ndarray) -> np.ndarray:
    """F1 of the second of two classes; of more classes the mean over those that occur or are predicted."""
    return f1_of_weights(np.diagonal(tables, axis1=-2, axis2=-1), tables.sum(axis=-1), tables.sum(axis=-2))


def f1_of_weights(right: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The same from the weight of each class that is right, true and predicted, ``(..., n_classes) -> (...)``."""
    first = 1 if right.shape[-1] == 2 else 0
    return mean_of_shares(2 * right[..., first:], (true + predicted)[..., first:])


def mean_of_shares(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Mean over the last axis, where the whole is not 0; NaN where it is 0 everywhere."""
    defined = wholes > 0
    shares = np.divide(parts, wholes, out=np.zeros_like(wholes), where=defined)
    n_defined = defined.sum(axis=-1)
    mean: np.ndarray = shares.sum(axis=-1) / np.where(n_defined > 0, n_defined, np.nan)
    return mean
