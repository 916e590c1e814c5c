"""The peers: what a scikit-learn user would pick, with the preprocessing each needs, on one core.

Every peer is a pair of factories, one for numbers and one for classes, and says of which kinds it fits the complete
columns together; a column with missing labels is fitted alone on its observed rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from benchmarks.accuracy.protocols import Features, Floats

Factory = Callable[[list[str], int], Any]  # names of the category columns, number of targets -> estimator
TREES = {"n_estimators": 300, "n_jobs": 1, "random_state": 0}
CATBOOST = {"iterations": 500, "thread_count": 1, "random_seed": 0, "verbose": 0, "allow_writing_files": False}
PYTABKIT = {"device": "cpu", "n_threads": 1, "random_state": 0, "verbosity": 0}
ALPHAS = np.logspace(-3, 4, 15)
ALL_KINDS = frozenset({"regression", "binary", "multiclass"})


def category_columns(X: Features) -> list[str]:
    """Names of the category columns; an array has none."""
    return list(X.select_dtypes("category").columns) if isinstance(X, pd.DataFrame) else []


# ---- preprocessing ----


def _dense(X: Features, scale: bool) -> Any:
    """Medians and indicators for missing numbers, one-hot categories, and scaling where the model needs it."""
    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler() if scale else None)
    if not isinstance(X, pd.DataFrame):
        return numeric
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [
            ("numeric", numeric, make_column_selector(dtype_exclude="category")),
            ("classes", one_hot, make_column_selector(dtype_include="category")),
        ]
    )


def _scaled(X: Features) -> Any:
    return _dense(X, scale=True)


def _unscaled(X: Features) -> Any:
    return _dense(X, scale=False)


def _as_is(X: Features) -> Any:
    return None


def _named_categories(X: Features) -> Any:
    """CatBoost takes categories as strings, a missing one too; missing numbers it handles itself."""
    return FunctionTransformer(_categories_to_strings)


def _categories_to_strings(X: Features) -> Features:
    if not isinstance(X, pd.DataFrame):
        return X
    return X.assign(**{name: X[name].astype(object).fillna("missing").astype(str) for name in category_columns(X)})


def _frame_without_holes(X: Features) -> Any:
    """pytabkit takes category columns as they are but no missing numbers."""
    if not isinstance(X, pd.DataFrame):
        return SimpleImputer(strategy="median")
    fill = ColumnTransformer(
        [("numeric", SimpleImputer(strategy="median"), make_column_selector(dtype_exclude="category"))],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return fill.set_output(transform="pandas")


# ---- estimators ----


def _scaled_target(estimator: Any) -> Any:
    return TransformedTargetRegressor(estimator, transformer=StandardScaler())


def _catboost_regressor(categories: list[str], n_targets: int) -> Any:
    from catboost import CatBoostRegressor

    loss = "RMSE" if n_targets == 1 else "MultiRMSE"
    return CatBoostRegressor(loss_function=loss, cat_features=categories, **CATBOOST)


def _catboost_classifier(categories: list[str], n_targets: int) -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(cat_features=categories, **CATBOOST)


def _pytabkit(name: str) -> Factory:
    def build(categories: list[str], n_targets: int) -> Any:
        import pytabkit

        return getattr(pytabkit, name)(**PYTABKIT)

    return build


@dataclass(frozen=True)
class Peer:
    """How to prepare the features and which estimators to fit; ``together`` are the kinds it fits jointly.

    A ``numeric_only`` peer is run only on sets of several numeric targets without holes. ``package`` is what it needs
    beside scikit-learn.
    """

    prepare: Callable[[Features], Any]
    regressor: Factory
    classifier: Factory
    together: frozenset[str] = frozenset()
    slow: bool = False
    numeric_only: bool = False
    package: str | None = None

    def installed(self) -> bool:
        """Whether the package that the peer needs is there."""
        return self.package is None or importlib.util.find_spec(self.package) is not None

    def suits(self, tasks: Sequence[dict[str, Any]]) -> bool:
        """Whether the peer is run on a set, by the tasks of its description."""
        plain = all(task["kind"] == "regression" and not task["missing"] for task in tasks)
        return not self.numeric_only or (plain and len(tasks) > 1)


PEERS = {
    "linear": Peer(
        _scaled,
        lambda categories, n: RidgeCV(ALPHAS, alpha_per_target=n > 1),
        lambda categories, n: LogisticRegression(max_iter=1000),
        frozenset({"regression"}),
    ),
    "forest": Peer(
        _unscaled,
        lambda categories, n: RandomForestRegressor(**TREES),
        lambda categories, n: RandomForestClassifier(**TREES),
        ALL_KINDS,
    ),
    "extra_trees": Peer(
        _unscaled,
        lambda categories, n: ExtraTreesRegressor(**TREES),
        lambda categories, n: ExtraTreesClassifier(**TREES),
        ALL_KINDS,
    ),
    "hist_boosting": Peer(
        _as_is,
        lambda categories, n: HistGradientBoostingRegressor(random_state=0),
        lambda categories, n: HistGradientBoostingClassifier(random_state=0),
    ),
    # Two CatBoosts: one model for all targets (MultiRMSE), which has no automatic learning rate and was the weaker on
    # enb, slump, jura, sf2, sarcos_test and bikeshare at 500 and 1000 iterations, and one model per target.
    "catboost": Peer(_named_categories, _catboost_regressor, _catboost_classifier, package="catboost"),
    "catboost_multi": Peer(
        _named_categories,
        _catboost_regressor,
        _catboost_classifier,
        frozenset({"regression"}),
        numeric_only=True,
        package="catboost",
    ),
    "mlp": Peer(
        _scaled,
        lambda categories, n: _scaled_target(MLPRegressor(random_state=0)),
        lambda categories, n: MLPClassifier(random_state=0),
        frozenset({"regression", "binary"}),
    ),
    **{
        name: Peer(
            _frame_without_holes,
            _pytabkit(f"{method}_Regressor"),
            _pytabkit(f"{method}_Classifier"),
            slow=True,
            package="pytabkit",
        )
        for name, method in {"realmlp": "RealMLP_TD", "tabm": "TabM_D"}.items()
    },
}


class PeerModel:
    """A peer fitted to a table of mixed kinds with holes: groups of complete columns, the others alone."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def fit(self, X: Features, Y: pd.DataFrame, kinds: Sequence[str]) -> PeerModel:
        """Fit one pipeline for each group of tasks."""
        self.n_tasks_ = len(kinds)
        self.groups_ = [
            (tasks, kinds[tasks[0]], self._fit_group(X, Y, tasks, kinds[tasks[0]]))
            for tasks in task_groups(Y, kinds, self.peer.together)
        ]
        return self

    def _fit_group(self, X: Features, Y: pd.DataFrame, tasks: list[int], kind: str) -> Any:
        y = Y.iloc[:, tasks].to_numpy()
        seen = ~np.isnan(y).any(axis=1)
        X, y = X[seen], y[seen]
        factory = self.peer.regressor if kind == "regression" else self.peer.classifier
        y = y if kind == "regression" else y.astype(int)
        if kind != "regression" and len(tasks) == 1 and len(np.unique(y)) == 1:
            factory = _constant  # most classifiers refuse a single class
        steps = [("prepare", self.peer.prepare(X)), ("model", factory(category_columns(X), len(tasks)))]
        return Pipeline(steps).fit(X, y if len(tasks) > 1 else y.ravel())

    def predict(self, X: Features, n_classes: Sequence[int]) -> list[Floats]:
        """By task: numbers ``(row,)``, or probabilities ``(row, class)`` over all classes of the set."""
        outputs: list[Any] = [None] * self.n_tasks_
        for tasks, kind, model in self.groups_:
            if kind == "regression":
                columns = list(model.predict(X).reshape(len(X), -1).T)
            else:
                found = _group_probabilities(model, X, len(tasks))
                columns = [spread(*pair, n_classes[task]) for pair, task in zip(found, tasks, strict=True)]
            for task, column in zip(tasks, columns, strict=True):
                outputs[task] = column
        return outputs


