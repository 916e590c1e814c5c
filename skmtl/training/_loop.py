"""Members in training: passes over the data, and the loop over the epochs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl._torch_state import tiny_as_zero
from skmtl.network import Architecture, Network, Passes
from skmtl.processes import ALONE, Collective, DistributedError
from skmtl.training._captured import captured
from skmtl.training._columns import ColumnData, TrunkPasses
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

EpochReport = Callable[[int, History], bool | None]


class Training:
    """Members in training, which may pause after any epoch and go on: fewer of them, or with other rows.

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
    validation : Validation, optional
        Held-out rows; with them the weights of each member's best epoch are kept.
    teams : ndarray of shape (member,), int, optional
        Members with the same number belong to one fit: where the loss of one stops being finite, all of them stop, and
        no other. By default all members are one team.
    task_names : list, optional
        For error messages.
    collective : Collective, optional
        Processes that train the same members, each on its slice of ``data`` or with the outputs of its tasks.

    Attributes
    ----------
    judged : Network
        What is validated and kept after an epoch: ``network``, or a copy with the average of its weights if the
        optimizer asks for one.
    step : Step
        What changes the network, with the moments of the optimizer.
    steps_done : int
        Number of steps so far.
    history : History
        Losses and weights by epoch.
    stopping : EarlyStopping
        Best epoch of each member.
    failures : dict
        Team to the error of its divergence.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        data: Data,
        config: FitConfig,
        streams: Streams,
        validation: Validation | None = None,
        *,
        teams: np.ndarray | None = None,
        task_names: list[Any] | None = None,
        collective: Collective = ALONE,
    ) -> None:
        self.network, self.objective, self.streams, self.task_names = network, objective, streams, task_names
        self.collective, self.steps_done = collective, 0
        self._generators = [torch.Generator(network.device) for _ in streams.members]
        self.step = self._make_step(data, config)
        averages = any(isinstance(update, AverageWeights) for update in self.step.updates)
        self.judged = network.copy() if averages else network
        self._begin(data, config, validation, teams)

    def _make_step(self, data: Data, config: FitConfig) -> Step:
        network, objective, collective = self.network, self.objective, self.collective
        passes = self._passes(data, config)
        losses = config.balancer, config.loss_weights, objective, config.record
        weighting = make_weighting(*losses, passes, network.architecture, collective, data.tasks)
        of_rows = ALONE if isinstance(data, ColumnData) else collective
        updates = make_updates(config, network.buffer, passes.layers.penalties, n_steps(config, data), of_rows)
        terms, method = list[OutputTerm](), config.collaboration
        if method is not None and config.collaborates:
            terms = [PeerTerm(method, config.n_peers, config.collaboration_settings, config.loss_weights, objective)]
        step = Step(passes, objective, weighting, updates, data.rows_per_weight, terms)
        step = sampled(step) if data.keeps_stored else tiled(step)
        graphs = config.cuda_graphs and network.device.type == "cuda"
        return captured(step, draws=network.draws) if graphs else step

    def _passes(self, data: Data, config: FitConfig) -> Passes:
        if isinstance(data, ColumnData):
            return TrunkPasses(self.network, self._generators, self.collective)
        return self.network.training_passes(self._generators, matmul_dtype=config.matmul_dtype, parts=data.parts)

    def _begin(
        self, data: Data, config: FitConfig, validation: Validation | None, teams: np.ndarray | None = None
    ) -> None:
        """Begin with the first epoch on these rows."""
        self.data, self.config, self.validation = data, config, validation
        keep_best = validation is not None
        patience = config.patience if config.patience < config.max_iter else np.inf  # then no weights are kept apart
        self.stopping = EarlyStopping(self.judged.buffer, patience, config.tol, keep_best, teams)
        self.history = History()
        self.failures: dict[int, DivergenceError] = {}
        self._n_steps = n_steps(config, data)
        for update in self.step.updates:
            update.begin_call()

    def go_on(
        self, data: Data, config: FitConfig, validation: Validation | None, teams: np.ndarray | None = None
    ) -> Self:
        """Begin anew on other rows, under a configuration with the same steps, with the weights and moments so far."""
        self.step.set_data(data.rows_per_weight)
        self._begin(data, config, validation, teams)
        return self

    def forget_rows(self) -> Self:
        """Keep no rows until :meth:`go_on` gives others."""
        del self.data, self.validation
        return self

    @tiny_as_zero()
    def advance(self, until: int, report: EpochReport | None = None) -> None:
        """Train to epoch ``until``, or until every member has stopped or ``report`` returns True."""
        while (epoch := len(self.history)) < until and self.stopping.active.any():
            try:
                self._judge(epoch, self.epoch())
                self.collective.raise_held()
                if self.collective.any(report is not None and bool(report(epoch, self.history))):
                    break
            except DistributedError as error:
                raise DistributedError(f"In epoch {epoch}: {error}") from error

    def epoch(self) -> Tensor:
        """One pass over the data; the mean losses on the way, ``(member, task)``; NaN without a label."""
        data, step, n_steps = self.data, self.step, self._n_steps
        for term in step.terms:
            term.begin_epoch(self.steps_done / n_steps, self.network, self.validation)
        sums = torch.zeros_like(self.config.loss_weights)
        own = sums[:, data.tasks]  # the others' are added in the end
        if self.network.draws:
            self.streams.seed(self._generators, "dropout")
        step.weighting.begin_epoch(self.streams)
        with step.passes.mode():
            try:
                orders, within = self.streams.orders(data.epochs_per_pass), self.streams.epoch % data.epochs_per_pass
                for batch in step.batches(data, self.config.batch_size, orders, within):
                    progress, step.passes.workspace.drawn = self.steps_done / n_steps, batch.drawn
                    own.add_(step(batch, self.config.schedule(self.steps_done, n_steps), progress))
                    self.steps_done += 1
                    self.collective.check()
                self.collective.add(sums)
            finally:  # where the user interrupts an epoch, too
                for update in step.updates:
                    update.publish()
        for update in step.updates:
            update.end_epoch()
        self.streams.epoch += 1
        self._take_average()
        return data.mean_losses(sums)

    def _take_average(self) -> None:
        """Bring the judged network up to date, where it is another one."""
        for update in self.step.updates:
            if isinstance(update, AverageWeights):
                self.judged.buffer.values.copy_(update.values)

    def _judge(self, epoch: int, losses: Tensor) -> None:
        """Note losses and weights of an epoch, keep those of each member's best, and let members stop."""
        validation, stopping, weighting = self.validation, self.stopping, self.step.weighting
        counts = self.config.loss_weights > 0  # the loss of another task may be infinite, as it is not learned
        held_out, watched = None, torch.where(counts & (self.data.totals > 0), losses, 0.0)
        if validation is not None:
            held_out = validation.losses(self.judged, self.collective)
            watched = torch.where(counts & (validation.totals > 0), held_out, watched)  # else the training loss
        active = stopping.active
        self.history.append(losses, held_out, weighting.epoch_weights(), active, weighting.records())
        score = (watched * self.config.loss_weights).sum(1).double().cpu().numpy()
        stopping.update(epoch, score)
        diverged = active & ~np.isfinite(score)
        if diverged.any():
            self._drop_diverged(diverged, watched)

    def _drop_diverged(self, diverged: np.ndarray, watched: Tensor | None) -> None:
        for team in np.unique(self.stopping.teams[diverged]).tolist():
            members = torch.from_numpy(diverged & (self.stopping.teams == team)).to(self.data.totals.device)
            rate = float(self.config.learning_rate[members].max())
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
            sums = [block.flatten(1).sum(1) for block, _ in self.network.buffer.blocks_of(kept)]
            members = ~torch.stack(sums).sum(0).isfinite().cpu().numpy()
            members &= ~np.isin(self.stopping.teams, list(self.failures))
            self._drop_diverged(members, None)

    def network_of(self, members: Tensor, architecture: Architecture | None = None) -> Network:
        """Network of some of the members with the weights that they would end with now; see :meth:`Network.select`.

        Where it is large, as that of data of which only stored cells are kept, all members end with it, without a copy.
        """
        if self.data.keeps_stored and len(members) == self.judged.buffer.members:
            self.stopping.finish()
            return self.judged
        return self.judged.select(members.tolist(), self.stopping.kept(), architecture)

    def state(self) -> State:
        """All that training has changed, between two epochs; see :class:`Resumable`."""
        own = {
            "steps_done": self.steps_done,
            "parameters": self.network.buffer.arrays(),
            "failures": {team: str(error) for team, error in self.failures.items()},
        }
        parts = {"streams": self.streams.state(), "step": self.step.state(), "stopping": self.stopping.state()}
        return join({"training": pack(own, "training", {}), **parts, "history": self.history.state()})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a state, with the same bits as without a break.

        This was made as what gave the state, in this process or another.
        """
        saved, device = split(state, arrays), self.network.device
        own = unpack(*saved["training"], {}, {})
        self.network.buffer.load(own["parameters"])
        self.steps_done, self.streams = own["steps_done"], Streams.from_state(*saved["streams"])
        self.failures = {team: DivergenceError(message) for team, message in own["failures"].items()}
        self.step.load_state(*saved["step"], device)
        self.stopping.load_state(*saved["stopping"], device)
        self.history.load_state(*saved["history"])
        self._take_average()

    def select(self, members: Tensor) -> Training:
        """Go on with some of the members, in memory of their own; ``self`` must not be used any more."""
        chosen, numbers = copy.copy(self), members.tolist()
        chosen.data, chosen.config = self.data.select(members), self.config.select(members)
        chosen.validation = None if self.validation is None else self.validation.select(members)
        chosen.network = self.network.select(numbers)
        chosen.judged = chosen.network if self.judged is self.network else self.judged.select(numbers)
        chosen.streams = self.streams.select(members)
        chosen._generators = [self._generators[member] for member in numbers]
        passes = chosen._passes(chosen.data, chosen.config)
        chosen.step = self.step.select(members, passes, chosen.network.buffer)
        chosen.stopping = self.stopping.select(members, chosen.judged.buffer)
        chosen.history = self.history.select(members)
        return chosen


def n_steps(config: FitConfig, data: Data) -> int:
    """Greatest number of steps."""
    return config.max_iter * -(-data.n_rows // config.batch_size)
