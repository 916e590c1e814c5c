"""A training run, one pass over the data, and the loop over its epochs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl.network import Architecture, Network, Passes
from skmtl.processes import ALONE, Collective, DistributedError
from skmtl.training._captured import captured
from skmtl.training._columns import ColumnData, TrunkPasses, keeps_stored
from skmtl.training._config import FitConfig
from skmtl.training._data import Data
from skmtl.training._divergence import DivergenceError
from skmtl.training._epochs import EarlyStopping, History
from skmtl.training._objective import Objective, Validation
from skmtl.training._peers import PeerTerm
from skmtl.training._state import join, split
from skmtl.training._step import OutputTerm, Step
from skmtl.training._stored import sampled
from skmtl.training._streams import Streams
from skmtl.training._tiled import tiled
from skmtl.training._updates import make_updates
from skmtl.training._weighting import make_weighting
from skmtl.training.optimizers import AverageWeights


class Run:
    """A training run that can be continued: the network, the optimizer's moments, the random streams.

    Parameters
    ----------
    network : Network
        Trained in place.
    objective : Objective
        Losses of the tasks.
    data : Data
        What to learn from.
    config : FitConfig
        How.
    streams : Streams
        Randomness.
    collective : Collective, optional
        Processes that train the same members, each on its slice of ``data`` or with the outputs of its tasks.

    Attributes
    ----------
    judged : Network
        What is validated and kept after an epoch: ``network``, or a copy with the average of its weights if the
        optimizer asks for one.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        data: Data,
        config: FitConfig,
        streams: Streams,
        collective: Collective = ALONE,
    ) -> None:
        self.network, self.objective, self.config, self.streams = network, objective, config, streams
        self.collective = collective
        self._generators = [torch.Generator(network.device) for _ in streams.members]
        passes = self._passes(data)
        losses = config.balancer, config.loss_weights, objective, config.record
        weighting = make_weighting(*losses, passes, network.architecture, collective, data.tasks)
        of_rows = ALONE if isinstance(data, ColumnData) else collective
        updates = make_updates(config, network.buffer, passes.layers.body.penalties, n_steps(config, data), of_rows)
        averages = any(isinstance(update, AverageWeights) for update in updates)
        self.judged = network.copy() if averages else network
        terms, method = list[OutputTerm](), config.collaboration
        if method is not None and config.collaborates:
            terms = [PeerTerm(method, config.n_peers, config.collaboration_settings, config.loss_weights, objective)]
        step = Step(passes, objective, weighting, updates, _rows_per_weight(data), terms)
        self.step = sampled(step) if keeps_stored(data) else tiled(step)
        if config.cuda_graphs and network.device.type == "cuda":
            self.step = captured(self.step, draws=network.draws)
        self.steps_done = 0

    def select(self, members: Tensor, data: Data) -> Run:
        """Go on with some of the members and their data, in memory of their own; ``self`` must not be used any more."""
        chosen = copy.copy(self)
        chosen.network = self.network.select(members.tolist())
        chosen.judged = chosen.network if self.judged is self.network else self.judged.select(members.tolist())
        chosen.config = self.config.select(members)
        chosen.streams = self.streams.select(members)
        chosen._generators = [self._generators[member] for member in members.tolist()]
        chosen.step = self.step.select(members, chosen._passes(data), chosen.network.buffer)
        return chosen

    def _passes(self, data: Data) -> Passes:
        if isinstance(data, ColumnData):
            return TrunkPasses(self.network, self._generators, self.collective)
        return self.network.training_passes(self._generators, matmul_dtype=self.config.matmul_dtype, parts=data.parts)

    def go_on(self, config: FitConfig, data: Data) -> None:
        """Expect ``data`` from now on, under a configuration with the same steps."""
        self.config = config
        self.step.set_data(_rows_per_weight(data))

    def state(self) -> State:
        """Parameters and run state between two epochs; see :class:`Resumable`."""
        own = {"steps_done": self.steps_done, "parameters": self.network.buffer.arrays()}
        return join({"run": pack(own, "run", {}), "streams": self.streams.state(), "step": self.step.state()})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a state, in a run that was made as the one that gave it, in this process or another."""
        saved = split(state, arrays)
        own = unpack(*saved["run"], {}, {})
        self.network.buffer.load(own["parameters"])
        self.steps_done, self.streams = own["steps_done"], Streams.from_state(*saved["streams"])
        self.step.load_state(*saved["step"], self.network.device)
        self._take_average()

    def epoch(self, data: Data, n_steps: int) -> Tensor:
        """One pass over the data; the mean losses on the way, ``(member, task)``; NaN without a label."""
        sums = torch.zeros_like(self.config.loss_weights)
        own = sums[:, data.tasks]  # the others' are added in the end
        if self.network.draws:
            self.streams.seed(self._generators, "dropout")
        self.step.weighting.begin_epoch(self.streams)
        with self.step.passes.mode():
            try:
                orders, within = self.streams.orders(data.epochs_per_pass), self.streams.epoch % data.epochs_per_pass
                for batch in self.step.batches(data, self.config.batch_size, orders, within):
                    progress, self.step.passes.workspace.drawn = self.steps_done / n_steps, batch.drawn
                    own.add_(self.step(batch, self.config.schedule(self.steps_done, n_steps), progress))
                    self.steps_done += 1
                    self.collective.check()
                self.collective.add(sums)
            finally:  # where the user interrupts an epoch, too
                self.step.publish()
        for update in self.step.updates:
            update.end_epoch()
        self.streams.epoch += 1
        if self.judged is not self.network:
            self._take_average()
        return data.mean_losses(sums)

    def _take_average(self) -> None:
        """Bring the judged network up to date."""
        for update in self.step.updates:
            if isinstance(update, AverageWeights):
                self.judged.buffer.values.copy_(update.values)


def n_steps(config: FitConfig, data: Data) -> int:
    """Greatest number of steps."""
    return config.max_iter * -(-data.n_rows // config.batch_size)


def _rows_per_weight(data: Data) -> Tensor:
    n_rows = data.n_rows if data.counts is None else data.counts
    return torch.where(data.totals > 0, n_rows / data.totals, 0.0)[:, data.tasks]


EpochReport = Callable[[int, History], bool | None]


class Training:
    """A run on its way through its epochs, which may be stopped at any of them and go on with fewer members.

    Parameters
    ----------
    run : Run
        What to continue.
    data : Data
        What to learn from.
    validation : Validation or None
        Held-out rows; with them the weights of each member's best epoch are kept.
    teams : ndarray of shape (member,), int, optional
        Members with the same number belong to one fit: where the loss of one stops being finite, all of them stop, and
        no other. By default all members are one team.
    task_names : list, optional
        For error messages.

    Attributes
    ----------
    history : History
        Losses and weights by epoch.
    stopping : EarlyStopping
        Best epoch of each member.
    failures : dict
        Team to the error of its divergence.
    """

    def __init__(
        self,
        run: Run,
        data: Data,
        validation: Validation | None,
        *,
        teams: np.ndarray | None = None,
        task_names: list[Any] | None = None,
    ) -> None:
        self.run, self.data, self.validation, self.task_names = run, data, validation, task_names
        config = run.config
        keep_best = validation is not None
        patience = config.patience if config.patience < config.max_iter else np.inf  # then no weights are kept apart
        self.stopping = EarlyStopping(run.judged.buffer, patience, config.tol, keep_best, teams)
        self.history = History()
        self.failures: dict[int, DivergenceError] = {}
        self._n_steps = n_steps(config, data)
        for update in run.step.updates:
            update.begin_call()

    def advance(self, until: int, report: EpochReport | None = None) -> None:
        """Train to epoch ``until``, or until every member has stopped or ``report`` returns True."""
        collective = self.run.collective
        while (epoch := len(self.history)) < until and self.stopping.active.any():
            try:
                self._epoch(epoch)
                collective.raise_held()
                if collective.any(report is not None and bool(report(epoch, self.history))):
                    break
            except DistributedError as error:
                raise DistributedError(f"In epoch {epoch}: {error}") from error

    def _epoch(self, epoch: int) -> None:
        run, validation, stopping = self.run, self.validation, self.stopping
        for term in run.step.terms:
            term.begin_epoch(run.steps_done / self._n_steps, run.network, validation)
        losses = run.epoch(self.data, self._n_steps)
        counts = run.config.loss_weights > 0  # the loss of another task may be infinite, as it is not learned
        held_out, watched = None, torch.where(counts & (self.data.totals > 0), losses, 0.0)
        if validation is not None:
            held_out = validation.losses(run.judged, run.collective)
            watched = torch.where(counts & (validation.totals > 0), held_out, watched)  # else the training loss
        active = stopping.active
        self.history.append(losses, held_out, run.step.weighting.epoch_weights(), active, run.step.weighting.records())
        score = (watched * run.config.loss_weights).sum(1).double().cpu().numpy()
        stopping.update(epoch, score)
        diverged = active & ~np.isfinite(score)
        if diverged.any():
            self._drop_diverged(diverged, watched)

    def _drop_diverged(self, diverged: np.ndarray, watched: Tensor | None) -> None:
        for team in np.unique(self.stopping.teams[diverged]).tolist():
            members = torch.from_numpy(diverged & (self.stopping.teams == team)).to(self.data.totals.device)
            rate = float(self.run.config.learning_rate[members].max())
            where = "a weight" if watched is None else f"the loss of {self._task(watched[members])}"
            self.failures[team] = DivergenceError.of(where, len(self.history) - 1, rate)
            self.stopping.drop_team(team)

    def _task(self, losses: Tensor) -> str:
        """First task with a loss that is not finite."""
        task = int((~losses.isfinite()).any(0).nonzero()[0])
        return f"task {self.task_names[task]!r}" if self.task_names else f"task {task}"

    def check_weights(self) -> None:
        """Note members whose weights are not finite, although their losses have been."""
        kept = self.stopping.kept()
        if not kept.sum().isfinite():
            sums = [block.flatten(1).sum(1) for block, _ in self.run.network.buffer.blocks_of(kept)]
            members = ~torch.stack(sums).sum(0).isfinite().cpu().numpy()
            members &= ~np.isin(self.stopping.teams, list(self.failures))
            self._drop_diverged(members, None)

    def network(self, members: Tensor, architecture: Architecture | None = None) -> Network:
        """Network of some of the members with the weights that they would end with now; see :meth:`Network.select`.

        Where it is large, as that of data of which only stored cells are kept, all members end with it, without a copy.
        """
        if keeps_stored(self.data) and len(members) == self.run.judged.buffer.members:
            self.stopping.finish()
            return self.run.judged
        return self.run.judged.select(members.tolist(), self.stopping.kept(), architecture)

    def state(self) -> State:
        """All that training has changed, between two epochs; see :class:`Resumable`."""
        failures = {team: str(error) for team, error in self.failures.items()}
        parts = {"run": self.run.state(), "stopping": self.stopping.state(), "history": self.history.state()}
        return join({**parts, "failures": pack(failures, "failures", {})})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a state, with the same bits as without a break, if this was made as what gave the state."""
        saved = split(state, arrays)
        self.run.load_state(*saved["run"])
        self.stopping.load_state(*saved["stopping"], self.run.network.device)
        self.history.load_state(*saved["history"])
        failures = unpack(*saved["failures"], {}, {})
        self.failures = {team: DivergenceError(message) for team, message in failures.items()}

    def select(self, members: Tensor) -> Training:
        """Go on with some of the members; ``self`` must not be used any more."""
        chosen = copy.copy(self)
        chosen.data = self.data.select(members)
        chosen.run = self.run.select(members, chosen.data)
        chosen.validation = None if self.validation is None else self.validation.select(members)
        chosen.stopping = self.stopping.select(members, chosen.run.judged.buffer)
        chosen.history = self.history.select(members)
        return chosen
