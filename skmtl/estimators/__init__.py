"""The estimators."""

from skmtl.estimators._classifier import MultiTaskNetClassifier
from skmtl.estimators._mixed import MultiTaskNet
from skmtl.estimators._regressor import MultiTaskNetRegressor

__all__ = ["MultiTaskNet", "MultiTaskNetClassifier", "MultiTaskNetRegressor"]
