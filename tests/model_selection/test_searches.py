"""Searches of all kinds over loss weights, by our splitters and scorers, with missing labels."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNetClassifier
from skmtl.metrics import make_task_scorer, task_scores
from skmtl.model_selection import (
    MultiTaskKFold,
    MultiTaskSearchCV,
    MultiTaskShuffleSplit,
    MultiTaskStratifiedKFold,
    cross_validate,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(float)
Y = np.where(RNG.random((60, 2)) < 0.2, np.nan, Y)
NET = MultiTaskNetClassifier(
    hidden_layer_sizes=(4,), n_estimators=1, max_iter=3, dtype="float64", early_stopping=False, random_state=0
)
FOLDS = MultiTaskStratifiedKFold(2)
SPLITTERS = [FOLDS, MultiTaskKFold(2), MultiTaskShuffleSplit(2, test_size=0.3, random_state=0)]
GRID = {"loss_weights": [None, [1, 3]], "dropout": [0.0, 0.2]}


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
@pytest.mark.parametrize("make", [GridSearchCV, MultiTaskSearchCV])
def test_every_splitter(make, cv):
    search = make(NET, {"loss_weights": [None, [1, 3]]}, scoring=task_scores, refit="mean", cv=cv, error_score="raise")
    scores = search.fit(X, Y).cv_results_
    assert np.isfinite([scores[f"mean_test_{name}"] for name in ("task0", "task1", "mean", "worst")]).all()


def test_the_stacked_search_gives_what_a_grid_search_gives_by_our_scorers():
    scoring = {"auc": make_task_scorer("roc_auc"), "loss": make_task_scorer("log_loss", task="task1")}
    searches = [
        make(NET, GRID, scoring=scoring, refit="loss", cv=FOLDS).fit(X, Y) for make in (GridSearchCV, MultiTaskSearchCV)
    ]
    for name in scoring:
        one, other = (search.cv_results_[f"mean_test_{name}"] for search in searches)
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_other_searches():
    axes = {"net__loss_weights__task1": loguniform(0.1, 10), "net__sharing": ["hard", "independent"]}
    pipeline = Pipeline([("scale", StandardScaler()), ("net", NET)])
    settings = {"cv": FOLDS, "scoring": make_task_scorer("accuracy", average="worst"), "error_score": "raise"}
    found = RandomizedSearchCV(pipeline, axes, n_iter=2, random_state=0, **settings).fit(X, Y)
    assert np.isfinite(found.best_score_)
    halving = HalvingGridSearchCV(NET, {"loss_weights__task0": [0.1, 1, 10]}, min_resources=40, **settings).fit(X, Y)
    assert np.isfinite(halving.best_score_)


def test_optuna():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        net = NET.__class__(**NET.get_params())
        net.set_params(loss_weights__task0=trial.suggest_float("weight", 0.1, 10, log=True))
        return cross_validate(net, X, Y, cv=FOLDS, scoring="roc_auc", error_score="raise")["test_score"].mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=2)
    assert 0 < study.best_value <= 1
