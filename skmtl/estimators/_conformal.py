"""Prediction intervals and sets of fitted estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, get_args

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmtl._params import require_boolean, require_choice, require_number
from skmtl.conformal import BandScores, HeldOutScores, IntervalScores, SetScores
from skmtl.estimators._out_of_fold import NONE_HELD_OUT, OutOfFoldMixin
from skmtl.estimators._predictor import PredictorMixin
from skmtl.estimators._types import ConformalMethod
from skmtl.fitting import Ensemble, count_threads, predict_ensembles
from skmtl.tasks import has_several_quantiles

METHODS = get_args(ConformalMethod)
TaskScores: TypeAlias = IntervalScores | BandScores | SetScores


class ConformalMixin(PredictorMixin, OutOfFoldMixin):
    """What intervals and sets have in common."""

    def _held_out_scores(
        self, method_name: str, tasks: Sequence[int], coverage: float, method: str, *, of_sets: bool
    ) -> tuple[HeldOutScores, dict[int, TaskScores]]:
        """Scores of the held-out labels, which are checked to be enough for the tasks of classes, or for the others.

        By task, too, without those that were added after the fit.
        """
        require_number("coverage", coverage, positive=True, below=1.0)
        require_choice("method", method, METHODS)
        if self._out_of_fold is None:
            raise ValueError(f"{method_name} learns from rows that members held out; {NONE_HELD_OUT}")
        scores = self._out_of_fold.conformal
        known = dict(enumerate(scores.tasks))
        if not known.keys() & set(tasks):
            raise ValueError(
                f"{method_name} learns from rows that members held out, and knows of none for task "
                f"{self.tasks_[tasks[0]].name!r}, which add_tasks has added. Fit anew with all tasks."
            )
        for task in known.keys() & set(tasks):
            if isinstance(known[task], SetScores) == of_sets:
                known[task].require_enough(self.tasks_[task].name, coverage)
        return scores, known

    def _fold_responses(self, X: Any, scores: HeldOutScores, method: str) -> list[np.ndarray]:
        """Responses to new rows, by task: ``(fold, m, n_classes or 1)``.

        Of the members that held each fold out, or, as of a single fold, of the ensemble.
        """
        if method == "cv":
            return [response[None] for response in self._responses(X)]
        self._check_columns(X)
        found = []
        for network, layout, postprocessors, weights in self._tasks_together():
            held = [_weights_of_holders(holds, weights, len(layout.tasks)) for holds in scores.folds]
            ensembles = [Ensemble(slice(None), postprocessors, own) for own in held]
            of_folds = predict_ensembles(network, layout, self.encoder_, X, ensembles, count_threads(self.n_jobs))
            found += [np.stack(of_task) for of_task in zip(*of_folds, strict=True)]
        return found


class IntervalMixin(ConformalMixin):
    """The method ``predict_interval``."""

    def _has_numbers(self) -> bool:
        """Whether a task is, or before the fit may be, one of numbers."""
        return not hasattr(self, "tasks_") or any(not task.kind.is_classifier for task in self.tasks_)

    @available_if(_has_numbers)
    def predict_interval(
        self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv", normalize: bool = True
    ) -> np.ndarray:
        """Predict intervals that contain the labels of new rows with a given probability.

        They come from the errors of members about training rows that they held out, so nothing is fitted again. Rows
        must be exchangeable: new ones like those of the fit, as they are not where time passes between them.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the intervals of each task shall contain, between 0 and 1. At least
            ``coverage / (1 - coverage)`` held-out labels are needed; those of one of ``groups`` count as one.
        method : {"cv", "cv+"}, default="cv"
            "cv" lays the intervals around the predictions; the members' own intervals have the coverage then, and those
            of their mean have it as far as it is no worse than the members are. "cv+" lays them around the predictions
            of the members that held each row out (Barber et al., 2021). They are wider where members disagree, contain
            the labels with a probability of at least about ``2 * coverage - 1`` whatever the network does, and in
            practice somewhat more often than ``coverage``. They need a prediction for each set of members.
        normalize : bool, default=True
            Whether widths follow the size of held-out errors about predictions as large (Papadopoulos et al., 2011).
            Else all have one width, but for what "cv+" adds. Where a task has several quantiles, as of
            ``Quantile([0.05, 0.95])``, the outer ones are moved by the same distance in any case (Romano et al., 2019).

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_tasks, 2)
            Lower and upper bound in the units of the labels; for 1-D y of shape (n_samples, 2). NaN for tasks of
            classes, whose method is ``predict_set``, and for those of :meth:`add_tasks`.

        Raises
        ------
        ValueError
            If a parameter is not usable, no member held out training rows in the last fit, or a task has too few labels
            in them for the coverage.

        References
        ----------
        Barber, R. F., Candes, E. J., Ramdas, A. and Tibshirani, R. J. (2021). Predictive inference with the jackknife+.
        Annals of Statistics 49, 486-507.

        Romano, Y., Patterson, E. and Candes, E. J. (2019). Conformalized quantile regression. NeurIPS 32.

        Papadopoulos, H., Vovk, V. and Gammerman, A. (2011). Regression conformal prediction with nearest neighbours.
        Journal of Artificial Intelligence Research 40, 815-840.
        """
        check_is_fitted(self, "network_")
        intervals = self._intervals(X, range(len(self.tasks_)), coverage, method, normalize)
        return intervals[0] if self._one_dimensional else np.stack(intervals, axis=1)

    def _intervals(
        self, X: Any, tasks: Sequence[int], coverage: float, method: str, normalize: bool
    ) -> list[np.ndarray]:
        """Intervals ``(m, 2)`` of some of the tasks."""
        require_boolean("normalize", normalize)
        scores, known = self._held_out_scores("predict_interval", tasks, coverage, method, of_sets=False)
        responses = self._fold_responses(X, scores, method)
        intervals = []
        for task in tasks:
            own, response = known.get(task), responses[task]
            if own is None or isinstance(own, SetScores):
                intervals.append(np.full((response.shape[1], 2), np.nan))
            else:
                bounds = own.bounds(response, coverage, by_fold=method == "cv+", normalize=normalize)
                intervals.append(self.tasks_[task].restored(self.tasks_[task].kind.possible(bounds)))
        return intervals

    def _has_quantiles(self) -> bool:
        """Whether a task has, or before the fit may have, several quantiles."""
        return not hasattr(self, "tasks_") or any(map(has_several_quantiles, self.tasks_))

    @available_if(_has_quantiles)
    def predict_quantiles(self, X: Any) -> Any:
        """Predict all quantiles of the tasks that have several, as of ``Quantile([0.05, 0.5, 0.95])``.

        They are what the network says. The outer ones need not have the coverage that their levels promise; those of
        :meth:`predict_interval` have.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        list of ndarray of shape (n_samples, n_levels)
            Rising quantiles, one array a task, None for other tasks; for 1-D y the entry of its task.
        """
        check_is_fitted(self, "network_")
        pairs = zip(self.tasks_, self._responses(X), strict=True)
        quantiles = [task.restored(response) if has_several_quantiles(task) else None for task, response in pairs]
        return quantiles[0] if self._one_dimensional else quantiles


class SetMixin(ConformalMixin):
    """The method ``predict_set``."""

    def _has_sets(self) -> bool:
        """Whether a task is, or before the fit may be, one of classes."""
        return not hasattr(self, "tasks_") or any(task.kind.is_classifier for task in self.tasks_)

    @available_if(_has_sets)
    def predict_set(self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv") -> Any:
        """Predict sets of classes that contain the labels of new rows with a given probability.

        A class is in the set of a row where its probability is not much lower than those of labels have been, by
        members about training rows that they held out (Sadinle et al., 2019); nothing is fitted again. No other sets of
        this coverage are smaller on average, if the probabilities are right. Rows must be exchangeable: new ones like
        those of the fit, as they are not where time passes between them.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the sets of each task shall contain, between 0 and 1. At least
            ``coverage / (1 - coverage)`` held-out labels are needed; those of one of ``groups`` count as one.
        method : {"cv", "cv+"}, default="cv"
            "cv" compares the predicted probabilities with those of held-out labels. "cv+" takes for each of these the
            probabilities by the members that held it out (Romano et al., 2020): sets then contain a label with a
            probability of at least about ``2 * coverage - 1`` whatever the network does.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes), bool
            Which of ``classes_`` are in the set, one array a task, None for numeric tasks and for those of
            :meth:`add_tasks`; for 1-D y the entry of its task. The most probable class always is.

        Raises
        ------
        ValueError
            If a parameter is not usable, no member held out training rows in the last fit, or a task has too few labels
            in them for the coverage.

        References
        ----------
        Sadinle, M., Lei, J. and Wasserman, L. (2019). Least ambiguous set-valued classifiers with bounded error levels.
        Journal of the American Statistical Association 114, 223-234.

        Romano, Y., Sesia, M. and Candes, E. J. (2020). Classification with valid and adaptive coverage. NeurIPS 33.
        """
        check_is_fitted(self, "network_")
        sets = self._sets(X, range(len(self.tasks_)), coverage, method)
        return sets[0] if self._one_dimensional else sets

    def _sets(self, X: Any, tasks: Sequence[int], coverage: float, method: str) -> list[np.ndarray | None]:
        """Sets ``(m, n_classes)`` of some of the tasks."""
        scores, known = self._held_out_scores("predict_set", tasks, coverage, method, of_sets=True)
        responses, by_fold = self._fold_responses(X, scores, method), method == "cv+"
        pairs = [(known.get(task), responses[task]) for task in tasks]
        return [
            own.members(probabilities, coverage, by_fold=by_fold) if isinstance(own, SetScores) else None
            for own, probabilities in pairs
        ]


def _weights_of_holders(holds: np.ndarray, member_weights: np.ndarray | None, n_tasks: int) -> np.ndarray:
    """Weights of the members that held out a fold, ``(member, n_tasks)``; columns sum to 1, or 0 where none serves."""
    weights = np.ones((len(holds), n_tasks)) if member_weights is None else member_weights
    own = np.where(holds[:, None], weights, 0.0)
    total = own.sum(axis=0)
    return own / np.where(total > 0, total, 1.0)
