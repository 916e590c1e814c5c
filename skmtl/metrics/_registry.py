"""The one reader of metrics: what a scorer must know of each, by name, function or scorer of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from skmtl._sklearn import _BaseScorer
from skmtl.metrics._arrmse import arrmse
from skmtl.metrics._custom import masked_metric, over_tasks
from skmtl.metrics._labels import accuracy, balanced_accuracy, f1
from skmtl.metrics._numbers import mae, poisson_deviance, r2, rmse
from skmtl.metrics._pinball import pinball_loss
from skmtl.metrics._scikit_learn import (
    OF_LABELS,
    OF_MANY_PROBABILITIES,
    OF_NUMBERS,
    OF_PROBABILITIES,
    OF_TWO_LABELS,
    score_as_given,
    score_labels,
    score_numbers,
    score_probabilities,
    takes_weights,
)
from skmtl.metrics._scores import average_precision, brier, log_loss, roc_auc, roc_auc_by_frequency
from skmtl.metrics._tables import accuracy_of, balanced_accuracy_of, f1_of
from skmtl.tasks import Task, kind_name


@dataclass(frozen=True)
class Metric:
    """A metric and how to ask an estimator for what it needs.

    Attributes
    ----------
    name : str
        Its name.
    function : callable
        The metric over a label matrix; a loss is not negated.
    of_classes : bool, optional
        Whether it is for tasks of classes (True), of numbers (False) or for both (None).
    greater_is_better : bool
        Whether greater is better.
    response_method : str
        The estimator's method that gives the predictions.
    takes_classes : bool
        Whether the function has an argument ``classes``.
    of_tables : callable, optional
        The metric of one task by tables of weights, ``(..., true class, predicted class) -> (...)``, where it has a
        closed form.
    takes_weights : bool
        Whether weights of cells count.
    min_classes, max_classes : int, optional
        How many classes a task has that it is for.
    """

    name: str
    function: Callable[..., Any]
    of_classes: bool | None
    greater_is_better: bool = True
    response_method: str = "predict"
    takes_classes: bool = False
    of_tables: Callable[[np.ndarray], np.ndarray] | None = None
    takes_weights: bool = True
    min_classes: int = 2
    max_classes: int | None = None

    @property
    def purpose(self) -> str:
        """What it is for."""
        if self.of_classes is None:
            return "classes and numbers"
        if not self.of_classes:
            return "numbers"
        limited = "two " if self.max_classes == 2 else f"{self.min_classes} or more " if self.min_classes > 2 else ""
        return f"{limited}classes"

    def suits(self, task: Task) -> bool:
        """Whether it is for a task of this kind and number of classes."""
        if self.of_classes is not None and self.of_classes != task.kind.is_classifier:
            return False
        n_classes = 2 if task.classes is None else max(len(task.classes), 2)  # one class: the other has not been seen
        return self.min_classes <= n_classes <= (self.max_classes or n_classes) or not self.of_classes

    def require_suits(self, task: Task) -> None:
        """Check that it is for a task.

        Raises
        ------
        ValueError
            If it is not.
        """
        if not self.suits(task):
            n_classes = "" if task.classes is None else f" with {len(task.classes)} classes"
            fitting = ", ".join(repr(name) for name, metric in KNOWN.items() if metric.suits(task))
            raise ValueError(
                f"The metric {self.name} is for {self.purpose}, but task {task.name!r} is of the kind "
                f"{kind_name(task.kind)!r}{n_classes}. Metrics for it: {fitting}."
            )


def _of_labels(function: Callable[..., Any], of_tables: Callable[..., Any], takes_classes: bool = False) -> Metric:
    return Metric(function.__name__, function, of_classes=True, takes_classes=takes_classes, of_tables=of_tables)


def _of_errors(function: Callable[..., Any]) -> Metric:
    return Metric(function.__name__, function, of_classes=False, greater_is_better=False)


def _of_probabilities(function: Callable[..., Any], greater_is_better: bool) -> Metric:
    return Metric(function.__name__, function, True, greater_is_better, "predict_proba", takes_classes=True)


METRICS: dict[str, Metric] = {
    "accuracy": _of_labels(accuracy, accuracy_of),
    "balanced_accuracy": _of_labels(balanced_accuracy, balanced_accuracy_of),
    "f1": _of_labels(f1, f1_of, takes_classes=True),
    "roc_auc": _of_probabilities(roc_auc, greater_is_better=True),
    "average_precision": _of_probabilities(average_precision, greater_is_better=True),
    "log_loss": _of_probabilities(log_loss, greater_is_better=False),
    "brier": _of_probabilities(brier, greater_is_better=False),
    "r2": Metric("r2", r2, of_classes=False),
    "rmse": _of_errors(rmse),
    "mae": _of_errors(mae),
    "arrmse": _of_errors(arrmse),
    "poisson_deviance": _of_errors(poisson_deviance),
    "pinball_loss": _of_errors(pinball_loss),
}


def _of_scorer(
    scorer: Any, score: Callable[..., float], name: str, of_classes: bool | None, of_scores: bool, **further: Any
) -> Metric:
    """Metric of a scorer of scikit-learn's, which ``score`` applies to one task."""
    better, method = scorer._sign > 0, "predict_proba" if of_scores else "predict"
    function = partial(over_tasks, partial(score, scorer), greater_is_better=better, of_scores=of_scores)
    weighted = takes_weights(scorer._score_func)
    return Metric(name, function, of_classes, better, method, takes_weights=weighted, **further)


