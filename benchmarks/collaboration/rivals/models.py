"""What is compared: networks with a method of collaboration, as many without, and gradient boosting task by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.semi_supervised import SelfTrainingClassifier

from benchmarks.collaboration.rivals.sets import Damage, Problem
from skmtl import MultiTaskNet
from skmtl.collaboration import COLLABORATIONS
from skmtl.fitting import JudgedMembers, weights_of
from skmtl.inputs import read_labelled_rows

N_COHORTS, N_FOLDS = 2, 4
N_VIEWS = 2  # of co-training
UNLABELED = "mutual, unlabeled_strength=1"
N_TREES, TREE_RATE = 20, 0.2  # of gradient boosting
BOOSTING, SELF_TRAINING = "HistGradientBoosting", "SelfTrainingClassifier"
Outputs = list[np.ndarray]  # by task: numbers (n,), or probabilities (n, n_classes) of all classes


def methods() -> dict[str, int]:
    """Name of each method, and number of its peers."""
    found = {name: N_VIEWS if name == "co_training" else method().peers for name, method in COLLABORATIONS.items()}
    return found | {UNLABELED: found["mutual"]}


def independent(n_peers: int) -> str:
    """Name of as many networks that tell one another nothing."""
    return f"independent, {n_peers} a cohort"


def names() -> list[str]:
    """Everything that is compared."""
    return [*map(independent, sorted(set(methods().values()))), *methods(), BOOSTING, SELF_TRAINING]


def make_network(name: str, problem: Problem, damage: Damage, max_iter: int, seed: int) -> MultiTaskNet:
    """Networks by the name of their method; the rate of wrong labels is told to those that ask for it."""
    n_peers = {independent(n): n for n in methods().values()}.get(name, "auto")
    columns = range(problem.X_train.shape[1])
    settings: dict[str, dict[str, Any]] = {
        UNLABELED: {"unlabeled_strength": 1.0},
        "co_teaching": {"noise_rate": damage.flipped},
        "co_training": {"views": [list(columns[first::N_VIEWS]) for first in range(N_VIEWS)]},
        "mean_teacher": {"decay": 0.99},  # that of thousands of steps would lag behind here
    }
    method = None
    if name in methods():
        method = COLLABORATIONS[name.partition(",")[0]](**settings.get(name, {}))
    return MultiTaskNet(
        tasks=list(problem.table.kinds),
        hidden_layer_sizes=(64,),
        n_estimators=N_COHORTS,
        n_peers=n_peers,
        collaboration=method,
        cv=N_FOLDS,
        max_iter=max_iter,
        input_scaling=False,
        local_correction=False,
        random_state=seed,
    )


def outputs_by_size(model: MultiTaskNet, problem: Problem) -> dict[str, list[Outputs]]:
    """Outputs for the test rows of the ensemble, of each cohort, and of the one network that ``compact`` keeps."""
    table = problem.table
    labels = [0.0 if task.classes is None else task.classes[0] for task in model.tasks_]  # only outputs are looked at
    rows = read_labelled_rows(problem.X_test, np.tile(labels, (len(problem.test), 1)), None, None, "MultiTaskNet")
    judged = JudgedMembers.by_new_rows(rows, model.network_, model._layout, model.encoder_)
    members = np.arange(len(judged.rows)).reshape(N_COHORTS, model.n_peers_)

    def outputs(chosen: Sequence[int]) -> Outputs:
        weights = weights_of(chosen, model._member_weights)
        responses = judged.select(chosen).responses(model._layout, weights)
        return _in_all_classes(responses, [task.classes for task in model.tasks_], table.n_classes)

    return {
        "single": [outputs(model.compact().compaction_.kept)],
        "cohort": [outputs(cohort.tolist()) for cohort in members],
        "ensemble": [outputs(members.ravel().tolist())],
    }


def boosted(problem: Problem, *, self_training: bool, seed: int) -> Outputs:
    """Gradient boosting of each task alone; classes by self-training on the rows without a label, where asked to."""
    outputs = []
    X_train, X_test, categories = _codes(problem.X_train), _codes(problem.X_test), _categories(problem.X_train)
    for t, kind in enumerate(problem.table.kinds):
        y = problem.labels.iloc[:, t].to_numpy()
        seen = ~np.isnan(y)
        settings = {
            "max_iter": N_TREES,
            "learning_rate": TREE_RATE,
            "random_state": seed,
            "categorical_features": categories,
        }
        if kind == "regression":
            model = HistGradientBoostingRegressor(**settings).fit(X_train[seen], y[seen])
            outputs.append(model.predict(X_test))
            continue
        classes = np.unique(y[seen])
        if len(classes) == 1:
            response = np.ones((len(problem.test), 1))
        else:
            classifier: BaseEstimator = HistGradientBoostingClassifier(**settings, early_stopping=False)
            if self_training and not seen.all():
                classifier = SelfTrainingClassifier(classifier, max_iter=2)
                classifier.fit(X_train, np.where(seen, y, -1).astype(int))
            else:
                classifier.fit(X_train[seen], y[seen].astype(int))
            response = classifier.predict_proba(X_test)
        outputs += _in_all_classes([response], [classes], [problem.table.n_classes[t]])
    return outputs


def _categories(X: Any) -> list[bool] | None:
    """Which columns of a frame are categories."""
    return [dtype == "category" for dtype in X.dtypes] if isinstance(X, pd.DataFrame) else None


def _codes(X: Any) -> np.ndarray:
    """Columns as numbers, categories as codes, which is what SelfTrainingClassifier passes on."""
    if not isinstance(X, pd.DataFrame):
        return np.asarray(X)
    columns = [X[name].cat.codes.replace(-1, np.nan) if X[name].dtype == "category" else X[name] for name in X]
    return np.column_stack(columns).astype(float)


def _in_all_classes(
    responses: Sequence[np.ndarray], classes: Sequence[np.ndarray | None], n_classes: Sequence[int]
) -> Outputs:
    """Probabilities of the classes of the whole table, seen in training or not; numbers as ``(n,)``."""
    outputs = []
    for response, own, n_all in zip(responses, classes, n_classes, strict=True):
        if own is None:
            outputs.append(response[:, 0])
            continue
        full = np.zeros((len(response), n_all))
        full[:, own.astype(int)] = response[:, : len(own)]
        outputs.append(full)
    return outputs
