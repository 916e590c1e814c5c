"""Small data and nets that the tests of the estimators share."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor

N_ROWS = 40
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 5, "random_state": 0}


def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N_ROWS, 3))


@dataclass(frozen=True)
class Case:
    """An estimator with data that suit it: two tasks without holes."""

    cls: type
    y: np.ndarray
    X: np.ndarray = field(default_factory=rows)

    def make(self, **params: Any) -> Any:
        return self.cls(**{**SMALL, **params})

    def fit(self, **params: Any) -> Any:
        return self.make(**params).fit(self.X, self.y)

    @property
    def holes(self) -> np.ndarray:
        """The labels with a third of the cells missing."""
        return np.where(np.random.default_rng(1).random(self.y.shape) < 1 / 3, np.nan, self.y)


def classes() -> np.ndarray:
    X = rows()
    return np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(float)


def numbers() -> np.ndarray:
    X = rows()
    return np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]])


CASES = {
    "classifier": (MultiTaskNetClassifier, classes),
    "regressor": (MultiTaskNetRegressor, numbers),
    "mixed": (MultiTaskNet, lambda: np.column_stack([classes()[:, 0], numbers()[:, 1]])),
}


def make_case(name: str) -> Case:
    cls, labels = CASES[name]
    return Case(cls, labels())


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Each of the three estimators."""
    return make_case(request.param)


@pytest.fixture
def classifier() -> Case:
    return make_case("classifier")


@pytest.fixture
def regressor() -> Case:
    return make_case("regressor")


@pytest.fixture
def mixed() -> Case:
    return make_case("mixed")
