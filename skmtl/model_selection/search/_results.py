"""What a search makes of the scores of its fits."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from skmtl._sklearn import BaseSearchCV, DocLinkMixin, _insert_error_scores, _warn_or_raise_about_fit_failures
from skmtl.metrics._scorer import read_scoring
from skmtl.model_selection.search._halving import rank_by_rung
from skmtl.model_selection.search._pareto import means_by_task, pareto_front
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
