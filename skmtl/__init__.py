"""Multi-task neural networks behind the scikit-learn interface."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from skmtl._version import __version__ as __version__
from skmtl.balancing import geometric
from skmtl.checkpoints import Checkpoint
from skmtl.estimators import (
    MultiTaskNet,
    MultiTaskNetClassifier,
    MultiTaskNetRegressor,
    predict_frame,
    predict_interval,
    predict_proba_frame,
    predict_set,
    score_tasks,
    task_view,
)
from skmtl.export import to_onnx
from skmtl.inputs import labels_from_long
from skmtl.persistence import FileFormatError, load, model_card, save
from skmtl.processes import DistributedError, distributed
from skmtl.training import DivergenceError

if TYPE_CHECKING:
    from skmtl import (
        balancing,
        blocks,
        callbacks,
        collaboration,
        dask,
        datasets,
        encoders,
        export,
        inspection,
        metrics,
        model_selection,
        sharing,
        tasks,
        training,
    )

# packages among them are imported at first use, as skmtl.metrics
__all__ = [
    "Checkpoint",
    "DistributedError",
    "DivergenceError",
    "FileFormatError",
    "MultiTaskNet",
    "MultiTaskNetClassifier",
    "MultiTaskNetRegressor",
    "balancing",
    "blocks",
    "callbacks",
    "collaboration",
    "dask",
    "datasets",
    "distributed",
    "encoders",
    "export",
    "geometric",
    "inspection",
    "labels_from_long",
    "load",
    "metrics",
    "model_card",
    "model_selection",
    "predict_frame",
    "predict_interval",
    "predict_proba_frame",
    "predict_set",
    "save",
    "score_tasks",
    "sharing",
    "task_view",
    "tasks",
    "to_onnx",
    "training",
]


if not TYPE_CHECKING:  # type checkers know all names, and tell of others

    def __getattr__(name: str) -> Any:
        if name in __all__:  # all others are imported
            return importlib.import_module(f"skmtl.{name}")
        raise AttributeError(f"module 'skmtl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
