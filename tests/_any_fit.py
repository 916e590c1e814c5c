"""Tiny fits to whatever may come in, drawn by hypothesis, and what must hold of each."""

from __future__ import annotations

import copy
import pickle
import tempfile
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp
import torch
from hypothesis import strategies as st
from sklearn.model_selection import KFold, ShuffleSplit

import skmtl
from skmtl import DivergenceError, MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.balancing import BALANCERS
from skmtl.collaboration import COLLABORATIONS
from skmtl.sharing import SHARINGS
from skmtl.training import OPTIMIZERS

ESTIMATORS = [MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor]
NAMES = ["a", "", "mean", "sharing", "x__y", "task1", "größe", "a b", "0", 0, 7, True, 1.5, None, ("a", 1)]
PARAMETERS: dict[str, list[Any]] = {
    "hidden_layer_sizes": [(), (3,), 3, np.int8(2), [2, np.int64(2)], (0,), "big", (2.5,), None],
    "task_layer_sizes": [(), (2,), 2, [3, 2], (0,), "big", None],
    "activation": ["auto", "relu", "tanh", "softmax", None, 1],
    "sharing": [*SHARINGS, "none", None, 3],
    "balancing": [*BALANCERS, "none", None, 3],
    "optimizer": [*OPTIMIZERS, "none", None, 3],
    "loss_weights": ["auto", None, [1.0], [1, 2], [0, 1], {"a": 2.0}, [np.nan, 1], "equal", [-1, 2], 3],
    "class_weight": [None, "balanced", {0: 2.0}, ["balanced"], "none", 3],
    "threshold_metric": [None, "f1", "balanced_accuracy", {"a": "f1"}, "roc_auc", "r2", "none", 3],
    "calibration": [None, "temperature", "sigmoid", "isotonic", "none", 3],
    "loss": ["auto", "squared_error", "huber", "poisson", "quantile", "absolute_error", "none", None],
    "target_transform": [None, "log1p", "sqrt", "quantile", "yeo-johnson", "log", 3],
    "encoder": ["auto", "tabular", "none", None, 3],
    "dropout": ["auto", 0, 0.5, np.float32(0.1), 1, -0.1, np.nan, "a"],
    "input_dropout": ["auto", 0.2, 1.0, None],
    "input_scaling": ["auto", True, False, np.bool_(True), 1, "yes"],
    "kernel_blend": ["auto", True, False, 2, None],
    "local_correction": ["auto", True, False, 2, None],
    "early_stopping": ["auto", True, False, 2, -1, "no"],
    "cv": [None, 2, np.int8(3), 1, 2.5, "no", KFold(2), ShuffleSplit(1, test_size=0.5, random_state=0), [([0], [1])]],
    "n_iter_no_change": ["auto", 1, np.inf, 0, 1.5],
    "learning_rate": ["auto", "constant", "cosine", "linear", 3],
    "learning_rate_init": ["auto", 0.01, np.float16(0.1), 1e30, 0, -1, np.nan, np.inf],
    "weight_decay": ["auto", 0, 1e-3, 1e30, -1, np.inf],
    "batch_size": ["auto", 1, 7, np.uint8(3), 10**9, 0, 2.5, None],
    "tol": [0, 1e-4, -1, np.nan],
    "dtype": ["auto", "float32", "float64", "bfloat16", "float16", np.float32],
    "device": ["auto", "cpu", torch.device("cpu"), "nowhere", None],
    "missing_label": [None, -1, "?", np.nan, [0, "?"], 1.5, pd.NA],
    "n_estimators": [1, 2, np.int16(3), 0, 1.5],
    "peer_sharing": [None, "averaging", "elastic", "additive", "batch_ensemble", "none", 3],
    "n_peers": ["auto", 1, np.int16(2), 0, "many"],
    "collaboration": [None, *COLLABORATIONS, "none", 3],
    "max_iter": [1, 2, np.int32(1), 0, "many"],
    "n_jobs": [None, 1, -1, np.int64(1), 0, 2.5],
    "random_state": [0, None, np.int64(1), 2**32 - 1, -1, 2**70, "seed"],
    "warm_start": [False, True, 1],
    "verbose": [0, False],
}
COLUMNS: dict[str, Any] = {
    "float": lambda rng, n: rng.normal(size=n),
    "float32": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "huge": lambda rng, n: rng.normal(size=n) * 10.0 ** rng.integers(20, 305),
    "tiny": lambda rng, n: rng.normal(size=n) * 10.0 ** -rng.integers(20, 305),
    "count": lambda rng, n: rng.integers(0, 4, n),
    "big": lambda rng, n: rng.integers(2**53, 2**63 - 1, n),
    "uint8": lambda rng, n: rng.integers(0, 2, n).astype(np.uint8),
    "constant": lambda rng, n: np.full(n, 3.0),
    "bool": lambda rng, n: rng.random(n) < 0.5,
    "text": lambda rng, n: rng.choice(["red", "green", "?", ""], n),
    "inf": lambda rng, n: np.where(rng.random(n) < 0.2, np.inf, rng.normal(size=n)),
    "object": lambda rng, n: rng.choice(np.array([1, 2.5, "a", True], dtype=object), n),
    "time": lambda rng, n: rng.integers(0, 9, n).astype("datetime64[D]"),
}
NUMBERS, CLASSES = ["float", "float32", "count", "big", "huge"], ["count", "uint8", "bool", "text"]
SUITED = {MultiTaskNet: NUMBERS + CLASSES, MultiTaskNetClassifier: CLASSES, MultiTaskNetRegressor: NUMBERS}
CONTAINERS = ["array", "array", "frame", "frame", "nullable", "category", "polars", "list", "tuple", "tensor", "series"]


