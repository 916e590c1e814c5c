"""The data sets as tables, drawn small, with training labels hidden or flipped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.accuracy import protocols
from benchmarks.accuracy.protocols import Table
from benchmarks.encoders.sets import SETS as ENCODED

SETS = ("sarcos_test", "scm20d", "tox21", "yeast", "wine", "adult", "trec", "multimnist")
TEST_ROWS = 1500
TEXT_COMPONENTS = 64


@dataclass(frozen=True)
class Damage:
    """What is done to the training labels.

    Attributes
    ----------
    hidden : float
        Fraction of the cells that lose their label.
    flipped : float
        Fraction of the labels that are replaced: a class by another one, a number by that of another row.
    """

    hidden: float = 0.0
    flipped: float = 0.0

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{self.hidden:.0%} hidden" if self.hidden else f"{self.flipped:.0%} flipped"


DAMAGES = (Damage(hidden=0.6), Damage(hidden=0.8), Damage(hidden=0.95), Damage(flipped=0.2), Damage(flipped=0.4))


@dataclass(frozen=True)
class Problem:
    """A table, the rows to fit and to score, their labels as a learner sees them, and which of these are wrong."""

    table: Table
    train: np.ndarray
    test: np.ndarray
    labels: pd.DataFrame
    wrong: np.ndarray

    @property
    def X_train(self) -> Any:
        """Rows to fit."""
        return _rows(self.table.X, self.train)

    @property
    def X_test(self) -> Any:
        """Rows to score."""
        return _rows(self.table.X, self.test)


def _rows(X: Any, index: np.ndarray) -> Any:
    return X.iloc[index] if isinstance(X, pd.DataFrame) else X[index]


def load(name: str, folder: Path) -> Table:
    """Read a set; texts and images become tables, so that all models see the same columns."""
    if name not in ENCODED:
        return protocols.load(folder / name)
    split = ENCODED[name](folder / name)
    X = np.concatenate([split.X_train, split.X_test])
    Y = np.concatenate([split.y_train, split.y_test])
    fold = np.repeat([1, 0], [len(split.y_train), len(split.y_test)])
    codes = {task: np.unique(Y[:, t], return_inverse=True)[1].astype(float) for t, task in enumerate(split.tasks)}
    vectors = _images(X) if name == "multimnist" else _texts(X, fold == 1)
    return Table(name, vectors, pd.DataFrame(codes), ("multiclass",) * len(split.tasks), fold)


def _images(X: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels, ``(n, h, w) -> (n, h * w / 4)``."""
    n_rows, height, width = X.shape
    blocks = X.reshape(n_rows, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return (blocks.reshape(n_rows, -1) / 255).astype(np.float32)


def _texts(X: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Leading components of weighted counts of words; no label is looked at."""
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit(X[train])
    components = TruncatedSVD(TEXT_COMPONENTS, random_state=0).fit(counts.transform(X[train]))
    return components.transform(counts.transform(X)).astype(np.float32)


def draw(table: Table, n_rows: int, damage: Damage, seed: int) -> Problem:
    """Draw training and test rows and damage the training labels."""
    random = np.random.default_rng(seed)
    train, test = (random.permutation(rows) for rows in table.split(0))
    train, test = np.sort(train[:n_rows]), np.sort(test[:TEST_ROWS])
    labels = table.Y.iloc[train].to_numpy(copy=True)
    labels[random.random(labels.shape) < damage.hidden] = np.nan
    wrong = np.zeros(labels.shape, dtype=bool)
    for t, kind in enumerate(table.kinds):
        cells = np.flatnonzero(~np.isnan(labels[:, t]) & (random.random(len(labels)) < damage.flipped))
        before = labels[cells, t]
        if kind == "regression":
            labels[cells, t] = random.permutation(before)
        else:
            n_classes = table.n_classes[t]
            labels[cells, t] = (before + random.integers(1, n_classes, len(cells))) % n_classes
        wrong[cells, t] = labels[cells, t] != before
    return Problem(table, train, test, pd.DataFrame(labels, columns=table.Y.columns), wrong)
