"""Probabilities of the same classes from every fold."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, get_tags

from skmtl._sklearn import final_model


class Aligned(BaseEstimator):
    """An estimator whose ``predict`` gives the probabilities of given classes, all tasks side by side.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    method : {"predict_proba", "predict_log_proba"}
        What is asked of it.
    classes : list of ndarray
        Classes of each task.
    """

    def __init__(self, estimator: Any, method: str, classes: list[np.ndarray]) -> None:
        self.estimator = estimator
        self.method = method
        self.classes = classes

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Fit the estimator."""
        self.estimator.fit(X, y, **params)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Columns that tell whether each task has probabilities, then the probabilities of those that have."""
        responses = getattr(self.estimator, self.method)(X)
        known = final_model(self.estimator).classes_
        if not isinstance(responses, list):
            responses, known = [responses], [known]
        absent = 0.0 if self.method == "predict_proba" else float(np.finfo(np.float32).min)
        tasks = zip(responses, known, self.classes, strict=True)
        aligned = [_align(*task, absent) for task in tasks if task[0] is not None]
        has_probabilities = np.array([response is not None for response in responses], dtype=aligned[0].dtype)
        return np.hstack([np.tile(has_probabilities, (len(aligned[0]), 1)), *aligned])

    def get_metadata_routing(self) -> Any:
        """Metadata that the estimator asks for."""
        return self.estimator.get_metadata_routing()

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)


def _align(response: np.ndarray, known: np.ndarray, classes: np.ndarray, absent: float) -> np.ndarray:
    """Columns of the known classes among those of all, ``(n_samples, n_classes)``."""
    aligned = np.full((len(response), len(classes)), absent, dtype=response.dtype)
    aligned[:, np.searchsorted(classes, known)] = response
    return aligned


def cut(side_by_side: np.ndarray, classes: list[np.ndarray]) -> list[np.ndarray | None]:
    """Probabilities of each task from what :meth:`Aligned.predict` gives; None for one that has none."""
    widths = np.where(side_by_side[0, : len(classes)] > 0, [len(of_task) for of_task in classes], 0)
    blocks = np.split(side_by_side[:, len(classes) :], np.cumsum(widths)[:-1], axis=1)
    return [block if width else None for block, width in zip(blocks, widths, strict=True)]
