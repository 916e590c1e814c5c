"""Callbacks of a fit: a base of one's own, and loggers for TensorBoard and MLflow.

They follow scikit-learn's callback protocol, which scikit-learn has since version 1.9, and are set by
``estimator.set_callbacks(...)``.
"""

from skmtl.callbacks._callback import Callback
from skmtl.callbacks._mlflow import MLflowLogger
from skmtl.callbacks._tensorboard import TensorBoardLogger

__all__ = ["Callback", "MLflowLogger", "TensorBoardLogger"]
