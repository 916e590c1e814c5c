"""What loggers write of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

_QUANTITIES = ("loss", "validation_loss", "weight")


def of_last_epoch(estimator: Any) -> dict[str, float]:
    """Means over the members by "quantity/task"; without what no member has."""
    found = {}
    for quantity in _QUANTITIES:
        for task, values in zip(estimator.task_names_, estimator.history_[quantity][-1].T, strict=True):
            known = values[~np.isnan(values)]
            if len(known):
                found[f"{quantity}/{task}"] = float(known.mean())
    return found


def of_fit(estimator: Any) -> dict[str, float]:
    """Scores of the tasks on held-out rows, by "oof_score/task"; none where nothing was held out."""
    scores = getattr(estimator, "oof_score_", {})
    return {f"oof_score/{task}": score for task, score in scores.items() if not np.isnan(score)}


def parameters(estimator: Any) -> dict[str, str]:
    """Parameters of the estimator as text."""
    return {name: repr(value) for name, value in estimator.get_params(deep=False).items()}
