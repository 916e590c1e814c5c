"""What a scorer must know of each metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sklearn import metrics as single_task

from skmtl.metrics._arrmse import arrmse
from skmtl.metrics._custom import masked_metric
from skmtl.metrics._labels import accuracy, balanced_accuracy, f1
from skmtl.metrics._numbers import mae, poisson_deviance, r2, rmse
from skmtl.metrics._pinball import pinball_loss
from skmtl.metrics._scores import average_precision, brier, log_loss, roc_auc


@dataclass(frozen=True)
class Metric:
    """A metric and how to ask an estimator for what it needs.

    Attributes
    ----------
    function : callable
        The metric over a label matrix.
    of_classes : bool, optional
        Whether it is for tasks of classes (True), of numbers (False) or for both (None).
    greater_is_better : bool
        Whether greater is better.
    response_method : str
        The estimator's method that gives the predictions.
    takes_classes : bool
        Whether the function has an argument ``classes``.
    """

    function: Callable[..., Any]
    of_classes: bool | None
    greater_is_better: bool = True
    response_method: str = "predict"
    takes_classes: bool = False

    @property
    def name(self) -> str:
        """Name of the function, also of one that is applied to each task."""
        function = self.function.args[0] if isinstance(self.function, partial) else self.function
        return getattr(function, "__name__", repr(function))


def _of_numbers(function: Callable[..., Any]) -> Metric:
    return Metric(function, of_classes=False, greater_is_better=False)


def _of_scores(function: Callable[..., Any], greater_is_better: bool) -> Metric:
    return Metric(function, True, greater_is_better, "predict_proba", takes_classes=True)


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, of_classes=True),
    "balanced_accuracy": Metric(balanced_accuracy, of_classes=True),
    "f1": Metric(f1, of_classes=True, takes_classes=True),
    "roc_auc": _of_scores(roc_auc, greater_is_better=True),
    "average_precision": _of_scores(average_precision, greater_is_better=True),
    "log_loss": _of_scores(log_loss, greater_is_better=False),
    "brier": _of_scores(brier, greater_is_better=False),
    "r2": Metric(r2, of_classes=False),
    "rmse": _of_numbers(rmse),
    "mae": _of_numbers(mae),
    "arrmse": _of_numbers(arrmse),
    "poisson_deviance": _of_numbers(poisson_deviance),
    "pinball_loss": _of_numbers(pinball_loss),
}


def _of_single_task(
    metric: Callable[..., float], greater_is_better: bool | None, response_method: str | None
) -> Metric:
    direction = True if greater_is_better is None else greater_is_better
    method = response_method or "predict"
    function = partial(masked_metric, metric, greater_is_better=direction, of_scores=method != "predict")
    return Metric(function, None, direction, method)


def _single_task(function: Callable[..., float], of_classes: bool) -> Metric:
    return replace(_of_single_task(function, None, None), of_classes=of_classes)


def _of_errors(function: Callable[..., float]) -> Metric:
    return replace(_of_single_task(function, False, None), of_classes=False)


# scikit-learn's names; without missing labels these score as scikit-learn does
SCIKIT_LEARN: dict[str, Metric] = {
    "neg_log_loss": METRICS["log_loss"],
    "neg_brier_score": METRICS["brier"],
    "neg_mean_absolute_error": METRICS["mae"],
    "neg_root_mean_squared_error": METRICS["rmse"],
    "neg_mean_poisson_deviance": METRICS["poisson_deviance"],
    "neg_mean_squared_error": _of_errors(single_task.mean_squared_error),
    "neg_mean_squared_log_error": _of_errors(single_task.mean_squared_log_error),
    "neg_root_mean_squared_log_error": _of_errors(single_task.root_mean_squared_log_error),
    "neg_median_absolute_error": _of_errors(single_task.median_absolute_error),
    "neg_mean_absolute_percentage_error": _of_errors(single_task.mean_absolute_percentage_error),
    "neg_mean_gamma_deviance": _of_errors(single_task.mean_gamma_deviance),
    "explained_variance": _single_task(single_task.explained_variance_score, of_classes=False),
    "matthews_corrcoef": _single_task(single_task.matthews_corrcoef, of_classes=True),
}


def find_metric(metric: Any, greater_is_better: bool | None, response_method: str | None) -> Metric:
    """Metric by its name or function; another function is a metric of a single task.

    Raises
    ------
    ValueError
        If the name is unknown, or the direction or method of one of these metrics is given differently.
    """
    known = METRICS | SCIKIT_LEARN
    if not isinstance(metric, str):
        metric = next((name for name, one in METRICS.items() if one.function is metric), metric)
    if not isinstance(metric, str):
        return _of_single_task(metric, greater_is_better, response_method)
    if metric not in known:
        raise ValueError(f"metric must be one of {', '.join(map(repr, METRICS))} or a function; got {metric!r}.")
    found = known[metric]
    given = {"greater_is_better": greater_is_better, "response_method": response_method}
    for name, value in given.items():
        if value not in (None, getattr(found, name)):
            raise ValueError(f"{name} of {metric!r} is {getattr(found, name)!r}; got {value!r}. Leave it out.")
    return found