def _columns(draw: Any, rng: np.random.Generator, n: int, most: int, suited: list[str], mark: Any) -> list[np.ndarray]:
    """Columns of types that mostly are suited, of which some cells are missing."""
    kinds = st.sampled_from(suited if draw(st.integers(0, 3)) else list(COLUMNS))
    columns = [COLUMNS[kind](rng, n) for kind in draw(st.lists(kinds, min_size=1, max_size=most))]
    rate = draw(st.sampled_from([0, 0, 0.2, 0.2, 0.9]))
    for k, column in enumerate(columns):
        missing = rng.random(n) < rate
        if missing.any():
            as_float = column.dtype.kind == "f" and isinstance(mark, float | int)
            columns[k] = column.copy() if as_float else column.astype(object)
            columns[k][missing] = mark
    return columns


def _contained(draw: Any, columns: list[np.ndarray], *, one: bool) -> Any:
    """The columns in a container that users have."""
    container = draw(st.sampled_from(CONTAINERS))
    known = draw(st.sampled_from([NAMES[:9], NAMES[:9], NAMES[9:11], NAMES]))  # scikit-learn wants one type in X
    differ = len(known) >= len(columns) and bool(draw(st.integers(0, 9)))
    names = draw(st.lists(st.sampled_from(known), min_size=len(columns), max_size=len(columns), unique=differ))
    if container in ("frame", "nullable", "category", "series"):
        frame = pd.DataFrame(dict(enumerate(columns)))
        if container == "nullable":
            frame = frame.convert_dtypes()
        elif container == "category":
            frame = frame.astype("category")
        if container == "series" and one and len(columns) == 1:
            return frame[0].rename(names[0])
        return frame.set_axis(pd.Index(names, dtype=object, tupleize_cols=False), axis=1)
    if container == "polars":
        plain = [[None if cell is pd.NA else cell for cell in column.tolist()] for column in columns]
        named = [f"{k}{name}" for k, name in enumerate(names)]
        return pl.DataFrame(dict(zip(named, plain, strict=True)), strict=False)
    stacked = np.column_stack([column.astype(object) for column in columns])
    if len({column.dtype.kind for column in columns}) == 1:
        stacked = np.column_stack(columns)
    if one and len(columns) == 1 and draw(st.booleans()):
        stacked = stacked[:, 0]
    if container == "tensor" and stacked.dtype.kind in "biuf":
        return torch.from_numpy(stacked)
    if container in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[container](stacked.tolist())
    return np.asfortranarray(stacked) if draw(st.booleans()) else stacked


def _weights(draw: Any, rng: np.random.Generator, n: int, n_tasks: int) -> Any:
    rows = rng.random(n)
    kinds = {
        "none": None,
        "rows": rows,
        "cells": rng.random((n, n_tasks)),
        "zeros": rows * (rows < 0.5),
        "negative": rows - 0.1,
        "nan": np.where(rows < 0.1, np.nan, rows),
        "huge": rows * 1e300,
        "list": rows.round().tolist(),
        "wrong": np.ones(n + 1),
    }
    return kinds[draw(st.sampled_from(["none"] * 12 + list(kinds)))]


