"""What searches and groupings hand on to the net at the end of their best estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from skmtl import estimators
from skmtl._sklearn import final_model
from skmtl.estimators._types import ConformalMethod


def net_has(method: str) -> Callable[[Any], bool]:
    """Whether there is, or after the fit will be, a best estimator, and the net at the end of it has a method."""

    def check(owner: Any) -> bool:
        if not getattr(owner, "refit", True):
            raise AttributeError(f"{method} needs the best estimator, fitted to all rows: set refit=True.")
        return hasattr(final_model(getattr(owner, "best_estimator_", owner.estimator)), method)

    return check


class ConformalOfNetMixin:
    """Intervals and sets of the best estimator."""

    @available_if(net_has("predict_interval"))
    def predict_interval(
        self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv", normalize: bool = True
    ) -> np.ndarray:
        """Predict intervals by the best estimator, as :func:`skmtl.predict_interval`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the intervals of each task shall contain.
        method : {"cv", "cv+"}, default="cv"
            As in the net's own method.
        normalize : bool, default=True
            As in the net's own method.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_tasks, 2)
            Lower and upper bound; NaN for tasks of classes.
        """
        return estimators.predict_interval(self, X, coverage, method=method, normalize=normalize)

    @available_if(net_has("predict_set"))
    def predict_set(self, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv") -> Any:
        """Predict sets of classes by the best estimator, as :func:`skmtl.predict_set`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        coverage : float, default=0.9
            Fraction of labels that the sets of each task shall contain.
        method : {"cv", "cv+"}, default="cv"
            As in the net's own method.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes), bool
            Which classes are in the set, None for numeric tasks; for 1-D y the entry of its task.
        """
        return estimators.predict_set(self, X, coverage, method=method)
