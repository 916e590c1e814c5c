"""Scores over the observed cells of a label matrix.

The metrics are loaded when they are asked for: kinds of tasks use :mod:`skmtl.metrics._masked`, which needs NumPy only,
and must not load scikit-learn's metrics with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skmtl.metrics._arrmse import arrmse
    from skmtl.metrics._custom import masked_metric
    from skmtl.metrics._labels import accuracy, balanced_accuracy, f1
    from skmtl.metrics._numbers import mae, poisson_deviance, r2, rmse
    from skmtl.metrics._pinball import pinball_loss
    from skmtl.metrics._scorer import TaskScorer, make_task_scorer, task_scores
    from skmtl.metrics._scores import average_precision, brier, log_loss, roc_auc
    from skmtl.metrics._transfer import delta_m

__all__ = [
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
    "task_scores",
]

_HOMES = {
    "_arrmse": {"arrmse"},
    "_custom": {"masked_metric"},
    "_labels": {"accuracy", "balanced_accuracy", "f1"},
    "_numbers": {"mae", "poisson_deviance", "r2", "rmse"},
    "_pinball": {"pinball_loss"},
    "_scorer": {"TaskScorer", "make_task_scorer", "task_scores"},
    "_scores": {"average_precision", "brier", "log_loss", "roc_auc"},
    "_transfer": {"delta_m"},
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
