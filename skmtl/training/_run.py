"""What a training run consists of, and one pass over the data."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from skmtl.balancing import Balancer
from skmtl.network import Network, Passes
from skmtl.training._captured import captured
from skmtl.training._data import Data
from skmtl.training._objective import Objective
from skmtl.training._schedule import Schedule
from skmtl.training._step import Step
from skmtl.training._streams import Streams
from skmtl.training._weighting import make_weighting
from skmtl.training.optimizers import Optimizer, Penalties

PER_MEMBER = ("learning_rate", "weight_decay", "importance")  # what members of one run may differ in


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    optimizer : Optimizer
        The optimizer.
    learning_rate, weight_decay : Tensor of shape (member,)
        Of each member.
    schedule : Schedule
        Multiple of the learning rate at a step.
    balancer : Balancer
        The balancing method.
    importance : Tensor of shape (member, task)
        The ``loss_weights``, normalised to sum 1.
    batch_size, max_iter : int
        Rows a step, passes over the data.
    patience : int or None
        Epochs without an improvement by ``tol`` after which a member stops.
    tol : float
        See ``patience``.
    record : tuple of str
        Further quantities for the history.
    products : str, optional
        Name of the torch type that the layers compute in, by default that of the parameters.
    cuda_graphs : bool
        Whether a step on a GPU is recorded once and replayed.
    scouting : int
        Epochs of a run ahead, from which the scale of the inputs is learned; 0: none.
    """

    optimizer: Optimizer
    learning_rate: Tensor
    weight_decay: Tensor
    schedule: Schedule
    balancer: Balancer
    importance: Tensor
    batch_size: int
    max_iter: int
    patience: int | None
    tol: float
    record: tuple[str, ...] = ()
    products: str | None = None
    cuda_graphs: bool = False
    scouting: int = 0

    @classmethod
    def stack(cls, settings: Sequence[Settings]) -> Settings:
        """Settings of fits side by side, which differ in nothing but what belongs to a member."""
        if len(settings) == 1:
            return settings[0]
        own: dict[str, Any] = {name: torch.cat([getattr(one, name) for one in settings]) for name in PER_MEMBER}
        return replace(settings[0], **own)

    def select(self, members: Tensor) -> Settings:
        """Settings of some of the members."""
        return replace(self, **{name: getattr(self, name)[members] for name in PER_MEMBER})

    def agrees_with(self, other: Settings) -> bool:
        """Whether steps under the other settings are the same; sizes and numbers of epochs may differ."""
        return (
            self.optimizer == other.optimizer
            and self.balancer == other.balancer
            and self.record == other.record
            and (self.products, self.cuda_graphs) == (other.products, other.cuda_graphs)
            and self.schedule is other.schedule
            and all(torch.equal(getattr(self, name), getattr(other, name)) for name in PER_MEMBER)
        )


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
    settings : Settings
        How.
    streams : Streams
        Randomness.

    Attributes
    ----------
    interrupted : bool
        Whether the user has asked for the end before the first epoch.
    """

    interrupted: bool = False

    def __init__(
        self, network: Network, objective: Objective, data: Data, settings: Settings, streams: Streams
    ) -> None:
        self.network, self.objective, self.settings, self.streams = network, objective, settings, streams
        self._generators = streams.dropout(network.device)
        passes = self._passes(data)
        optimizer = settings.optimizer.start(network.buffer, settings.learning_rate, settings.weight_decay)
        penalties = passes.layers.body.penalties
        weighting = make_weighting(
            settings.balancer,
            settings.importance,
            objective,
            streams.balancing(),
            settings.record,
            passes,
            network.architecture,
        )
        updates = [Penalties(penalties), optimizer] if penalties else [optimizer]
        self.step = Step(passes, objective, weighting, updates, _rows_per_weight(data))
        if settings.cuda_graphs and network.device.type == "cuda":
            self.step = captured(self.step, draws=network.architecture.draws)
        self.steps_done = self.epochs_done = 0

    def select(self, members: Tensor, data: Data) -> Run:
        """Go on with some of the members and their data, in memory of their own; ``self`` must not be used any more."""
        chosen = copy.copy(self)
        chosen.network = self.network.select(members.tolist())
        chosen.settings = self.settings.select(members)
        chosen.streams = self.streams.select(members)
        chosen._generators = [self._generators[member] for member in members.tolist()]
        chosen.step = self.step.select(members, chosen._passes(data), chosen.network.buffer)
        return chosen

    def _passes(self, data: Data) -> Passes:
        return self.network.training_passes(self._generators, matmul_dtype=self.settings.products, parts=data.parts)

    def go_on(self, settings: Settings, data: Data) -> None:
        """Expect ``data`` from now on, under settings that agree with those so far."""
        self.settings = settings
        self.step.set_data(_rows_per_weight(data))

    def epoch(self, data: Data, n_steps: int) -> Tensor:
        """One pass over the data; the mean losses on the way, ``(member, task)``; NaN without a label."""
        sums = torch.zeros_like(self.settings.importance)
        self.step.weighting.begin_epoch(self.epochs_done)
        with self.step.passes.mode():
            for batch in data.batches(self.settings.batch_size, self.streams.order):
                sums.add_(self.step(batch, self.settings.schedule(self.steps_done, n_steps)))
                self.steps_done += 1
        self.epochs_done += 1
        return sums / data.totals


def _rows_per_weight(data: Data) -> Tensor:
    n_rows = data.n_rows if data.counts is None else data.counts
    return torch.where(data.totals > 0, n_rows / data.totals, 0.0)
