"""The data sets, their folds and their scores.

A set is a folder with ``meta.json`` and either ``data.npz`` or ``data.csv.gz``. Every model sees the same table:
features as an array, or as a frame whose category columns have the category dtype; targets as one frame of floats, in
which a class is its code and NaN is a missing label.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Floats = NDArray[np.float64]
Features = NDArray[Any] | pd.DataFrame

REGRESSION_SETS = (
    "enb", "jura", "slump", "sf1", "sf2", "atp1d", "atp7d", "scm20d", "sarcos_test", "bikeshare", "air_quality",
    "andro", "edm", "oes97", "parkinsons", "school",
)  # fmt: skip
CLASS_SETS = (
    "yeast", "emotions", "medical", "flags", "tox21", "clintox", "wine", "adult", "student", "ames", "grid_stability",
    "sider", "abalone",
)  # fmt: skip
LOG1P_SETS = frozenset({"bikeshare"})  # heavy-tailed counts: every model fits and is scored on log(1 + count)
PUBLISHED_SPLITS = {
    "tox21": "split_random",
    "sider": "split_random",
}  # 0 train, 1 validation (left out for all models), 2 test
GROUP_FOLDS = {"parkinsons": "subject_fold"}  # rows of a person are in one fold
SMALL = 2000  # below this many rows, five folds; otherwise fold 0 is the only test part
COSTLY = 20_000_000  # rows x features x tasks (see `cost`) from which fold 0 must do all the same
CALIBRATION_BINS = 15
LEAST_PROBABILITY = 1e-7  # for the log loss: a forest gives exact zeros


@dataclass(frozen=True)
class Table:
    """One set with its folds."""

    name: str
    X: Features
    Y: pd.DataFrame  # (row, task): numbers or class codes, NaN = missing
    kinds: tuple[str, ...]  # regression, binary or multiclass, by task
    fold: NDArray[np.int64]  # -1 = in no part

    @property
    def n_classes(self) -> list[int]:
        """Number of classes by task, 0 for a regression task."""
        return [0 if kind == "regression" else int(self.Y.iloc[:, t].max()) + 1 for t, kind in enumerate(self.kinds)]

    def split(self, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row numbers of the training and the test part; rows with no label at all are in neither."""
        labelled = self.Y.notna().any(axis=1).to_numpy() & (self.fold >= 0)
        return np.flatnonzero(labelled & (self.fold != fold)), np.flatnonzero(labelled & (self.fold == fold))


def read_meta(folder: Path) -> dict[str, Any]:
    """The set's own description."""
    meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
    return meta


def n_folds(meta: dict[str, Any]) -> int:
    """How many folds the protocol uses."""
    several = meta["n_rows"] < SMALL and cost(meta) < COSTLY and meta["name"] not in PUBLISHED_SPLITS
    return 5 if several else 1


def cost(meta: dict[str, Any]) -> int:
    """A rough measure of the work, to run small sets first."""
    return int(meta["n_rows"] * meta["n_features"] * len(meta["tasks"]))


def given_scores(data: Path, meta: dict[str, Any]) -> dict[str, float]:
    """Scores of models that come with the data, by model, where they are of the same folds and of the same metric."""
    path, name = data / "baselines_dev.json", meta["name"]
    split = PUBLISHED_SPLITS.get(name)
    key = name if split is None else f"{name}__{split.removeprefix('split_')}"
    entry = json.loads(path.read_text()).get(key) if path.exists() else None
    if entry is None:
        return {}
    parts = "5-fold CV over fold" if n_folds(meta) == 5 else f"{GROUP_FOLDS.get(name, 'fold')}==0"
    same_folds = entry["protocol"].startswith(parts) if split is None else split in entry["protocol"]
    metrics = {"regression": "aRRMSE", "binary": "mean ROC-AUC"}
    kinds = {task["kind"] for task in meta["tasks"]}
    same_metric = len(kinds) == 1 and entry["metric"].startswith(metrics.get(*kinds, "none"))
    return dict(entry["scores"]) if same_folds and same_metric else {}


def load(folder: Path) -> Table:
    """Read a set."""
    meta = read_meta(folder)
    reader = _read_frame if (folder / "data.csv.gz").exists() else _read_arrays
    X, Y, fold = reader(folder, meta)
    kinds = tuple(task["kind"] for task in meta["tasks"])
    Y = pd.DataFrame({name: _numbers(Y[name], kind) for name, kind in zip(Y.columns, kinds, strict=True)})
    if meta["name"] in LOG1P_SETS:
        Y = Y.transform(np.log1p)
    return Table(meta["name"], X, Y, kinds, fold)