def task_groups(Y: pd.DataFrame, kinds: Sequence[str], together: frozenset[str]) -> list[list[int]]:
    """Complete columns of one kind together where the model can; every other column alone."""
    complete = Y.notna().all().to_numpy()
    joint: dict[str, list[int]] = {}
    alone = []
    for task, kind in enumerate(kinds):
        if complete[task] and kind in together:
            joint.setdefault(kind, []).append(task)
        else:
            alone.append([task])
    return [*joint.values(), *alone]


def spread(probability: Floats, classes: Sequence[Any] | NDArray[Any], n_classes: int) -> Floats:
    """Probabilities of the classes seen in training as columns of all classes of the set."""
    full = np.zeros((len(probability), n_classes))
    full[:, np.asarray(classes, dtype=int)] = probability
    return full


def _constant(categories: list[str], n_targets: int) -> Any:
    return DummyClassifier(strategy="prior")


def _group_probabilities(model: Any, X: Features, n_tasks: int) -> list[tuple[Floats, Sequence[Any]]]:
    probability = model.predict_proba(X)
    if n_tasks == 1:
        return [(probability, model.classes_)]
    if isinstance(probability, list):
        return list(zip(probability, model.classes_, strict=True))
    return [(np.column_stack([1 - p, p]), [0, 1]) for p in probability.T]  # a multi-label network
