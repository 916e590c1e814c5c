"""What rows that members held out say of a fitted estimator: predictions, how labels are decided, warnings."""

from __future__ import annotations

import warnings
from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmtl.fitting import FitResult, OutOfFold, holds_exactly, stack_columns
from skmtl.postprocess import Calibration, thresholded
from skmtl.tasks import Task

NONE_HELD_OUT = (
    "no member held out training rows in the last fit. They do with as many distinct rows as folds and "
    "early_stopping=True, or 'auto' and 8 of them, each at most 3 times on average, unless the fit was given X_val or "
    "went on from earlier weights (warm_start, partial_fit)."
)

DECIDED = ("calibration_", "thresholds_")
RARE = 0.3  # share of a class; where one has more and is never predicted, nothing has been learned of the task
MIN_MISSED = 10  # rows; of fewer nothing could be learned


def warn_of_one_class(tasks: Sequence[Task], out_of_fold: OutOfFold, chosen: Container[Any]) -> None:
    """Warn of tasks of two classes, without a ``chosen`` threshold, of which the rare one is never predicted."""
    assert out_of_fold.responses is not None
    assert out_of_fold.judged is not None
    observed = out_of_fold.judged.observed
    for k, (task, response) in enumerate(zip(tasks, out_of_fold.responses, strict=True)):
        if task.classes is None or len(task.classes) != 2 or task.name in chosen:
            continue
        response, weights = response[observed.kept_mask], observed.weights[:, k]
        seen = (weights > 0) & ~np.isnan(response[:, 0])
        said, true = response[seen].argmax(axis=1), observed.labels.columns[k][seen] == task.classes[1]
        if not len(said) or (said != said[0]).any():
            continue
        missed = true != said[0]
        if missed.sum() >= MIN_MISSED and (share := np.average(missed, weights=weights[seen])) < RARE:
            warnings.warn(
                f"Task {task.name!r}: predict says {task.classes[said[0]].item()!r} for every training row that was "
                f"held out, while {share:.1%} of them are {task.classes[1 - said[0]].item()!r}, which no row has a "
                f"probability above 0.5 of. To find some, set threshold_metric, say to 'f1' or 'balanced_accuracy', or "
                f"class_weight; predict_proba tells which are the most probable ones.",
                stacklevel=5,
            )


def decided(result: FitResult) -> dict[str, dict[Any, Any]]:
    """Fitted attributes by task, of what was asked for and learned from held-out rows."""
    job, found = result.job, dict[str, dict[Any, Any]]()
    if not job.responds:
        return found
    if any(isinstance(postprocessor, Calibration) for postprocessor in job.postprocessors):
        fitted = [one.calibrators_ for one in result.postprocessors if isinstance(one, Calibration)]
        names = [task.name for task in job.inputs.tasks]
        found["calibration_"] = {names[k]: calibrator for own in fitted for k, calibrator in own.items()}
    if job.threshold_scores:
        found["thresholds_"] = result.thresholds
    return found


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

        Corrected, where predictions are, by the errors about the other rows; with thresholds and calibration as learned
        from rows of other folds. Without tasks of ``add_tasks``.
        """
        responses = self._held_out_responses("oof_prediction_")
        thresholds = self._held_out("oof_prediction_").thresholds
        pairs = list(zip(self._held_out("oof_prediction_").tasks, responses, strict=True))
        columns = [_labels(task, response, thresholds.get(task.name)) for task, response in pairs]
        return columns[0] if self._one_dimensional else stack_columns(columns, [task for task, _ in pairs])

    @property
    def oof_proba_(self) -> Any:
        """Class probabilities for ``oof_prediction_``, as ``predict_proba`` gives them."""
        responses = self._held_out_responses("oof_proba_")
        pairs = zip(self._held_out("oof_proba_").tasks, responses, strict=True)
        probabilities = [response.copy() if task.kind.is_classifier else None for task, response in pairs]
        if all(probability is None for probability in probabilities):
            raise AttributeError(f"{type(self).__name__} has no oof_proba_: no task is one of classes.")
        return probabilities[0] if self._one_dimensional else probabilities


def _labels(task: Task, response: np.ndarray, threshold: np.ndarray | None) -> np.ndarray:
    """Decode the rows that have a response, by the threshold of each.

    In the type of the labels where all have one, else in one that holds NaN.
    """
    seen = ~np.isnan(response[:, 0])
    labels = task.kind.decode(task, thresholded(response[seen], None if threshold is None else threshold[seen]))
    if seen.all():
        return labels
    number = labels.dtype.kind in "iuf" and holds_exactly(np.dtype(np.float64), task)
    full = np.full(len(response), np.nan, dtype=np.float64 if number else object)
    full[seen] = labels
    return full
