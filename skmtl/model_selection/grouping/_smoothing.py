"""Measured gains with less noise: each is drawn towards what the gains of all subsets say of it."""

from __future__ import annotations

import numpy as np

from skmtl.model_selection.grouping._gains import FoldGains
from skmtl.model_selection.grouping._surrogate import AdditiveGains


def smoothed_gains(table: FoldGains) -> np.ndarray:
    """Mean gains, ``(n_subsets, n_tasks)``, drawn towards those of the additive model of the members.

    The best of many noisy gains is often not the best subset. Additive gains have few parameters and little noise, but
    are not quite true. How true is judged by what an additive model leaves of the gains: the sum a of the squares of
    its means over the folds, of which b would be due to noise from fold to fold. The share max(0, 1 - b / a) of what
    is left is kept (empirical Bayes).
    """
    gains = table.mean()
    additive = AdditiveGains.fit(table.members, gains).predict(table.members)
    squares = np.sum([_left_and_noise(table, task) for task in range(gains.shape[1])], axis=0)
    kept = max(1 - squares[1] / squares[0], 0.0) if squares[0] > 0 else 1.0  # too few subsets to tell
    return gains if kept == 1 else additive + kept * (gains - additive)


def _left_and_noise(table: FoldGains, task: int) -> tuple[float, float]:
    """Squares of what least squares leave of a task's mean gains, and of those that noise makes; 0 if unknown."""
    rows = np.flatnonzero(table.members[:, task] & (table.members.sum(axis=1) > 1))
    gains = table.gains[rows, :, task]
    gains = gains[:, ~np.isnan(gains).any(axis=0)]  # (subset, fold)
    others = np.delete(table.members[rows], task, axis=1)
    design = np.concatenate([np.ones((len(rows), 1)), others], axis=1)
    basis, scales, _ = np.linalg.svd(design, full_matrices=False)
    basis = basis[:, scales > len(design) * np.finfo(float).eps * scales.max(initial=0)]
    n_folds = gains.shape[1]
    if n_folds < 2 or len(rows) == basis.shape[1]:
        return 0.0, 0.0
    left = gains - basis @ (basis.T @ gains)
    mean = left.mean(axis=1, keepdims=True)
    noise = np.square(left - mean).sum() / (n_folds - 1) * (1 / n_folds + table.test_ratio)
    return float(np.square(mean).sum()), float(noise)
