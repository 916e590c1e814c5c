"""What fitted estimators tell of how probabilities were calibrated and how labels are decided from them."""

from __future__ import annotations

from typing import Any

from skmtl.fitting import FitResult
from skmtl.postprocess import Calibration

DECIDED = ("calibration_", "thresholds_")


def decided(result: FitResult) -> dict[str, dict[Any, Any]]:
    """Fitted attributes by task, of what was asked for and learned from held-out rows."""
    job, found = result.job, dict[str, dict[Any, Any]]()
    if not job.responds:
        return found
    if any(isinstance(postprocessor, Calibration) for postprocessor in job.postprocessors):
        fitted = [one.calibrators_ for one in result.postprocessors if isinstance(one, Calibration)]
        names = [task.name for task in job.inputs.tasks]
        found["calibration_"] = {names[k]: calibrator for own in fitted for k, calibrator in own.items()}
    if job.threshold_scores:
        found["thresholds_"] = result.thresholds
    return found
