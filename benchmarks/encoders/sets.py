"""The sets, cut into rows to fit and rows to score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Split(NamedTuple):
    """Rows to fit, rows to score, names of the tasks."""

    X_train: Any
    y_train: np.ndarray
    X_test: Any
    y_test: np.ndarray
    tasks: list[str]


def trec(folder: Path) -> Split:
    """Questions and their coarse and fine type; fold 0 is scored."""
    frame = pd.read_csv(folder / "data.csv.gz", keep_default_na=False)
    texts, labels, tasks = frame["text"].to_numpy(dtype=object), frame[["coarse", "fine"]], ["coarse", "fine"]
    held_out = frame["fold"].astype(int).to_numpy() == 0
    y = labels.to_numpy(dtype=str)
    return Split(texts[~held_out], y[~held_out], texts[held_out], y[held_out], tasks)


def multimnist(folder: Path) -> Split:
    """Pairs of digits, 28 x 28 bytes, and which digits they are; the marked rows are scored."""
    data = np.load(folder / "data.npz")
    held_out = data["test"].astype(bool)
    X, y = data["X"].reshape(-1, 28, 28), data["Y"]
    return Split(X[~held_out], y[~held_out], X[held_out], y[held_out], ["top_left", "bottom_right"])


SETS: dict[str, Callable[[Path], Split]] = {"trec": trec, "multimnist": multimnist}
