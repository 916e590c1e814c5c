"""The training loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl.network import Architecture, Network
from skmtl.training._data import Data
from skmtl.training._early_stopping import EarlyStopping
from skmtl.training._history import History
from skmtl.training._run import Run
from skmtl.training._state import join, split
from skmtl.training._validation import Validation

EpochReport = Callable[[int, History], bool | None]


class DivergenceError(FloatingPointError):
    """The training loss stopped being finite."""


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
        self.stopping = EarlyStopping(run.network.buffer, config.patience, config.tol, keep_best, teams)
        self.history = History()
        self.failures: dict[int, DivergenceError] = {}
        self._n_steps = config.max_iter * -(-data.n_rows // config.batch_size)

    @property
    def epochs_done(self) -> int:
        """Number of epochs."""
        return len(self.history)

    def advance(self, until: int, report: EpochReport | None = None) -> None:
        """Train to epoch ``until``, or until every member has stopped or ``report`` returns True."""
        while self.epochs_done < until and self.stopping.active.any():
            self._epoch(self.epochs_done)
            if report is not None and report(self.epochs_done - 1, self.history):
                break

    def _epoch(self, epoch: int) -> None:
        run, validation, stopping = self.run, self.validation, self.stopping
        losses = run.epoch(self.data, self._n_steps)
        held_out = None if validation is None else validation.losses(run.network)
        active = stopping.active
        self.history.append(losses, held_out, run.step.weighting.epoch_weights(), active, run.step.weighting.records())
        watched = _watched(losses, held_out, self.data.totals, None if validation is None else validation.totals)
        score = (watched * run.config.loss_weights).sum(1).double().cpu().numpy()
        stopping.update(epoch, score)
        self._drop_diverged(active & ~np.isfinite(score), watched)

    def _drop_diverged(self, diverged: np.ndarray, watched: Tensor | None) -> None:
        for team in np.unique(self.stopping.teams[diverged]).tolist():
            members = torch.from_numpy(diverged & (self.stopping.teams == team)).to(self.data.totals.device)
            rate = float(self.run.config.learning_rate[members].max())
            where = "a weight" if watched is None else f"the loss of {self._task(watched[members])}"
            self.failures[team] = _divergence(where, self.epochs_done - 1, rate)
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
        """Network of some of the members with the weights that they would end with now; see :meth:`Network.select`."""
        return self.run.network.select(members.tolist(), self.stopping.kept(), architecture)

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
        chosen.stopping = self.stopping.select(members, chosen.run.network.buffer)
        chosen.history = self.history.select(members)
        return chosen


def _watched(losses: Tensor, held_out: Tensor | None, totals: Tensor, held_out_totals: Tensor | None) -> Tensor:
    """Held-out loss of each member and task; the training loss where it holds out no label; 0 without a label."""
    watched = torch.where(totals > 0, losses, 0.0)
    if held_out is None or held_out_totals is None:
        return watched
    return torch.where(held_out_totals > 0, held_out, watched)


def _divergence(where: str, epoch: int, rate: float) -> DivergenceError:
    return DivergenceError(
        f"Training diverged: {where} is not finite in epoch {epoch} at learning_rate_init={rate:g}. "
        f"Lower learning_rate_init, or look for extreme values in X and y."
    )