def _read_frame(folder: Path, meta: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.int64]]:
    frame = pd.read_csv(folder / "data.csv.gz", keep_default_na=False, na_values=[""])
    X = frame[[column["name"] for column in meta["feature_columns"]]].copy()
    for column in meta["feature_columns"]:
        name = column["name"]
        X[name] = X[name].astype("category") if column["type"] == "cat" else pd.to_numeric(X[name]).astype(float)
    return X, frame[_targets(meta)], frame["fold"].to_numpy()


def _read_arrays(folder: Path, meta: dict[str, Any]) -> tuple[Features, pd.DataFrame, NDArray[np.int64]]:
    with np.load(folder / "data.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    Y = pd.DataFrame(_label_matrix(arrays), columns=_targets(meta))
    if "fp" in arrays:  # packed fingerprints, -1 = missing label
        X = np.unpackbits(arrays["fp"], axis=1).astype(np.float32)
        Y = Y if meta["tasks"][0]["kind"] == "regression" else Y.mask(Y < 0)
    else:
        X = arrays["X"]
    split = PUBLISHED_SPLITS.get(meta["name"])
    own = GROUP_FOLDS.get(meta["name"], "fold")
    fold = arrays[own] if split is None else np.array([1, -1, 0])[arrays[split]]
    return X, Y, fold.astype(np.int64)


def _label_matrix(arrays: dict[str, NDArray[Any]]) -> Floats:
    """Labels ``(row, task)``; where a row has the label of one task only, the others are missing."""
    if "Y" in arrays:
        return arrays["Y"].astype(float)
    task = arrays["task"]
    Y = np.full((len(task), task.max() + 1), np.nan)
    Y[np.arange(len(task)), task] = arrays["y"]
    return Y


def _targets(meta: dict[str, Any]) -> list[str]:
    return [task["name"] for task in meta["tasks"]]


def _numbers(column: pd.Series, kind: str) -> pd.Series:
    if kind == "regression":
        return column.astype(float)
    codes, _ = pd.factorize(column, sort=True)
    return pd.Series(np.where(codes < 0, np.nan, codes.astype(float)), index=column.index)


def score_tasks(
    table: Table, train: NDArray[np.int64], test: NDArray[np.int64], outputs: list[Floats]
) -> list[dict[str, float]]:
    """Every score of every task on its observed test cells, one dict by task (empty: nothing to score)."""
    scores: list[dict[str, float]] = []
    for t, kind in enumerate(table.kinds):
        y = table.Y.iloc[:, t].to_numpy()
        seen = ~np.isnan(y[test])
        truth, output = y[test][seen], outputs[t][seen]
        if not seen.any():
            scores.append({})
        elif kind == "regression":
            scores.append(_score_numbers(truth, output, float(np.nanmean(y[train]))))
        else:
            scores.append(_score_classes(truth.astype(int), output, kind))
    return scores


def _score_numbers(truth: Floats, prediction: Floats, train_mean: float) -> dict[str, float]:
    ratio = np.sum((truth - prediction) ** 2) / np.sum((truth - train_mean) ** 2)
    return {"rrmse": float(np.sqrt(ratio)), "r2": float(1 - ratio)}


def _score_classes(truth: NDArray[np.int64], probability: Floats, kind: str) -> dict[str, float]:
    predicted = probability.argmax(axis=1)
    correct = predicted == truth
    scores = {
        "accuracy": float(correct.mean()),
        "log_loss": _log_loss(truth, probability),
        "ece": _calibration_error(probability.max(axis=1), correct),
    }
    if kind == "binary" and len(np.unique(truth)) == 2:
        scores["auc"] = float(roc_auc_score(truth, probability[:, 1]))
    return scores


def _log_loss(truth: NDArray[np.int64], probability: Floats) -> float:
    clipped = np.clip(probability, LEAST_PROBABILITY, None)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(-np.log(clipped[np.arange(len(truth)), truth]).mean())


def _calibration_error(confidence: Floats, correct: NDArray[np.bool_]) -> float:
    """Expected calibration error of the predicted class over equal-width bins (Guo et al. 2017)."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def main_metric(kind: str, kinds: tuple[str, ...]) -> str:
    """The score by which a task counts: RRMSE only where every task is numeric, so that all of a set point one way."""
    if kind == "regression":
        return "rrmse" if set(kinds) == {"regression"} else "r2"
    return "auc" if kind == "binary" else "accuracy"
