"""scikit-learn's scorers on the observed cells of one task."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skmtl.metrics._cells import TaskCells
from skmtl.metrics._labels import classes_of_labels, codes_of_labels
from skmtl.metrics._scores import codes_of_scores
from skmtl.tasks._scores import MIN_CELLS_OF_R2

# Names of scorers for one target by what they are for, beside those that metrics of skmtl stand for. What compares
# clusters or sets of labels ("rand_score", "f1_samples") is for no task.
OF_NUMBERS = (
    "d2_absolute_error_score",
    "explained_variance",
    "neg_max_error",
    "neg_mean_absolute_percentage_error",
    "neg_mean_gamma_deviance",
    "neg_mean_squared_error",
    "neg_mean_squared_log_error",
    "neg_median_absolute_error",
    "neg_root_mean_squared_log_error",
)
OF_LABELS = (
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "jaccard",
    "jaccard_macro",
    "jaccard_micro",
    "jaccard_weighted",
    "matthews_corrcoef",
    "precision",
    "precision_macro",
    "precision_micro",
    "precision_weighted",
    "recall",
    "recall_macro",
    "recall_micro",
    "recall_weighted",
)
OF_TWO_LABELS = ("neg_negative_likelihood_ratio", "positive_likelihood_ratio")
OF_PROBABILITIES = ("d2_brier_score", "d2_log_loss_score", "roc_auc_ovo", "roc_auc_ovo_weighted")
OF_MANY_PROBABILITIES = ("top_k_accuracy",)


def score_numbers(scorer: Any, task: TaskCells, **settings: Any) -> float:
    """Score predicted numbers; NaN where a comparison with the best constant has fewer than two cells."""
    if scorer._sign > 0 and len(task.y_true) < MIN_CELLS_OF_R2:
        return float("nan")
    return _call(scorer, task.y_true, task.y_pred, task.weights, settings)


def score_labels(scorer: Any, task: TaskCells, **settings: Any) -> float:
    """Score predicted labels; NaN where fewer than two classes are observed.

    Of two classes the second is the positive one. Where there are more, each is it in turn, and the mean counts.
    """
    if len(np.unique(task.y_true)) < 2:
        return float("nan")
    classes = classes_of_labels(task)
    codes_true, codes_pred = codes_of_labels(task, classes)
    average = (scorer._kwargs | settings).get("average")
    if average == "binary" and len(classes) > 2:
        settings = settings | {"average": "macro"}
    if average is not None:  # scikit-learn's value, without its warning, where nothing of a class is predicted
        settings = {"zero_division": 0.0} | settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return _call(scorer, codes_true, codes_pred, task.weights, settings)


def score_probabilities(scorer: Any, task: TaskCells, **settings: Any) -> float:
    """Score probabilities; NaN where fewer than two classes are observed, or scikit-learn finds no score."""
    if len(np.unique(task.y_true)) < 2:
        return float("nan")
    codes, codes_true, scores = codes_of_scores(task)
    weights: np.ndarray | None = task.weights
    if len(codes) == 2:
        scores = scores[:, 1]
    else:
        settings = {"labels": codes} | settings
        if scorer._kwargs.get("multi_class") == "ovo":
            weights = None  # scikit-learn has none for pairs of classes
    with warnings.catch_warnings():
        warnings.simplefilter("error", UndefinedMetricWarning)
        try:
            return _call(scorer, codes_true, scores, weights, settings)
        except UndefinedMetricWarning:
            return float("nan")


def score_as_given(scorer: Any, task: TaskCells, **settings: Any) -> float:
    """Score by a scorer of the user's, which knows the labels as they are; of two classes it gets the second column."""
    response = task.y_pred
    if response.ndim == 2 and response.shape[1] == 2:
        response = response[:, 1]
    return _call(scorer, task.y_true, response, task.weights, settings)


def takes_weights(function: Callable[..., Any]) -> bool:
    """Whether a function has an argument ``sample_weight``; one whose arguments are not known is trusted."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return True
    return "sample_weight" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def _call(
    scorer: Any, y_true: np.ndarray, response: np.ndarray, weights: np.ndarray | None, settings: dict[str, Any]
) -> float:
    weighted = {"sample_weight": weights} if takes_weights(scorer._score_func) else {}
    return float(scorer._score_func(y_true, response, **weighted, **scorer._kwargs | settings))
