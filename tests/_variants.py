"""Fitted estimators with every registered class among them, for whatever must hold of each: that it is kept, say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from skmtl import (
    MultiTaskNet,
    MultiTaskNetClassifier,
    MultiTaskNetRegressor,
    geometric,
    predict_interval,
    predict_set,
)
from skmtl._params import as_list
from skmtl._sklearn import final_model
from skmtl.balancing import BALANCERS
from skmtl.collaboration import COLLABORATIONS, CoTraining
from skmtl.encoders import ConvolutionEncoder, SequenceEncoder, TabularEncoder, TokenSequencer
from skmtl.postprocess import CALIBRATIONS
from skmtl.sharing import SHARINGS
from skmtl.tasks import LOSSES, TARGET_TRANSFORMS, Quantile
from skmtl.training import AVERAGES, OPTIMIZERS, PEER_SHARINGS, Device

Variant = tuple[Any, Any]  # fitted estimator and rows
N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
NUMBERS = np.exp(np.column_stack([X[:, 0], np.where(np.arange(N) % 5 == 0, np.nan, X[:, 1])]) / 2)
CLASSES = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(float)
FRAME = pd.DataFrame(
    {
        "number": X[:, 0],
        "word": RNG.choice(["a", "b", None], N),
        "mixed": RNG.choice(np.array([True, "x", 3, None], dtype=object), N),
        "day": pd.date_range("2020-02-03", periods=N, freq="29h"),
    }
)
NAMED = pd.DataFrame({"kind": pd.Categorical(np.where(CLASSES[:, 0], "yes", "no")), 7: X[:, 1]})
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 4, "max_iter": 2, "random_state": 0, "early_stopping": True}


def answers(net: Any, rows: Any) -> list[Any]:
    """Everything that a fitted estimator says of rows and of itself, as bytes and strings."""
    found = [net.predict(rows), repr(net)]
    model = final_model(net)
    if hasattr(net, "predict_proba"):
        found += [p for p in as_list(net.predict_proba(rows)) if p is not None]
    if model._out_of_fold is not None:
        about = predict_set if isinstance(model, MultiTaskNetClassifier) else predict_interval
        found += [model.oof_score_] if isinstance(model, MultiTaskNet) else [model.oof_score_, about(net, rows)]
    found += [model.history_, model.auto_params_, model.tasks_, model.transform(rows) if net is model else None]
    return [_plain(value) for value in found]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else repr(value)


def module() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def variants() -> Iterator[tuple[str, Variant]]:
    """Name, fitted estimator and rows of each."""
    for sharing, loss, transform in _cycled(SHARINGS, LOSSES, TARGET_TRANSFORMS):
        params = {"loss": LOSSES[loss](), "target_transform": transform if LOSSES[loss].takes_transform else None}
        net = MultiTaskNetRegressor(**SMALL, sharing=sharing, **params)
        yield f"{sharing}-{loss}-{transform}", (net.fit(X, NUMBERS), X)
    for balancing, optimizer, average in _cycled(BALANCERS, OPTIMIZERS, AVERAGES):
        update = OPTIMIZERS[optimizer](weight_average=AVERAGES[average]())
        net = MultiTaskNetClassifier(**SMALL, balancing=balancing, optimizer=update)
        yield f"{balancing}-{optimizer}-{average}", (net.fit(X, CLASSES), X)
    for name in CALIBRATIONS:
        net = MultiTaskNetClassifier(**SMALL, calibration=name)
        yield name, (net.fit(X, CLASSES[:, 0]), X)
    for name, method in COLLABORATIONS.items():
        views = {"views": [[0], [1, 2]]} if method is CoTraining else {}
        net = MultiTaskNetClassifier(**SMALL, collaboration=method(**views))
        yield name, (net.fit(X, np.where(RNG.random((N, 2)) < 0.3, np.nan, CLASSES)), X)
    for name in PEER_SHARINGS:
        yield name, (MultiTaskNetRegressor(**SMALL, peer_sharing=name, n_peers=2).fit(X, NUMBERS), X)
    yield from others()


def others() -> Iterator[tuple[str, Variant]]:
    """Those among them that differ in rows, labels and what is learned from held-out rows."""
    for name, (net, rows, y) in _others().items():
        yield name, (net.fit(rows, y), rows)


def _cycled(*axes: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Entries of the first axis, which is the longest, with those of the others in turn."""
    first, *others = axes
    return zip(first, *map(cycle, others), strict=False)


def with_scikit_learn() -> Iterator[tuple[str, Variant]]:
    """Estimators that hold objects of scikit-learn's."""
    transformer = FunctionTransformer(np.log1p, np.expm1)
    yield "transformer", (MultiTaskNetRegressor(**SMALL, target_transform=transformer).fit(X, NUMBERS), X)
    yield "pipeline", (make_pipeline(StandardScaler(), MultiTaskNetRegressor(**SMALL)).fit(X, NUMBERS), X)


def _others() -> dict[str, tuple[Any, Any, Any]]:
    texts = RNG.choice(["the cat sat", "a dog", "the dog barked, again"], N)
    images = RNG.integers(0, 256, (N, 1, 6, 6)).astype(np.uint8)
    tokens = RNG.integers(0, 9, (N, 5))
    own = {"missing_label": pd.NA, "device": Device("cpu"), "loss_weights": geometric(0.5)}
    return {
        "frame": (MultiTaskNet(**SMALL, encoder=TabularEncoder(numeric="piecewise")), FRAME, NAMED),
        "plain": (MultiTaskNetRegressor(**SMALL, **own), X, NUMBERS[:, 0]),
        "decided": (MultiTaskNetClassifier(**SMALL, threshold_metric="balanced_accuracy"), X, CLASSES[:, 0]),
        "corrected": (MultiTaskNetRegressor(**SMALL, local_correction=True), X, NUMBERS),
        "quantiles": (MultiTaskNetRegressor(**SMALL, loss=Quantile([0.1, 0.5, 0.9])), X, NUMBERS),
        "images": (MultiTaskNetRegressor(**SMALL, encoder=ConvolutionEncoder(channels=(2,))), images, NUMBERS),
        "tokens": (MultiTaskNetRegressor(**SMALL, encoder=SequenceEncoder(n_units=2)), tokens, NUMBERS),
        "module": (MultiTaskNetRegressor(**SMALL, encoder=module()), X, NUMBERS),
        "texts": (
            make_pipeline(TokenSequencer(), MultiTaskNetRegressor(**SMALL, encoder=SequenceEncoder(n_units=2))),
            texts,
            NUMBERS,
        ),
    }
