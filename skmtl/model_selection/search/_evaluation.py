"""Scores of fitted candidates on the rows of a fold, in the form that scikit-learn's searches collect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from skmtl._sklearn import (
    _check_method_params,
    _MultimetricScorer,
    _PassthroughScorer,
    _safe_split,
    _score,
    routing_enabled,
)
from skmtl.model_selection.search._candidates import Candidate, scores_by_mean
from skmtl.tasks._scores import mean_score


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to score on.

    Attributes
    ----------
    number : int
        Which fold.
    train, test : ndarray of int
        The rows.
    """

    number: int
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What all candidates are fitted to and scored on.

    Attributes
    ----------
    estimator : estimator
        The search's.
    X, y : array-like
        All rows.
    fit_params, score_params : dict
        Further arguments of ``fit`` and of the scorer.
    scorer : callable
        Scores a fitted estimator.
    error_score : "raise" or float
        What a failed fit scores.
    return_train_score : bool
        Whether to score on the training rows, too.
    """

    estimator: Any
    X: Any
    y: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    scorer: Any
    error_score: Any
    return_train_score: bool

    def rows(self, rows: np.ndarray) -> tuple[Any, Any]:
        """X and y of some rows."""
        split: tuple[Any, Any] = _safe_split(self.estimator, self.X, self.y, rows)
        return split

    def arguments(self, given: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
        """Of ``fit_params`` or ``score_params``, those for some rows."""
        params: dict[str, Any] = _check_method_params(self.X, params=given, indices=rows)
        return params

    def succeeded(
        self, fitted: Callable[[], Any], fold: Fold, by_task: dict[str, float], fit_time: float
    ) -> dict[str, Any]:
        """Scores of a fitted estimator on the fold; ``fitted`` makes it where its scores by task do not tell them."""
        start = time.perf_counter()
        # the estimator's own score is the mean over the tasks
        own = self._is_mean and not np.isnan(list(by_task.values())).all()
        estimator = None if own and not self.return_train_score else fitted()
        result = {
            "fit_error": None,
            "fit_time": fit_time,
            "n_test_samples": len(fold.test),
            "test_scores": mean_score(by_task.values()) if own else self._score(estimator, fold.test),
            "task_scores": by_task,
        }
        result["score_time"] = time.perf_counter() - start
        if self.return_train_score:
            result["train_scores"] = self._score(estimator, fold.train)
        return result

    @cached_property
    def _is_mean(self) -> bool:
        """Whether the score is the mean over the tasks, with ``sample_weight`` as it is given here."""
        routed = isinstance(self.estimator, Pipeline) and routing_enabled()
        return isinstance(self.scorer, _PassthroughScorer) and scores_by_mean(self.estimator) and not routed

    def failed(self, candidate: Candidate, error: Exception, fold: Fold, fit_time: float) -> dict[str, Any]:
        """Scores of a candidate that could not be fitted.

        Raises
        ------
        Exception
            The error itself where ``error_score`` is "raise".
        """
        name = f"candidate {candidate.index}, {dict(candidate.params)}"
        if self.error_score == "raise":
            error.add_note(f"In the fit of {name}, in fold {fold.number}.")
            raise error
        scores: Any = self.error_score
        if isinstance(self.scorer, _MultimetricScorer):
            scores = dict.fromkeys(self.scorer._scorers, self.error_score)
        result = {
            "fit_error": f"{type(error).__name__} of {name}: {error}",
            "fit_time": fit_time,
            "n_test_samples": len(fold.test),
            "test_scores": scores,
            "task_scores": {},
            "score_time": 0.0,
        }
        return result | ({"train_scores": scores} if self.return_train_score else {})

    def unscored(self, fold: Fold, like: Mapping[str, Any]) -> dict[str, Any]:
        """NaN in place of the scores of a fit that has not come to an end; ``like`` is the result of one that has."""

        def missing(scores: Any) -> Any:
            return dict.fromkeys(scores, np.nan) if isinstance(scores, dict) else np.nan

        result = {"fit_error": None, "fit_time": np.nan, "score_time": np.nan, "n_test_samples": len(fold.test)}
        scores = {name: missing(value) for name, value in like.items() if name in ("test_scores", "train_scores")}
        return result | scores | {"task_scores": {}}

    def _score(self, fitted: Any, rows: np.ndarray) -> Any:
        params = self.arguments(self.score_params, rows)
        return _score(fitted, *self.rows(rows), self.scorer, params, self.error_score)
