"""Many fits, trained side by side as one network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from joblib import effective_n_jobs

from skmtl._sklearn import validate_parameter_constraints
from skmtl.correction import LocalCorrection
from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._common_rows import CommonRows, UnusableRows
from skmtl.estimators._learner import Learner
from skmtl.estimators._prediction import decode, predict_side_by_side
from skmtl.estimators._scoring import score_columns
from skmtl.estimators._start import Start
from skmtl.inputs import LabelledRows
from skmtl.network import Network
from skmtl.training import History, Training, threads_for

# Parameters in which the members of one network may differ.
CARRIED = frozenset(
    {"loss_weights", "class_weight", "learning_rate_init", "weight_decay", "dropout", "n_estimators", "random_state"}
)
CACHE = 2.0**23  # bytes: other processes and jobs want their share of a processor's last level
LEAST_MEMBERS = 8  # that share the fixed cost of a step
PARAMETER_COPIES = 5  # values, gradient, two moments, kept values
ACTIVATION_COPIES = 3  # output and gradient of every layer, a mask
WORTH_SHRINKING = 0.5  # share of members still training at which the others are taken out


def cut_into_stacks(
    fits: Iterable[tuple[BaseMultiTaskNet, CommonRows | UnusableRows]], memory: float, *, fill: bool = False
) -> Iterator[Stack]:
    """Yield estimators, each to be fitted to its rows, in stacks that suit the cache and take ``memory`` bytes at most,
    for networks as for the encoded rows of several fits; one fit is always trained.

    Estimators with the same rows agree in all parameters but the ``CARRIED``. Fits to different rows go into one stack
    where they are alike: as many rows, features and tasks, and the same settings. With ``fill`` a few rows more or less
    do not part those that draw nothing in training.
    """
    open_stacks: dict[int, Stack] = {}  # by number of what the fits in it have in common
    numbers: dict[Any, int] = {}
    of_network = WeakKeyDictionary[Network, int]()  # comparing takes long: once for fits that begin with one network
    errors: dict[int, Exception] = {}
    valid: dict[tuple[str, int], Any] = {}  # by name of the parameter and id of the value: they come again and again
    for place, (estimator, rows) in enumerate(fits):
        try:
            _validate(estimator, valid)
            learner = rows.learner(estimator)
        except Exception as error:
            errors[place] = error
            continue
        network = learner.start.network
        if network not in of_network:
            of_network[network] = numbers.setdefault(learner.start.likeness(fill=fill), len(numbers))
        alike = of_network[network]
        if alike in open_stacks and not open_stacks[alike].has_room_for(learner):
            yield open_stacks.pop(alike)
        while open_stacks and _exceeds(memory, open_stacks.values(), rows, learner):
            yield open_stacks.pop(max(open_stacks, key=lambda key: open_stacks[key].memory))
        open_stacks.setdefault(alike, Stack()).add(place, estimator, rows, learner)
    stacks = list(open_stacks.values()) or [Stack()]
    stacks[-1].errors |= errors
    yield from stacks


def _validate(estimator: BaseMultiTaskNet, valid: dict[tuple[str, int], Any]) -> None:
    """Check parameters but those whose values have been found ``valid``, and add them to these."""
    params = estimator.get_params(deep=False).items()
    fresh = {name: value for name, value in params if (name, id(value)) not in valid}
    validate_parameter_constraints(estimator._parameter_constraints, fresh, caller_name=type(estimator).__name__)
    valid |= {(name, id(value)): value for name, value in fresh.items()}


def _exceeds(memory: float, stacks: Iterable[Stack], rows: Any, learner: Learner) -> bool:
    """Whether a further fit beside ``stacks`` takes more than ``memory``: for networks, or for rows of several fits."""
    networks, encoded = _memory(learner), {rows: _rows_memory(learner)}
    for stack in stacks:
        networks += stack.memory
        encoded |= stack.encoded
    return networks > memory or (len(encoded) > 1 and sum(encoded.values()) > memory)


def _rows_memory(learner: Learner) -> float:
    """Bytes of the encoded rows, if they are dense."""
    data = learner.start.data
    return float(data.n_rows * data.n_features * data.totals.element_size())


def _memory(learner: Learner) -> float:
    """Bytes of parameters and activations in training."""
    network, buffer = learner.start.network, learner.start.network.buffer
    per_row = max(sum(network.architecture.hidden_layer_sizes), network.peak_activations) + network.n_outputs
    activations = ACTIVATION_COPIES * learner.start.settings.batch_size * per_row
    return buffer.values.element_size() * buffer.members * (PARAMETER_COPIES * network.n_parameters + activations)


class Stack:
    """Estimators fitted as one network.

    Each becomes what it would become alone: its members draw from the same streams, see the same batches and stop at
    the same epochs. One that fails does not disturb the others. Fits to the same rows in the same order are a part of
    the members and share what goes into their first layer.

    Attributes
    ----------
    errors : dict
        Place of an estimator to what made its fit fail.
    memory : float
        Bytes of parameters and activations in training, of all fits that were added.
    encoded : dict
        Rows to bytes of their encoding.
    """

    def __init__(self) -> None:
        self.errors: dict[int, Exception] = {}
        self._estimators: dict[int, BaseMultiTaskNet] = {}
        self._learners: dict[int, Learner] = {}
        self._rows: dict[int, CommonRows] = {}
        self._parts: dict[tuple[CommonRows, int | None], list[int]] = {}  # places of fits to the same rows in one order
        self._ended: dict[int, tuple[Network, History]] = {}
        self._training: Training | None = None
        self._begun = False
        self._members = 0
        self.memory = 0.0
        self.encoded: dict[CommonRows, float] = {}

    def add(self, place: int, estimator: BaseMultiTaskNet, rows: CommonRows | UnusableRows, learner: Learner) -> None:
        """Add a fit before the first step of any."""
        assert isinstance(rows, CommonRows)
        self._estimators[place], self._learners[place], self._rows[place] = estimator, learner, rows
        self._parts.setdefault((rows, learner.order), []).append(place)
        self._members += learner.start.network.buffer.members
        self.memory += _memory(learner)
        self.encoded[rows] = _rows_memory(learner)

    def has_room_for(self, learner: Learner) -> bool:
        """Whether the stack would stay in the cache; a few members share the fixed cost of a step in any case."""
        members = self._members + learner.start.network.buffer.members
        on_gpu = learner.start.network.device.type != "cpu"
        return on_gpu or members <= LEAST_MEMBERS or self.memory + _memory(learner) <= CACHE

    @property
    def places(self) -> list[int]:
        """Places of the estimators that have not been dropped, of those too that failed."""
        return sorted({*self._learners, *self.errors})

    @property
    def work(self) -> float:
        """Operations a step."""
        return sum(learner.work for learner in self._learners.values())

    def threads(self) -> AbstractContextManager[None]:
        """As many threads as the estimators' ``n_jobs`` says, else as many as pay."""
        n_jobs = {learner.params["n_jobs"] for learner in self._learners.values()} - {None}
        return threads_for(self.work, effective_n_jobs(n_jobs.pop()) if n_jobs else None)

    def _begin(self) -> Training:
        """Put the members side by side."""
        parts = [[self._learners[place] for place in places] for places in self._parts.values()]
        start = Start.join([Start.stack([learner.start for learner in part]) for part in parts]).apart()
        places = [place for part in self._parts.values() for place in part]
        members = [self._learners[place].start.network.buffer.members for place in places]
        names = [task.name for task in parts[0][0].layout.tasks]
        self._begun = True
        common: dict[Network, Start] = {}  # nothing of a start is asked for any more but what twins have in common
        for learner in self._learners.values():
            learner.start = common.setdefault(learner.start.network, learner.start)
        teams = np.repeat(places, members)
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
        for of_all in (self.errors, self._estimators, self._learners, self._rows, self._ended):
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
        own = self._learners[place].start.network.architecture
        return training.network(members, own), training.history.select(members)

    def settle(self) -> None:
        """Look for fits that have failed since they were last looked for."""
        if self._training is not None:
            self._note_failures(self._training)

    def score_tasks(self, places: Sequence[int], judges: LabelledRows) -> dict[int, dict[str, float]]:
        """Scores of fits to the same rows that have not failed, as if training ended now."""
        tasks = self._learners[places[0]].tasks
        responses = self._responses(places, judges.X)
        return {place: score_columns(tasks, judges, decode(tasks, own)) for place, own in responses.items()}

    def _responses(self, places: Sequence[int], X: Any) -> dict[int, list[np.ndarray]]:
        first = self._learners[places[0]]
        training = [place for place in places if place not in self._ended]
        networks = [([place], self._ended[place][0]) for place in places if place in self._ended]
        if training:
            assert self._training is not None
            teams = self._training.stopping.teams
            members = np.concatenate([np.flatnonzero(teams == place) for place in training])
            networks.append((training, self._training.network(torch.from_numpy(members))))
        responses: dict[int, list[np.ndarray]] = {}
        for fits, network in networks:
            counts = [self._learners[place].start.network.buffer.members for place in fits]
            corrections = [self._correction(place) for place in fits]
            own = predict_side_by_side(network, counts, first.layout, first.encoder, X, corrections)
            responses |= dict(zip(fits, own, strict=True))
        return responses

    def _correction(self, place: int) -> LocalCorrection | None:
        learner = self._learners[place]
        if learner.corrects:
            learner.take_over(*self._outcome(place))
        return learner.correction

    def fitted(self, place: int) -> BaseMultiTaskNet:
        """Return the estimator at ``place``, fitted as if its training ended now.

        Raises
        ------
        Exception
            What made its fit fail.
        """
        self.settle()
        if place in self.errors:
            raise self.errors[place]
        learner, estimator = self._learners[place], self._estimators[place]
        learner.take_over(*self._outcome(place))
        return self._rows[place].fitted(estimator, learner)
