"""Searches of all kinds over loss weights, by our splitters and scorers, with missing labels."""

import numpy as np
import pytest
from numpydoc.validate import validate
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.metrics import make_task_scorer, task_scores
from skmtl.model_selection import (
    Dirichlet,
    Halving,
    LogUniform,
    MultiTaskKFold,
    MultiTaskSearchCV,
    MultiTaskShuffleSplit,
    MultiTaskStratifiedKFold,
    ParetoDisplay,
    SimplexGrid,
    cross_validate,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(float)
Y = np.where(RNG.random((60, 2)) < 0.2, np.nan, Y)
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 3, "dtype": "float64", "early_stopping": False}
NET = MultiTaskNetClassifier(**SMALL, random_state=0)
FOLDS = MultiTaskStratifiedKFold(2)
SPLITTERS = [FOLDS, MultiTaskKFold(2), MultiTaskShuffleSplit(2, test_size=0.3, random_state=0)]
GRID = {"loss_weights": [None, [1, 3]], "dropout": [0.0, 0.2]}
NUMBERS = np.where(np.isnan(Y), np.nan, X)
CASES = {
    "classifier": (NET, Y),
    "regressor": (MultiTaskNetRegressor(**SMALL, random_state=0), NUMBERS),
    "mixed": (MultiTaskNet(**SMALL, random_state=0), np.column_stack([Y[:, 0], NUMBERS[:, 1]])),
}


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
@pytest.mark.parametrize("make", [GridSearchCV, MultiTaskSearchCV])
def test_every_splitter(make, cv):
    search = make(NET, {"loss_weights": [None, [1, 3]]}, scoring=task_scores, refit="mean", cv=cv, error_score="raise")
    scores = search.fit(X, Y).cv_results_
    assert np.isfinite([scores[f"mean_test_{name}"] for name in ("task0", "task1", "mean", "worst")]).all()


def test_our_scorers_give_what_they_give_in_a_grid_search():
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


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["grid", "random", "halving"])
def test_spaces_in_other_searches(case, name):
    net, y = CASES[case]
    searches = {
        "grid": lambda: GridSearchCV(net, {"loss_weights": SimplexGrid(2, 2)}, cv=FOLDS, error_score="raise"),
        "random": lambda: RandomizedSearchCV(
            net,
            {"loss_weights": Dirichlet([1, 2]), "sharing": ["hard", "independent"]},
            n_iter=2,
            cv=FOLDS,
            random_state=0,
            error_score="raise",
        ),
        "halving": lambda: HalvingGridSearchCV(
            net,
            {"loss_weights__task0": [0.1, 1, 10]},
            cv=SPLITTERS[1],
            resource="max_iter",
            max_resources=4,
            min_resources=1,
            error_score="raise",
        ),
    }
    fitted = searches[name]().fit(X, y)
    assert np.isfinite(fitted.cv_results_["mean_test_score"]).all()
    assert fitted.predict(X).shape == Y.shape


@pytest.mark.parametrize("space", [Dirichlet(1.0, n_tasks=2), LogUniform(2, 0.1, 10)])
def test_spaces_in_optuna(space):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    net, y = CASES["regressor"]

    def objective(trial):
        weights = space.suggest(trial)
        own = {"loss_weights__task0": weights[0], "loss_weights__task1": weights[1]}
        return cross_val_score(clone(net).set_params(**own), X, y, cv=FOLDS, error_score="raise").mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=2)
    assert np.isfinite(study.best_value)
    assert len(study.best_params) == 2


@pytest.mark.parametrize("cls", [MultiTaskSearchCV, SimplexGrid, Dirichlet, LogUniform, Halving, ParetoDisplay])
def test_documentation(cls):
    ignored = {"RT02", "GL01", "GL02", "SA01", "ES01"}
    names = [cls.__module__ + "." + cls.__name__]
    own = [name for name, value in vars(cls).items() if callable(value) and not name.startswith("_")]
    for name in [*names, *(f"{names[0]}.{method}" for method in own)]:
        skipped = ignored | (set() if name in names else {"EX01"})
        assert [error for error in validate(name)["errors"] if error[0] not in skipped] == []
