"""What a search makes of the scores of its fits."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skmtl._sklearn import BaseSearchCV, DocLinkMixin, _insert_error_scores, _warn_or_raise_about_fit_failures
from skmtl.inputs import object_array
from skmtl.metrics._scorer import read_scoring
from skmtl.model_selection.search._halving import rank_by_rung
from skmtl.model_selection.search._runner import SearchRunner


class ResultsMixin(DocLinkMixin, BaseSearchCV):
    """Reads the metrics of a search, and turns the scores of its fits into the attributes."""

    def _get_scorers(self) -> Any:
        reader = copy.copy(self)
        reader.scoring = read_scoring(self.scoring)
        return super(ResultsMixin, reader)._get_scorers()

    def _collect(
        self, settings: Sequence[Any], results: list[dict[str, Any]], runner: SearchRunner, scorers: Any, metric: Any
    ) -> None:
        """Turn the results of the fits into the attributes."""
        _warn_or_raise_about_fit_failures(results, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(results, self.error_score)
        self.multimetric_ = isinstance(results[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(results[0]["test_scores"])
            metric = self.refit
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        task_scores = [result.pop("task_scores") for result in results]
        self.cv_results_ = self._format_results(settings, self.n_splits_, results)
        if self.elimination_ is not None:
            rank_by_rung(self.cv_results_, runner.rungs)
            self.cv_results_ |= runner.resources
        if self.refit and not callable(self.refit) and np.isnan(self.cv_results_[f"mean_test_{metric}"]).all():
            raise ValueError(
                f"No candidate has a score by {metric!r}, so that none is best: warnings tell why. Where labels are "
                "missing, choose scoring by a name of skmtl.metrics or build it with make_task_scorer."
            )
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, metric, self.cv_results_)
            if not callable(self.refit):
                self.best_score_ = self.cv_results_[f"mean_test_{metric}"][self.best_index_]
            self.best_params_ = self.cv_results_["params"][self.best_index_]
        self.task_names_, self.task_scores_ = means_by_task(task_scores, len(settings))
        self.pareto_front_ = pareto_front(self.task_scores_)


def means_by_task(scores: Sequence[Mapping[str, float]], n_candidates: int) -> tuple[np.ndarray, np.ndarray]:
    """Names of the tasks, and each candidate's mean score on each over the folds, ``(n_candidates, n_tasks)``."""
    names = list(dict.fromkeys(name for of_fit in scores for name in of_fit))
    by_fit = np.array([[of_fit.get(name, np.nan) for name in names] for of_fit in scores])
    by_fold = by_fit.reshape(n_candidates, -1, len(names)) if names else np.empty((n_candidates, 1, 0))
    seen = ~np.isnan(by_fold).all(axis=0)  # a fold without a label of a task says nothing of it
    counts = np.broadcast_to(seen, by_fold.shape).sum(axis=1)
    means: np.ndarray = np.where(seen, by_fold, 0.0).sum(axis=1) / np.maximum(counts, 1)
    return object_array(names), means


def pareto_front(scores: np.ndarray) -> np.ndarray:
    """Candidates that no other is better than: none scores at least as well on every task and better on one.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_tasks)
        Greater is better; a candidate with a NaN is left out. Without a task nobody is on the front.

    Returns
    -------
    ndarray of int
        Their places, rising by the score of the first task.
    """
    if not scores.shape[1]:
        return np.array([], dtype=np.intp)
    usable = np.flatnonzero(~np.isnan(scores).any(axis=1))
    values = scores[usable]
    at_least = (values[:, None] >= values[None]).all(axis=2)  # (dominating, dominated)
    better = (values[:, None] > values[None]).any(axis=2)
    front = usable[~(at_least & better).any(axis=0)]
    ordered: np.ndarray = front[np.lexsort(scores[front].T[::-1])]
    return ordered
