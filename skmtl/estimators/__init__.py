"""The estimators."""

from skmtl.estimators._classifier import MultiTaskNetClassifier
from skmtl.estimators._mixed import MultiTaskNet
from skmtl.estimators._regressor import MultiTaskNetRegressor
from skmtl.estimators._wrapped import (
    predict_frame,
    predict_interval,
    predict_proba_frame,
    predict_set,
    score_tasks,
    task_view,
)

__all__ = [
    "MultiTaskNet",
    "MultiTaskNetClassifier",
    "MultiTaskNetRegressor",
    "predict_frame",
    "predict_interval",
    "predict_proba_frame",
    "predict_set",
    "score_tasks",
    "task_view",
]
