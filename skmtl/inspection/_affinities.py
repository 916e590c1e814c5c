"""Affinities of tasks as matrices, from what networks of single tasks say of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.stats import rankdata
from sklearn.covariance import graphical_lasso

MIN_CELLS = 3  # of two tasks in common
MIN_EIGENVALUE = 1e-3  # of a correlation matrix whose entries are of different rows


def correlate_outputs(outputs: Sequence[np.ndarray]) -> np.ndarray:
    """Correlations ``(n_tasks, n_tasks)`` of outputs ``(n, n_columns)`` to the same rows, NaN where there are none.

    Of two tasks with one column each the correlation; else the root of the RV coefficient (Escoufier, 1973), which is
    its absolute value for one column each.
    """
    matrix = np.eye(len(outputs))
    for i, j in combinations(range(len(outputs)), 2):
        known = ~(np.isnan(outputs[i][:, 0]) | np.isnan(outputs[j][:, 0]))
        first, second = (one[known] - one[known].mean(axis=0) for one in (outputs[i], outputs[j]))
        between, of_first, of_second = first.T @ second, first.T @ first, second.T @ second
        size = np.linalg.norm(of_first) * np.linalg.norm(of_second)
        product = between[0, 0] if between.size == 1 else np.linalg.norm(between)
        matrix[i, j] = matrix[j, i] = product / np.sqrt(size) if size > 0 else np.nan
    return matrix


def correlate_residuals(residuals: np.ndarray) -> np.ndarray:
    """Partial correlations ``(n_tasks, n_tasks)`` of residuals ``(n, n_tasks)``, NaN where there is none.

    By the graphical lasso (Friedman, Hastie and Tibshirani, 2008) over correlations of the rows that two tasks have in
    common, with the penalty ``sqrt(log(n_tasks) / n)`` of its theory, n being the median number of these rows.
    """
    known = ~np.isnan(residuals)
    common = known.T.astype(int) @ known.astype(int)
    n_tasks = residuals.shape[1]
    correlation, unknown = np.eye(n_tasks), np.zeros((n_tasks, n_tasks), dtype=bool)
    for i, j in combinations(range(n_tasks), 2):
        both = known[:, i] & known[:, j]
        pair = residuals[both][:, [i, j]]
        if common[i, j] >= MIN_CELLS and (pair.std(axis=0) > 0).all():
            correlation[i, j] = correlation[j, i] = np.corrcoef(pair.T)[0, 1]
        else:
            unknown[i, j] = unknown[j, i] = True
    values, vectors = np.linalg.eigh(correlation)
    possible = (vectors * values.clip(min=MIN_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(possible.diagonal())
    n_rows = max(float(np.median(common[np.triu_indices(n_tasks, 1)])), 1.0)
    alpha = np.sqrt(np.log(n_tasks) / n_rows)
    precision = graphical_lasso(possible / np.outer(scale, scale), alpha, tol=1e-3, max_iter=500)[1]
    size = np.sqrt(precision.diagonal())
    partial: np.ndarray = np.where(unknown, np.nan, -precision / np.outer(size, size)) + 0.0  # no -0.0
    np.fill_diagonal(partial, 1.0)
    return partial


def dissimilarities(features: np.ndarray) -> np.ndarray:
    """1 minus the correlation of the features of every two rows, mean over the members: ``(member, n, width)``.

    A row without any active feature is like no other.
    """
    centred = features.astype(np.float64) - features.mean(axis=2, keepdims=True)
    size = np.linalg.norm(centred, axis=2, keepdims=True)
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    mean = (1 - unit @ unit.transpose(0, 2, 1)).mean(axis=0)
    pairs: np.ndarray = mean[np.triu_indices(len(mean), 1)]
    return pairs


def compare_representations(by_task: Sequence[np.ndarray]) -> np.ndarray:
    """Spearman correlations ``(n_tasks, n_tasks)`` of the dissimilarities of rows under each task's features.

    NaN where these are all the same, as with two rows.
    """
    ranks = rankdata(np.stack(by_task), axis=1)
    if ranks.shape[1] < 2:
        return np.where(np.eye(len(ranks)) > 0, 1.0, np.nan)
    with np.errstate(invalid="ignore"):
        matrix = np.asarray(np.corrcoef(ranks))
    np.fill_diagonal(matrix, 1.0)
    return matrix
