"""What loggers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from skmtl.callbacks._callback import Callback

_QUANTITIES = ("loss", "validation_loss", "weight")


class RunLogger(Callback, ABC):
    """Writes the parameters of a fit, the losses and weights of each epoch, and the held-out scores at its end."""

    _is_open = False
    _has_ended = False

    @abstractmethod
    def _open(self, estimator: Any, parameters: dict[str, str]) -> None:
        """Begin a run."""

    @abstractmethod
    def _write(self, values: dict[str, float], epoch: int) -> None:
        """Write values of an epoch by "quantity/task"."""

    def _label(self, task: Any) -> str:
        """What the task is called in the run."""
        return str(task)

    def _labels(self, estimator: Any) -> list[str]:
        """What the tasks are called, with their position where several would have one name."""
        labels = [self._label(task) for task in estimator.task_names_]
        return [f"{name}_{place}" if labels.count(name) > 1 else name for place, name in enumerate(labels)]

    @abstractmethod
    def _close(self, has_ended: bool) -> None:
        """End the run of a fit that has ended, or failed; leave nothing that cannot be pickled."""

    def on_fit_begin(self, estimator: Any) -> None:
        """Begin a run and write the parameters.

        Parameters
        ----------
        estimator : estimator
            To be fitted.

        Raises
        ------
        ImportError
            If the package that writes is not installed.
        """
        parameters = {name: repr(value) for name, value in estimator.get_params(deep=False).items()}
        self._open(estimator, parameters)
        self._is_open, self._has_ended = True, False

    def on_epoch_end(self, estimator: Any, epoch: int) -> None:
        """Write the values of an epoch.

        Parameters
        ----------
        estimator : estimator
            As of this epoch.
        epoch : int
            Its number.
        """
        self._write(_of_last_epoch(estimator, self._labels(estimator)), epoch)

    def on_fit_end(self, estimator: Any) -> None:
        """Write the scores.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        """
        if scores := _of_fit(estimator, self._labels(estimator)):
            self._write(scores, estimator.n_iter_)
        self._has_ended = True

    def teardown(self, estimator: Any, context: Any) -> None:
        """End the run.

        Parameters
        ----------
        estimator : estimator
            Whose fit has ended.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """
        if self._is_open:
            self._close(self._has_ended)
            self._is_open = False


def _of_last_epoch(estimator: Any, labels: list[str]) -> dict[str, float]:
    """Means over the members by "quantity/task"; without what no member has."""
    found = {}
    for quantity in _QUANTITIES:
        by_task = estimator.history_[quantity][-1].T
        names = labels if len(by_task) == len(labels) else [f"mean of {len(labels)}"]  # all that is kept of many
        for task, values in zip(names, by_task, strict=True):
            known = values[~np.isnan(values)]
            if len(known):
                found[f"{quantity}/{task}"] = float(known.mean())
    return found


def _of_fit(estimator: Any, labels: list[str]) -> dict[str, float]:
    """Scores of the tasks on held-out rows, by "oof_score/task"; none where nothing was held out."""
    scores = getattr(estimator, "oof_score_", {})
    names = dict(zip(estimator.task_names_, labels, strict=True))
    return {f"oof_score/{names[task]}": score for task, score in scores.items() if not np.isnan(score)}
