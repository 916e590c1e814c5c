"""Multi-task neural networks behind the scikit-learn interface."""

from skmtl.balancing import geometric
from skmtl.estimators import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.training import DivergenceError

__version__ = "0.1.0.dev0"

__all__ = ["DivergenceError", "MultiTaskNet", "MultiTaskNetClassifier", "MultiTaskNetRegressor", "geometric"]
