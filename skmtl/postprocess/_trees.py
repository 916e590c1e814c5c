"""Extremely randomized trees of all tasks, with what they would say of each row without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.tree import ExtraTreeRegressor

N_TREES = 100
BLOCK_CELLS = 1 << 18  # values at a time: stay in the cache
MAX_COMPARISONS = 5e6  # of a row with a threshold, in one tree: bounds the time
STEP = 2.0**-12  # to whose multiples labels and weights are rounded; sums are then the same in any order of the rows
LEAST_LEAF = 0.01  # weight of a leaf, as a fraction of the mean row's, lest a label that hardly counts be its all
LEAST_WEIGHT = 1e-9  # of a row that has a say in splits, as a fraction of the heaviest


@dataclass(frozen=True)
class Trees:
    """Binary trees, whose leaves hold numbers.

    The inner nodes of all trees have numbers from 0 on, the leaves those after them.

    Attributes
    ----------
    features : ndarray of shape (n_inner,), int32
        Input that an inner node looks at.
    thresholds : ndarray of shape (n_inner,), float32
        Inputs above it go to the right.
    children : ndarray of shape (n_inner, 2), int32
        Numbers of the nodes to the left and to the right.
    roots : ndarray of shape (n_trees,), int32
        Numbers of the first nodes.
    values : ndarray of shape (n_leaves, n_columns), float32
        Of the leaves.
    depth : int
        Steps to the leaf that is farthest from its root.
    """

    features: np.ndarray
    thresholds: np.ndarray
    children: np.ndarray
    roots: np.ndarray
    values: np.ndarray
    depth: int

    @classmethod
    def of(cls, trees: Sequence[ExtraTreeRegressor], values: Sequence[np.ndarray]) -> Self:
        """From fitted trees, and the values of the nodes of each in place of its own."""
        inner = [tree.tree_.children_left >= 0 for tree in trees]
        n_inner = sum(int(own.sum()) for own in inner)
        features, thresholds, children, roots, of_leaves = [], [], [], [], []
        first, first_leaf = 0, n_inner
        for tree, own, of_nodes in zip(trees, inner, values, strict=True):
            numbers = np.where(own, first + np.cumsum(own) - 1, first_leaf + np.cumsum(~own) - 1)
            features.append(tree.tree_.feature[own])
            thresholds.append(_rounded_down(tree.tree_.threshold[own]))
            left, right = tree.tree_.children_left[own], tree.tree_.children_right[own]
            children.append(np.column_stack([numbers[left], numbers[right]]))
            roots.append(numbers[0])
            of_leaves.append(of_nodes[~own])
            first, first_leaf = first + int(own.sum()), first_leaf + int((~own).sum())
        return cls(
            np.concatenate(features).astype(np.int32),
            np.concatenate(thresholds),
            np.concatenate(children).astype(np.int32),
            np.array(roots, dtype=np.int32),
            np.concatenate(of_leaves).astype(np.float32),
            max(tree.get_depth() for tree in trees),
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Mean over the trees of the values of the leaves ``(m, n_columns)`` that rows ``(m, n_inputs)`` come to."""
        predicted = np.empty((len(x), self.values.shape[1]))
        step = max(BLOCK_CELLS // (len(self.roots) * self.values.shape[1]), 1)
        for first in range(0, len(x), step):
            leaves = self._leaves(x[first : first + step].astype(np.float32))
            predicted[first : first + step] = self.values[leaves].mean(axis=1, dtype=np.float64)
        return predicted

    def _leaves(self, x: np.ndarray) -> np.ndarray:
        """Positions of the leaves that rows come to, ``(m, n_trees)``."""
        n_inner, n_trees = len(self.features), len(self.roots)
        nodes = np.tile(self.roots, len(x))
        going = np.flatnonzero(nodes < n_inner)
        while len(going):
            at = nodes[going]
            right = x[going // n_trees, self.features[at]] > self.thresholds[at]
            nodes[going] = self.children[at, right.astype(np.intp)]
            going = going[nodes[going] < n_inner]
        leaves: np.ndarray = (nodes - n_inner).reshape(len(x), n_trees)
        return leaves


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """To single precision, in which the rows are: the same ones are above them."""
    single = thresholds.astype(np.float32)
    above = single > thresholds
    single[above] = np.nextafter(single[above], np.float32(-np.inf))
    return single


def grow_trees(rows: np.ndarray, truth: np.ndarray, weights: np.ndarray, units: np.ndarray) -> tuple[Trees, np.ndarray]:
    """Trees whose splits suit all columns, each of rows that are drawn with replacement.

    A leaf says the weighted mean of a column's labels that come to it, and 0 where there are none.

    Parameters
    ----------
    rows : ndarray of shape (n, n_inputs)
        Inputs.
    truth : ndarray of shape (n, n_columns)
        Columns of mean 0 and of like variances; 0 where the label is missing.
    weights : ndarray of shape (n, n_columns)
        Of the labels, 0 where one is missing.
    units : ndarray of shape (n,)
        Equal for rows that are drawn together.

    Returns
    -------
    Trees
        The trees.
    ndarray of shape (n, n_columns)
        What those trees say of each row for which it was not drawn.

    References
    ----------
    Geurts, P., Ernst, D. and Wehenkel, L. (2006). Extremely randomized trees. Machine Learning 63, 3-42.
    """
    rows, of_rows, rounded = rows.astype(np.float32), _weights_of_rows(weights), STEP * np.round(truth / STEP)
    labelled, random = np.unique(units[of_rows > 0]), np.random.default_rng(0)  # in an order that is not the rows'
    numbers, n_units = np.searchsorted(labelled, units).clip(max=len(labelled) - 1), len(labelled)
    has_labels = labelled[numbers] == units
    n_features = n_features_tried(len(rows), rows.shape[1], truth.shape[1])
    least = LEAST_LEAF * of_rows[of_rows > 0].mean() / of_rows.sum()
    trees, values = [], []
    sums, n_without = np.zeros_like(truth), np.zeros(len(rows))
    for seed in random.integers(2**31, size=N_TREES).tolist():
        times = np.bincount(random.integers(n_units, size=n_units), minlength=n_units)[numbers] * has_labels
        drawn = times * of_rows > 0
        tree = ExtraTreeRegressor(max_features=n_features, min_weight_fraction_leaf=least, random_state=seed)
        with config_context(skip_parameter_validation=True):  # which takes longer than a small tree does
            tree.fit(rows[drawn], rounded[drawn], sample_weight=(times * of_rows)[drawn], check_input=False)
            leaves = tree.apply(rows, check_input=False)
        own = _means(leaves, tree.tree_.node_count, truth, times[:, None] * weights)
        left_out = times == 0
        sums[left_out] += own[leaves[left_out]]
        n_without += left_out
        trees.append(tree)
        values.append(own)
    return Trees.of(trees, values), sums / np.maximum(n_without, 1)[:, None]


def _weights_of_rows(weights: np.ndarray) -> np.ndarray:
    """What each row counts in the choice of splits ``(n,)``, the lightest of them 1 or, where it hardly counts, 0."""
    mean = weights.mean(axis=1)
    lightest = max(mean[mean > 0].min(), LEAST_WEIGHT * mean.max())
    of_rows: np.ndarray = STEP * np.round(mean / (STEP * lightest))
    return of_rows


def n_features_tried(n_rows: int, n_inputs: int, n_columns: int) -> int:
    """Inputs of which a node tries a threshold: all, or as many as the time allows, but at least their root.

    Ten columns of labels take as long as one more comparison.
    """
    comparisons = n_rows * np.log2(max(n_rows, 2)) * (1 + n_columns / 10)
    return int(np.clip(MAX_COMPARISONS / comparisons, np.sqrt(n_inputs), n_inputs))


def _means(leaves: np.ndarray, n_nodes: int, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means of columns by leaf, ``(n_nodes, n_columns)``."""
    n = len(leaves)
    to_leaves = csr_array((np.ones(n), (leaves, np.arange(n))), shape=(n_nodes, n))
    sums, totals = to_leaves @ (weights * truth), to_leaves @ weights
    means: np.ndarray = np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
    return means
