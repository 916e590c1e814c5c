"""Out-of-fold predictions of a fitted estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmtl.fitting import OutOfFold, holds_exactly, stack_columns
from skmtl.tasks import Task

NONE_HELD_OUT = (
    "no member held out training rows in the last fit. They do with as many distinct rows as folds and "
    "early_stopping=True, or 'auto' and 8 of them, each at most 3 times on average, unless the fit was given X_val or "
    "went on from earlier weights (warm_start, partial_fit)."
)


class OutOfFoldMixin:
    """The fitted attributes ``oof_prediction_``, ``oof_proba_`` and ``oof_score_``."""

    tasks_: list[Task]
    _one_dimensional: bool
    _out_of_fold: OutOfFold | None = None

    def _held_out(self, attribute: str) -> OutOfFold:
        try:
            check_is_fitted(self, "network_")
        except ValueError as error:  # NotFittedError is also an AttributeError, but says nothing of the attribute
            raise AttributeError(f"{type(self).__name__} has no {attribute} before it is fitted: {error}") from None
        if self._out_of_fold is None:
            raise AttributeError(f"{type(self).__name__} has no {attribute}: {NONE_HELD_OUT}")
        return self._out_of_fold

    def _held_out_responses(self, attribute: str) -> list[np.ndarray]:
        responses = self._held_out(attribute).responses
        if responses is None:
            raise AttributeError(
                f"{type(self).__name__} has no {attribute} after unpickling or copying; oof_score_ is kept. Take the "
                "predictions from the estimator that was fitted."
            )
        return responses

    @property
    def oof_score_(self) -> dict[str, float]:
        """Task name to the score of ``oof_prediction_`` on the observed cells, as ``score_tasks`` gives it."""
        return dict(self._held_out("oof_score_").scores)

    @property
    def oof_prediction_(self) -> np.ndarray:
        """Predictions of the training rows by members that held them out, shaped as y; NaN where none did.

        Corrected, where predictions are, by the errors about the other rows.
        """
        responses = self._held_out_responses("oof_prediction_")
        columns = [_labels(task, response) for task, response in zip(self.tasks_, responses, strict=True)]
        return columns[0] if self._one_dimensional else stack_columns(columns, self.tasks_)

    @property
    def oof_proba_(self) -> Any:
        """Class probabilities for ``oof_prediction_``, as ``predict_proba`` gives them."""
        responses = self._held_out_responses("oof_proba_")
        pairs = zip(self.tasks_, responses, strict=True)
        probabilities = [response.copy() if task.kind.is_classifier else None for task, response in pairs]
        if all(probability is None for probability in probabilities):
            raise AttributeError(f"{type(self).__name__} has no oof_proba_: no task is one of classes.")
        return probabilities[0] if self._one_dimensional else probabilities


def _labels(task: Task, response: np.ndarray) -> np.ndarray:
    """Decode the rows that have a response; the type of the labels where all have, else one that holds NaN."""
    seen = ~np.isnan(response[:, 0])
    labels = task.kind.decode(task, response[seen])
    if seen.all():
        return labels
    number = labels.dtype.kind in "iuf" and holds_exactly(np.dtype(np.float64), task)
    full = np.full(len(response), np.nan, dtype=np.float64 if number else object)
    full[seen] = labels
    return full