@st.composite
def fits(draw: Any) -> tuple[type, dict[str, Any], Any, Any, Any]:
    """Class and parameters of an estimator, X, y and weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    n = draw(st.sampled_from([1, 2, 3, 9, 9, 24, 24, 24]))
    estimator = draw(st.sampled_from(ESTIMATORS))
    mark = draw(st.sampled_from([None, np.nan, pd.NA, -1, "?"]))
    y = _columns(draw, rng, n, 3, SUITED[estimator], mark)
    weights = _weights(draw, rng, n, len(y))
    X = _contained(draw, _columns(draw, rng, n, 4, NUMBERS + CLASSES[:3], np.nan), one=False)
    if draw(st.integers(0, 9)) == 0:
        X = sp.random(n, 3, 0.5, random_state=0, format="csr")
    known = [name for name in PARAMETERS if name in estimator().get_params(deep=False)]
    chosen = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
    usual = {"hidden_layer_sizes": (3,), "n_estimators": 2, "max_iter": 1, "random_state": 0, "missing_label": mark}
    params = usual | {name: draw(st.sampled_from(PARAMETERS[name])) for name in chosen}
    return estimator, params, X, _contained(draw, y, one=True), weights


def check(estimator: type, params: dict[str, Any], X: Any, y: Any, weights: Any) -> bool:
    """Fit and predict: finite predictions of the right shape, or an error that names what is wrong.

    Nothing that was given is changed, nor any global state. Returns whether it was fitted.
    """
    model = estimator(**params)
    given = _content(X), _content(y), _content(weights), repr(params)
    before = _global_state()
    fitted = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(X, y, sample_weight=weights)
            fitted = True
            _check_fitted(model, X, y, weights)
        except (ValueError, TypeError, DivergenceError, RuntimeError) as error:
            _check_error(error, model, X, y)
    assert (_content(X), _content(y), _content(weights), repr(params)) == given, "what was given has changed"
    assert _global_state() == before, "global state has changed"
    return fitted


def _check_fitted(model: Any, X: Any, y: Any, weights: Any) -> None:
    n, n_tasks = X.shape[0] if hasattr(X, "shape") else len(X), len(model.tasks_)
    predicted = model.predict(X)
    assert predicted.shape == ((n,) if np.ndim(y) == 1 else (n, n_tasks)), predicted.shape
    for task, column in zip(model.tasks_, predicted.reshape(n, n_tasks).T, strict=True):
        if task.kind.is_classifier:
            assert set(column.tolist()) <= set(task.classes.tolist()), f"{task.name}: {set(column.tolist())}"
            probabilities = model.task_view(task.name).predict_proba(X)
            assert np.isfinite(probabilities).all()
            assert np.allclose(probabilities.sum(1), 1, atol=1e-4)
        else:
            assert np.isfinite(column.astype(float)).all(), f"{task.name} is not finite"
    scores = model.score_tasks(X, y, weights)
    assert list(scores) == list(model.task_names_)
    assert not any(np.isinf(score) for score in scores.values())
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), predicted)
    with tempfile.TemporaryDirectory() as folder:
        skmtl.save(model, f"{folder}/model")
        assert np.array_equal(skmtl.load(f"{folder}/model").predict(X), predicted)


def _check_error(error: Exception, model: Any, X: Any, y: Any) -> None:
    """An error says which parameter or task it is about."""
    words = [*model.get_params(deep=False), "X", "y", "Feature", "feature", "task", "column", "sample_weight", "label"]
    names = [repr(name) for data in (X, y) for name in getattr(data, "columns", [])]
    text = str(error)
    told = isinstance(error, ValueError | TypeError | DivergenceError) or "device" in text
    if not told or not any(word in text for word in words + names):
        raise AssertionError(f"{type(error).__name__} names nothing: {text}") from error
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    assert last is not None
    origin = last.tb_frame.f_code.co_filename
    if not any(name in origin for name in ("skmtl", "sklearn", "narwhals", "joblib")):  # these check for them
        raise AssertionError(f"{type(error).__name__} comes from {origin}: {text}") from error


def _content(data: Any) -> str:
    """All values of what fit is given."""
    if isinstance(data, pd.DataFrame):
        return repr((data.dtypes.tolist(), data.columns.tolist(), data.to_numpy(object).tolist()))
    if isinstance(data, pl.DataFrame):
        return repr((data.schema, data.rows()))
    values = data.toarray() if sp.issparse(data) else data
    return repr((str(values.dtype), values.tolist()) if hasattr(values, "tolist") else values)


def _global_state() -> Any:
    numpys = copy.deepcopy(np.random.get_state())  # noqa: NPY002
    torchs = torch.get_rng_state().numpy().tobytes(), torch.get_num_threads(), torch.get_default_dtype()
    return numpys[1].tobytes(), numpys[2], torchs, torch.is_grad_enabled(), torch.get_default_device()
