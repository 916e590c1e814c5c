"""The estimator that knows the tasks, inside what scikit-learn wraps around it."""

from __future__ import annotations

from typing import Any


def final_model(estimator: Any) -> Any:
    """Last step of pipelines, best estimator of searches."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            return estimator
