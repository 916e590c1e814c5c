"""Calibration of all tasks of classes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Self

import numpy as np

from skmtl.network import Network
from skmtl.postprocess._base import HeldOutResponses, Postprocessor
from skmtl.postprocess._cross_fitting import HeldOutTask, held_out_task
from skmtl.postprocess.calibration._calibrator import Calibrator
from skmtl.postprocess.calibration.isotonic import Isotonic
from skmtl.postprocess.calibration.sigmoid import Sigmoid
from skmtl.postprocess.calibration.temperature import Temperature
from skmtl.tasks._classification import log_probabilities

CALIBRATIONS: dict[str, type[Calibrator]] = {"temperature": Temperature, "sigmoid": Sigmoid, "isotonic": Isotonic}


class Calibration(Postprocessor):
    """Calibrates the probabilities of each task of classes where that lowers its log loss.

    The log loss is that of held-out rows, calibrated by what was learned from the rows of other folds.

    Parameters
    ----------
    method : str
        A name of ``CALIBRATIONS``.

    Attributes
    ----------
    calibrators_ : dict of int to Calibrator
        Of each calibrated task, by its position in the label matrix.
    crossed_ : dict of int to dict
        Of these tasks, number of a fold to the calibrator that was fitted to the rows of all others.
    """

    state_types = MappingProxyType(dict(CALIBRATIONS))

    calibrators_: dict[int, Calibrator]
    crossed_: dict[int, dict[int, Calibrator]]

    def __init__(self, method: str) -> None:
        self.method = method

    def fit(self, network: Network | None, held_out: HeldOutResponses) -> Self | None:
        """Fit calibrators to each task; see :meth:`Postprocessor.fit`."""
        self.calibrators_, self.crossed_ = {}, {}
        method = CALIBRATIONS[self.method]
        for index in (k for k, task in enumerate(held_out.tasks) if task.kind.is_classifier):
            task = held_out_task(held_out, index)
            if not task.can_be_learned:
                continue
            crossed = {fold: method.fit(*others) for fold, others in task.cells_of_others()}
            if _log_loss(_cross_fitted(crossed, task), task) < _log_loss(task.probabilities, task):
                self.calibrators_[index], self.crossed_[index] = method.fit(*task.cells), crossed
        return self if self.calibrators_ else None

    def __call__(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Calibrate responses; see :meth:`Postprocessor.__call__`."""
        calibrated = list(responses)
        for index, calibrator in self.calibrators_.items():
            response = responses[index]
            calibrated[index] = calibrator(response.astype(np.float64)).astype(response.dtype, copy=False)
        return calibrated

    def cross_fitted(self, held_out: HeldOutResponses) -> list[np.ndarray]:
        """Calibrate held-out responses as learned from other folds; see :meth:`Postprocessor.cross_fitted`."""
        responses = list(held_out.responses)
        for index, crossed in self.crossed_.items():
            task = held_out_task(held_out, index)
            responses[index] = np.full_like(responses[index], np.nan)
            responses[index][task.rows] = _cross_fitted(crossed, task)
        return responses


def _cross_fitted(crossed: Mapping[int, Calibrator], task: HeldOutTask) -> np.ndarray:
    calibrated = task.probabilities.copy()
    for fold, calibrator in crossed.items():
        inside = task.folds == fold
        calibrated[inside] = calibrator(task.probabilities[inside])
    return calibrated


def _log_loss(probabilities: np.ndarray, task: HeldOutTask) -> float:
    of_truth = probabilities[task.labelled, task.truth]
    return -float(np.average(log_probabilities(of_truth), weights=task.weights))
