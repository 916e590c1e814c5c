"""Collaboration of the peers of cohorts, as a term of the step and an update of its chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self, TypeVar

import torch
from torch import Tensor

from skmtl.collaboration import Collaboration, Effect, PeerCells
from skmtl.layers import ParameterBuffer
from skmtl.network import Network
from skmtl.training._objective import Objective, Validation
from skmtl.training._state import Resumable
from skmtl.training._step import StepCells
from skmtl.training.optimizers import Memberwise, Update
from skmtl.training.peer_sharing import by_cohort

T = TypeVar("T")


class PeerTerm(Resumable):
    """What a method of collaboration does to the labels and outputs of a batch; an :class:`OutputTerm`.

    Parameters
    ----------
    collaboration : Collaboration
        The method.
    n_peers : int
        Peers of a cohort, which are neighbouring members.
    settings : Tensor of shape (member, setting)
        The method's ``strengths`` of each member.
    loss_weights : Tensor of shape (member, task)
        The ``loss_weights``, which the term is weighted by.
    objective : Objective
        Kinds of the tasks.
    """

    saved = ("_calibrated", "_calibrations")

    def __init__(
        self,
        collaboration: Collaboration,
        n_peers: int,
        settings: Tensor,
        loss_weights: Tensor,
        objective: Objective,
    ) -> None:
        self.collaboration, self.n_peers, self.objective = collaboration, n_peers, objective
        self.settings, self.loss_weights = settings, loss_weights
        self._loss_weights = self._cohorts(loss_weights)[:, :, None]
        self._of_cohorts = settings_by_name(collaboration, settings, n_peers)
        self._calibrated: Tensor | None = None
        self._calibrations = 0

    def add(self, step: StepCells, gradient: Tensor) -> Tensor | None:
        """See :class:`OutputTerm`."""
        batch, weights = step.batch, step.batch.weights
        effect = self.collaboration.effect(
            PeerCells(
                outputs=self._cohorts(step.outputs),
                losses=self._cohorts(step.losses),
                targets=self._cohorts(batch.targets),
                weights=None if weights is None else self._cohorts(weights),
                progress=step.progress,
                groups=self.objective.groups,
                to_outputs=self.objective.to_outputs,
            ),
            self._of_cohorts if self._calibrated is None else {**self._of_cohorts, "calibrated": self._calibrated},
        )
        if effect.gradient is not None:
            self._cohorts(gradient).addcmul_(effect.gradient, self._counts(step, effect))
        return None if effect.factors is None else self._members(effect.factors)

    def _counts(self, step: StepCells, effect: Effect) -> Tensor:
        """What the term counts at each output, which broadcasts with ``(cohort, peer, row, output)``."""
        batch, to_outputs = step.batch, self.objective.to_outputs
        counts = to_outputs(effect.labeled * (self._loss_weights * self._cohorts(step.per_weight)[:, :, None]))
        if batch.cell_weights is None:
            return counts
        cell_weights = self._cohorts(to_outputs(batch.cell_weights))
        counts = counts * cell_weights
        if not self.collaboration.uses_unlabeled:
            return counts
        n_rows = step.outputs.shape[1] if batch.counts is None else self._cohorts(batch.counts)[:, :, None]
        return torch.where(cell_weights > 0, counts, to_outputs(effect.unlabeled * (self._loss_weights / n_rows)))

    def begin_epoch(self, progress: float, network: Network, validation: Validation | None) -> None:
        """Measure on held-out rows what is due."""
        due = self.collaboration.rounds_begun(progress) if self.collaboration.needs_held_out else 0
        if due > self._calibrations and validation is not None:
            self._calibrations = due
            cells = held_out_cells(network, validation, self.n_peers, progress)
            self._calibrated = self.collaboration.calibrate(cells, self._of_cohorts)

    def _cohorts(self, values: Tensor) -> Tensor:
        return by_cohort(values, self.n_peers)

    def _members(self, values: Tensor) -> Tensor:
        """``(1 or cohort, 1 or peer, 1 or row, 1 or task)`` to ``(member, 1 or row, task)``."""
        n_members, n_tasks = self.loss_weights.shape
        return values.expand(n_members // self.n_peers, self.n_peers, -1, n_tasks).flatten(0, 1)

    def select(self, members: Tensor) -> Self:
        """See :class:`OutputTerm`; the members make whole cohorts."""
        settings, loss_weights = self.settings[members], self.loss_weights[members]
        chosen = type(self)(self.collaboration, self.n_peers, settings, loss_weights, self.objective)
        cohorts = members[:: self.n_peers] // self.n_peers
        chosen._calibrated = None if self._calibrated is None else self._calibrated[cohorts]
        chosen._calibrations = self._calibrations
        return chosen


def held_out_cells(network: Network, validation: Validation, n_peers: int, progress: float = 1.0) -> PeerCells:
    """What peers say, without dropout, of the rows that judge them; those that only fill up a list weigh 0."""
    objective = validation.objective
    outputs = torch.cat([outputs for _, _, outputs in validation.outputs(network)], 1)
    targets, weights = validation.data.cells_at(validation.held_out)
    return PeerCells(
        outputs=by_cohort(outputs, n_peers),
        groups=objective.groups,
        losses=by_cohort(objective.cells(outputs.clone(), targets)[0], n_peers),
        targets=by_cohort(targets, n_peers),
        weights=by_cohort(weights * validation.real[:, :, None], n_peers),
        progress=progress,
        to_outputs=objective.to_outputs,
    )


class Followers(Memberwise):
    """Makes the last peer of each cohort an average of what the first has been, where the method wants a teacher."""

    tensors = ("_memory",)
    saved = ("_memory", "_steps")

    def __init__(self, collaboration: Collaboration, n_peers: int, settings: Tensor, buffer: ParameterBuffer) -> None:
        self.collaboration, self.n_peers, self.settings, self.buffer = collaboration, n_peers, settings, buffer
        self._memory, self._steps = buffer.values.clone(), 0

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        decay = self.collaboration.follower_decay(
            self._steps, settings_by_name(self.collaboration, self.settings, self.n_peers)
        )
        self._steps += 1
        for kept, values in self.buffer.blocks_of(self._memory):
            former, peers = (by_cohort(block, self.n_peers) for block in (kept, values))
            weight = (1 - decay).view(-1, *[1] * (peers.ndim - 2))
            former[:, -1].lerp_(peers[:, 0], weight.to(former.dtype))
            peers[:, -1].copy_(former[:, -1])

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`; the members make whole cohorts."""
        chosen = super().select(members, buffer)
        assert isinstance(chosen, Followers)
        chosen.settings = self.settings[members]
        return chosen


def settings_by_name(collaboration: Collaboration, settings: Tensor, n_peers: int) -> dict[str, Tensor]:
    """Settings ``(cohort, peer, 1, 1)`` by name."""
    of_peers = by_cohort(settings, n_peers)[..., None, None]
    return {name: of_peers[:, :, k] for k, name in enumerate(collaboration.strengths)}


def as_followed(values: Callable[[], Sequence[T]], n_peers: int) -> list[T]:
    """What members begin with, ``values()``; each follower with what the one it follows has in another call."""
    own = list(values())
    own[n_peers - 1 :: n_peers] = values()[::n_peers]
    return own