def _of_names(
    names: tuple[str, ...], score: Callable[..., float], of_classes: bool, of_scores: bool = False, **limits: Any
) -> dict[str, Metric]:
    """Metrics of names of scikit-learn's, of which older releases lack some."""
    return {
        name: _of_scorer(get_scorer(name), score, name, of_classes, of_scores, takes_classes=of_classes, **limits)
        for name in names
        if name in get_scorer_names()
    }


# scikit-learn's names; without missing labels these score as scikit-learn does
SCIKIT_LEARN: dict[str, Metric] = {
    "neg_log_loss": METRICS["log_loss"],
    "neg_brier_score": METRICS["brier"],
    "neg_mean_absolute_error": METRICS["mae"],
    "neg_root_mean_squared_error": METRICS["rmse"],
    "neg_mean_poisson_deviance": METRICS["poisson_deviance"],
    "roc_auc_ovr": METRICS["roc_auc"],
    "roc_auc_ovr_weighted": replace(
        METRICS["roc_auc"], function=partial(over_tasks, roc_auc_by_frequency, of_scores=True)
    ),
    **_of_names(OF_NUMBERS, score_numbers, of_classes=False),
    **_of_names(OF_LABELS, score_labels, of_classes=True),
    **_of_names(OF_TWO_LABELS, score_labels, of_classes=True, max_classes=2),
    **_of_names(OF_PROBABILITIES, score_probabilities, of_classes=True, of_scores=True),
    **_of_names(OF_MANY_PROBABILITIES, score_probabilities, of_classes=True, of_scores=True, min_classes=3),
}
_NEGATED = {f"neg_{name}": metric for name, metric in METRICS.items() if not metric.greater_is_better}

# All names of metrics; a scorer negates every loss, with "neg_" before its name or without
KNOWN: dict[str, Metric] = METRICS | {
    name: replace(metric, name=name) for name, metric in (_NEGATED | SCIKIT_LEARN).items()
}


def find_metric(metric: Any, greater_is_better: bool | None = None, response_method: str | None = None) -> Metric:
    """Metric by its name or function, or of a scorer of scikit-learn; another function is a metric of a single task.

    Raises
    ------
    ValueError
        If the name is unknown, or the direction or method of a metric that has its own is given differently.
    TypeError
        If it is none of these.
    """
    if not isinstance(metric, str):
        metric = next((name for name, one in METRICS.items() if one.function is metric), metric)
    if isinstance(metric, str):
        found = _named(metric)
    elif isinstance(metric, _BaseScorer):
        found = _given_scorer(metric)
    elif callable(metric):
        return _of_single_task(metric, greater_is_better, response_method)
    else:
        raise TypeError(f"metric must be a name, a function or a scorer of scikit-learn; got {metric!r}.")
    given = {"greater_is_better": greater_is_better, "response_method": response_method}
    for name, value in given.items():
        if value not in (None, getattr(found, name)):
            raise ValueError(f"{name} of {found.name!r} is {getattr(found, name)!r}; got {value!r}. Leave it out.")
    return found


def _named(name: str) -> Metric:
    if name in KNOWN:
        return KNOWN[name]
    if name in get_scorer_names():
        raise ValueError(
            f"metric={name!r} compares clusters or sets of labels, which no single task has. Choose one of "
            f"{', '.join(map(repr, METRICS))}."
        )
    alike = " or ".join(map(repr, get_close_matches(name, KNOWN, 3)))
    raise ValueError(
        f"metric must be one of {', '.join(map(repr, METRICS))}, the name of a scorer of scikit-learn or a function; "
        f"got {name!r}.{f' Did you mean {alike}?' if alike else ''}"
    )


def _given_scorer(scorer: Any) -> Metric:
    """Metric of a scorer that ``sklearn.metrics.make_scorer`` has made for one target, or one that has a name."""
    for name in KNOWN.keys() & set(get_scorer_names()):
        named = get_scorer(name)
        if scorer._score_func is named._score_func and repr(scorer) == repr(named):
            return KNOWN[name]
    of_scores = scorer._response_method != "predict"
    return _of_scorer(scorer, score_as_given, repr(scorer), True if of_scores else None, of_scores)


def _of_single_task(
    metric: Callable[..., float], greater_is_better: bool | None, response_method: str | None
) -> Metric:
    direction = True if greater_is_better is None else greater_is_better
    method = response_method or "predict"
    function = partial(masked_metric, metric, greater_is_better=direction, of_scores=method != "predict")
    name = getattr(metric, "__name__", repr(metric))
    return Metric(name, function, None, direction, method, takes_weights=takes_weights(metric))
