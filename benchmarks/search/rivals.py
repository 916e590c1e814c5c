"""The searches that are compared: the same folds, net, batch and number of epochs for all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.search.problems import FOLDS, Problem
from benchmarks.speed.rivals import build_mlp, build_skmtl, build_skorch

Build = Callable[[Problem, int, int], Any]  # problem, number of candidates, n_jobs -> an unfitted search

OURS = "MultiTaskSearchCV"
RACE = "MultiTaskSearchCV, halving"
GRID = "GridSearchCV over skmtl"
MLP = "GridSearchCV over scikit-learn's MLP"
SKORCH = "GridSearchCV over skorch"


def _net(problem: Problem) -> Any:
    return build_skmtl(problem.shape, problem.epochs)


def _stacked(problem: Problem, n_candidates: int, n_jobs: int, **settings: Any) -> Any:
    from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV

    grid = {"loss_weights": problem.weights(n_candidates)}
    return MultiTaskSearchCV(
        _net(problem), grid, cv=MultiTaskKFold(FOLDS), n_jobs=n_jobs, refit=False, error_score="raise", **settings
    )


def _grid(estimator: Any, grid: dict[str, Any], n_jobs: int) -> Any:
    from sklearn.model_selection import GridSearchCV

    from skmtl.model_selection import MultiTaskKFold

    return GridSearchCV(estimator, grid, cv=MultiTaskKFold(FOLDS), n_jobs=n_jobs, refit=False, error_score="raise")


def stacked(problem: Problem, n_candidates: int, n_jobs: int) -> Any:
    """Search with stacked networks."""
    return _stacked(problem, n_candidates, n_jobs)


def raced(problem: Problem, n_candidates: int, n_jobs: int) -> Any:
    """Race of stacked networks."""
    return _stacked(problem, n_candidates, n_jobs, elimination="halving")


def one_by_one(problem: Problem, n_candidates: int, n_jobs: int) -> Any:
    """Search over the same candidates, fitted one by one."""
    return _grid(_net(problem), {"loss_weights": problem.weights(n_candidates)}, n_jobs)


def mlp(problem: Problem, n_candidates: int, n_jobs: int) -> Any:
    """As many fits of an MLP, which cannot weigh tasks: the candidates are seeds."""
    warnings.filterwarnings("ignore", message="Stochastic Optimizer")
    return _grid(build_mlp(problem.shape, problem.epochs), {"random_state": list(range(n_candidates))}, n_jobs)


def skorch(problem: Problem, n_candidates: int, n_jobs: int) -> Any:
    """Search over the weights of a weighted mean squared error."""
    from benchmarks.search.weighted_loss import WeightedLoss

    net = build_skorch(problem.shape, problem.epochs).set_params(criterion=WeightedLoss, criterion__weights=None)
    grid = {"criterion__weights": [tuple(weights) for weights in problem.weights(n_candidates)]}
    return _grid(net, grid, n_jobs)


RIVALS: dict[str, Build] = {OURS: stacked, RACE: raced, GRID: one_by_one, MLP: mlp, SKORCH: skorch}


def same_scores(ours: Any, theirs: Any) -> float:
    """Largest difference of mean test scores."""
    name = "mean_test_score"
    return float(np.abs(ours.cv_results_[name] - theirs.cv_results_[name]).max())
