"""What is compared, by set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skmtl import MultiTaskNetClassifier
from skmtl.encoders import ConvolutionEncoder, SequenceEncoder, TokenSequencer


def read(encoder: SequenceEncoder, n_estimators: int, **params: object) -> BaseEstimator:
    """Raw text through a sequence encoder."""
    network = MultiTaskNetClassifier(encoder=encoder, n_estimators=n_estimators, random_state=0, **params)
    return make_pipeline(TokenSequencer(), network)


def look(n_estimators: int) -> BaseEstimator:
    """Images through convolutions."""
    return MultiTaskNetClassifier(encoder=ConvolutionEncoder(), n_estimators=n_estimators, random_state=0)


def pixels(estimator: BaseEstimator) -> BaseEstimator:
    """Flat pixels between 0 and 1 through an estimator a task."""
    return make_pipeline(FunctionTransformer(flatten), MultiOutputClassifier(estimator))


def flatten(images: np.ndarray) -> np.ndarray:
    """``(n, h, w) -> (n, h * w)``, bytes to shares."""
    return images.reshape(len(images), -1) / np.float32(255)


def words(estimator: BaseEstimator) -> BaseEstimator:
    """Weighted counts of words and pairs of words through an estimator a task."""
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), MultiOutputClassifier(estimator))


BARE = {"hidden_layer_sizes": ()}
CLASSIC = SequenceEncoder(layer="lstm", bidirectional=False, pooling="last")

MODELS: dict[str, dict[str, Callable[[], BaseEstimator]]] = {
    "trec": {
        "skmtl, SequenceEncoder(), no hidden layers, n_estimators=4": lambda: read(SequenceEncoder(), 4, **BARE),
        "skmtl, the same, n_estimators=2": lambda: read(SequenceEncoder(), 2, **BARE),
        "skmtl, SequenceEncoder(layer='mean'), n_estimators=4": lambda: read(SequenceEncoder(layer="mean"), 4),
        "skmtl, embedding, LSTM(128), two heads, n_estimators=1": lambda: read(CLASSIC, 1, **BARE),
        "LinearSVC on tf-idf of words and pairs": lambda: words(LinearSVC()),
        "LogisticRegression on the same": lambda: words(LogisticRegression(C=10, max_iter=500)),
    },
    "multimnist": {
        "skmtl, ConvolutionEncoder(), n_estimators=2": lambda: look(2),
        "skmtl, ConvolutionEncoder(), n_estimators=1": lambda: look(1),
        "MLPClassifier on pixels": lambda: pixels(MLPClassifier((256, 256), early_stopping=True, random_state=0)),
        "LogisticRegression on pixels": lambda: pixels(LogisticRegression(max_iter=100)),
    },
}
