"""Scores over the observed cells of a label matrix."""

from skmtl.metrics._arrmse import arrmse
from skmtl.metrics._custom import masked_metric
from skmtl.metrics._labels import accuracy, balanced_accuracy, f1
from skmtl.metrics._numbers import mae, poisson_deviance, r2, rmse
from skmtl.metrics._pinball import pinball_loss
from skmtl.metrics._report import TaskReport
from skmtl.metrics._scorer import TaskScorer, make_task_scorer, task_scores
from skmtl.metrics._scores import average_precision, brier, log_loss, roc_auc
from skmtl.metrics._task_report import task_report
from skmtl.metrics._transfer import delta_m

__all__ = [
    "TaskReport",
    "TaskScorer",
    "accuracy",
    "arrmse",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "delta_m",
    "f1",
    "log_loss",
    "mae",
    "make_task_scorer",
    "masked_metric",
    "pinball_loss",
    "poisson_deviance",
    "r2",
    "rmse",
    "roc_auc",
    "task_report",
    "task_scores",
]
