"""Many fits to the same rows, trained side by side as one network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from joblib import effective_n_jobs

from skmtl.estimators._base import COLUMNS, BaseMultiTaskNet
from skmtl.estimators._learner import Learner
from skmtl.estimators._start import Start
from skmtl.network import Network
from skmtl.training import History, Training, threads_for

# Parameters in which the members of one network may differ.
CARRIED = frozenset({"loss_weights", "class_weight", "learning_rate_init", "weight_decay", "dropout", "n_estimators"})
CACHE = 2.0**24  # bytes
LEAST_MEMBERS = 8  # that share the fixed cost of a step
PARAMETER_COPIES = 5  # values, gradient, two moments, kept values
ACTIVATION_COPIES = 3  # output and gradient of every layer, a mask
WORTH_SHRINKING = 0.5  # share of members still training at which the others are taken out


class CommonRows:
    """What estimators that are fitted to the same rows have in common: labels, the fitted encoder, the encoded rows.

    Parameters
    ----------
    first : BaseMultiTaskNet
        One of the estimators.
    X, y, sample_weight, X_val, y_val, sample_weight_val
        As :meth:`BaseMultiTaskNet.fit` takes them.
    """

    def __init__(
        self,
        first: BaseMultiTaskNet,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> None:
        self._observations = first._observe(X, y, sample_weight, known=False)
        self._columns = {name: value for name, value in vars(first).items() if name in COLUMNS}
        self._learner = first._started(self._observations)
        self._validation = (X_val, y_val, sample_weight_val)

    def learner(self, estimator: BaseMultiTaskNet) -> Learner:
        """Prepare the fit of ``estimator``."""
        estimator._validate_params()
        estimator.__dict__.update(self._columns)
        learner = self._learner.sibling(estimator.get_params(deep=False))
        validation = estimator._observe_validation(*self._validation, learner)
        learner.prepare(self._observations, estimator._weights(self._observations, learner), validation)
        return learner


def cut_into_stacks(estimators: Sequence[BaseMultiTaskNet], rows: CommonRows, memory: float) -> Iterator[Stack]:
    """Yield the estimators in stacks that suit the cache and take no more than ``memory`` bytes, one after another.

    They agree in all parameters but the ``CARRIED``.
    """
    stack = Stack()
    for place, estimator in enumerate(estimators):
        try:
            learner = rows.learner(estimator)
        except Exception as error:
            stack.errors[place] = error
            continue
        if stack.n_members and stack.n_members + learner.network.buffer.members > _most_members(learner, memory):
            yield stack
            stack = Stack()
        stack.add(place, estimator, learner)
    yield stack


def _most_members(learner: Learner, memory: float) -> float:
    """Number of members that stay in the cache and within ``memory`` bytes."""
    of_member = _memory(learner) / learner.network.buffer.members
    return min(max(CACHE / of_member, LEAST_MEMBERS), memory / of_member)


def _memory(learner: Learner) -> float:
    """Bytes of parameters and activations in training."""
    network, buffer = learner.network, learner.network.buffer
    per_row = max(sum(network.architecture.hidden_layer_sizes), network.cells) + network.n_outputs
    activations = ACTIVATION_COPIES * learner.start.settings.batch_size * per_row
    return buffer.values.element_size() * buffer.members * (PARAMETER_COPIES * network.n_parameters + activations)


class Stack:
    """Estimators fitted to the same rows as one network.

    Each becomes what it would become alone: its members draw from the same streams, see the same batches and stop at
    the same epochs. One that fails does not disturb the others.

    Attributes
    ----------
    errors : dict
        Place of an estimator to what made its fit fail.
    """

    def __init__(self) -> None:
        self.errors: dict[int, Exception] = {}
        self._estimators: dict[int, BaseMultiTaskNet] = {}
        self._learners: dict[int, Learner] = {}
        self._ended: dict[int, tuple[Network, History]] = {}
        self._training: Training | None = None
        self._begun = False

    def add(self, place: int, estimator: BaseMultiTaskNet, learner: Learner) -> None:
        """Add a fit before the first step of any."""
        self._estimators[place], self._learners[place] = estimator, learner

    @property
    def n_members(self) -> int:
        """Number of members before the first step."""
        return sum(learner.network.buffer.members for learner in self._learners.values())

    @property
    def places(self) -> list[int]:
        """Places of the estimators that have not been dropped, of those too that failed."""
        return sorted({*self._learners, *self.errors})

    @property
    def work(self) -> float:
        """Operations a step."""
        return sum(learner.work for learner in self._learners.values())

    @property
    def memory(self) -> float:
        """Bytes of parameters and activations in training."""
        return sum(_memory(learner) for learner in self._learners.values())

    def threads(self) -> AbstractContextManager[None]:
        """As many threads as the estimators' ``n_jobs`` says, else as many as pay."""
        n_jobs = {learner.params["n_jobs"] for learner in self._learners.values()} - {None}
        return threads_for(self.work, effective_n_jobs(n_jobs.pop()) if n_jobs else None)

    def _begin(self) -> Training:
        """Put the members side by side."""
        learners = list(self._learners.values())
        start = Start.stack([learner.start for learner in learners])
        teams = np.repeat(list(self._learners), [learner.network.buffer.members for learner in learners])
        names = [task.name for task in learners[0].layout.tasks]
        self._begun = True
        return Training(start.run(), start.data, start.validation, teams=teams, task_names=names)

    def advance(self, share: float) -> None:
        """Train until ``share`` of the greatest number of epochs is done."""
        if not self._begun and self._learners:
            self._training = self._begin()
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

    def keep(self, places: Collection[int]) -> None:
        """Go on with these estimators only, and forget the others."""
        for of_all in (self.errors, self._estimators, self._learners, self._ended):
            for place in set(of_all) - set(places):
                del of_all[place]
        if self._training is not None:
            self._take_out(np.setdiff1d(self._training.stopping.teams, list(places)))

    def _take_out(self, places: np.ndarray) -> None:
        """Shrink the network by the members of the fits at ``places``, which have ended."""
        training = self._training
        assert training is not None
        self._note_failures(training)
        for place in places.tolist():
            if place in self._learners and place not in self.errors:
                self._ended[place] = self._outcome(place)
        rest = np.flatnonzero(~np.isin(training.stopping.teams, places))
        self._training = training.select(torch.from_numpy(rest)) if len(rest) else None

    def _note_failures(self, training: Training) -> None:
        training.check_weights()
        self.errors |= {place: error for place, error in training.failures.items() if place in self._learners}

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
        learner, estimator = self._learners[place], self._estimators[place]
        learner.take_over(*self._outcome(place))
        estimator._adopt(learner)
        return estimator
