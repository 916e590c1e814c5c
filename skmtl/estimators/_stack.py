"""Many fits to the same rows, trained side by side as one network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from skmtl.estimators._base import COLUMNS, BaseMultiTaskNet
from skmtl.estimators._learner import Learner
from skmtl.estimators._start import Start
from skmtl.network import Network
from skmtl.training import History, Training

WORTH_SHRINKING = 0.5  # share of members still training at which the others are taken out


class Stack:
    """Estimators that differ in nothing but what a member can carry, fitted to the same rows as one network.

    Each becomes what it would become alone: its members draw from the same streams, see the same batches and stop at
    the same epochs. One that fails does not disturb the others.

    Parameters
    ----------
    estimators : sequence of BaseMultiTaskNet
        Not fitted. They agree in all parameters but ``loss_weights``, ``class_weight``, ``learning_rate_init``,
        ``weight_decay``, ``dropout`` and ``n_estimators``.
    X, y, **fit_params
        As :meth:`BaseMultiTaskNet.fit` takes them.

    Attributes
    ----------
    errors : dict
        Place of an estimator to what made its fit fail.
    """

    def __init__(self, estimators: Sequence[BaseMultiTaskNet], X: Any, y: Any, **fit_params: Any) -> None:
        self.estimators = estimators
        self.errors: dict[int, Exception] = {}
        self._learners = self._prepare(X, y, **fit_params)
        self._ended: dict[int, tuple[Network, History]] = {}
        self._training: Training | None = None
        if self._learners:
            self._training = self._begin()

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> dict[int, Learner]:
        """Learners of the estimators whose parameters are usable."""
        first, learners = self.estimators[0], {}
        observations = first._observe(X, y, sample_weight, known=False)
        columns = {name: value for name, value in vars(first).items() if name in COLUMNS}
        common = first._started(observations)
        for place, estimator in enumerate(self.estimators):
            try:
                estimator._validate_params()
                estimator.__dict__.update(columns)
                learner = common.sibling(estimator.get_params(deep=False))
                validation = estimator._observe_validation(X_val, y_val, sample_weight_val, learner)
                learner.prepare(observations, estimator._weights(observations, learner), validation)
                learners[place] = learner
            except Exception as error:
                self.errors[place] = error
        return learners

    def _begin(self) -> Training:
        start = Start.stack([learner.start for learner in self._learners.values()])
        members = [learner.network.architecture.members for learner in self._learners.values()]
        teams = np.repeat(list(self._learners), members)
        names = [task.name for task in next(iter(self._learners.values())).layout.tasks]
        return Training(start.run(), start.data, start.validation, teams=teams, task_names=names)

    @property
    def work(self) -> float:
        """Operations a step."""
        return sum(learner.work for learner in self._learners.values())

    def advance(self, share: float) -> None:
        """Train until ``share`` of the greatest number of epochs is done."""
        while (training := self._training) is not None:
            until = max(round(share * training.run.settings.max_iter), 1)
            training.advance(until, lambda epoch, history: self._mostly_stopped())
            if not (training.epochs_done < until and self._mostly_stopped()):
                break
            stopping = training.stopping
            self._take_out(np.setdiff1d(stopping.teams, stopping.teams[stopping.active]))

    def _mostly_stopped(self) -> bool:
        """Whether so few fits are still training that it pays to take the others out."""
        assert self._training is not None
        stopping = self._training.stopping
        training = len(np.unique(stopping.teams[stopping.active]))
        return 0 < training <= WORTH_SHRINKING * len(np.unique(stopping.teams))

    def keep(self, places: Sequence[int]) -> None:
        """Go on with these estimators only; the others stay as they are."""
        if self._training is not None:
            self._take_out(np.setdiff1d(self._training.stopping.teams, places))

    def _take_out(self, places: np.ndarray) -> None:
        """Shrink the network by the members of the fits at ``places``, which have ended."""
        training = self._training
        assert training is not None
        self._note_failures(training)
        for place in places.tolist():
            if place not in self.errors:
                self._ended[place] = self._outcome(place)
        rest = np.flatnonzero(~np.isin(training.stopping.teams, places))
        self._training = training.select(torch.from_numpy(rest)) if len(rest) else None

    def _note_failures(self, training: Training) -> None:
        training.check_weights()
        self.errors |= training.failures

    def _outcome(self, place: int) -> tuple[Network, History]:
        if place in self._ended:
            return self._ended[place]
        training = self._training
        assert training is not None
        members = torch.from_numpy(np.flatnonzero(training.stopping.teams == place))
        return training.network(members), training.history.select(members)

    def fitted(self, place: int) -> BaseMultiTaskNet:
        """Return the estimator at ``place``, fitted as if its training ended now.

        Raises
        ------
        Exception
            What made its fit fail.
        """
        if place not in self.errors and place not in self._ended:
            assert self._training is not None
            self._note_failures(self._training)
        if place in self.errors:
            raise self.errors[place]
        learner, estimator = self._learners[place], self.estimators[place]
        learner.take_over(*self._outcome(place))
        estimator._adopt(learner)
        return estimator
