"""The chain of updates of a run: all that is done to gradients and weights after a backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from skmtl._params import resolve
from skmtl.layers import ParameterBuffer
from skmtl.processes import Collective
from skmtl.training._config import FitConfig
from skmtl.training._peers import Followers
from skmtl.training.optimizers import (
    AVERAGES,
    AverageWeights,
    Memberwise,
    Penalties,
    ProximalSteps,
    Update,
    WeightAverage,
)


def make_updates(
    config: FitConfig, buffer: ParameterBuffer, penalties: Sequence[Any], n_steps: int, collective: Collective
) -> tuple[Update, ...]:
    """Sums over processes, penalties, the optimizer with what couples the peers, and what follows the weights.

    Parameters
    ----------
    config : FitConfig
        Settings.
    buffer : ParameterBuffer
        Weights and their gradients.
    penalties : sequence of Penalty
        Terms beside the task losses.
    n_steps : int
        Greatest number of steps.
    collective : Collective
        Processes that have the gradients of slices of a batch.

    Returns
    -------
    tuple of Update
        One after another they make a step.
    """
    updates: list[Update] = [Reduced(buffer, collective)] if collective.size > 1 else []
    updates += [Penalties(penalties)] if penalties else []
    rates = config.learning_rate, config.weight_decay
    if config.peer_sharing is None:
        updates.append(config.optimizer.start(buffer, *rates))
    else:
        names = config.peer_sharing.strengths
        settings = dict(zip(names, config.peer_sharing_settings.unbind(1), strict=True))
        updates += config.peer_sharing.updates(config.optimizer, buffer, config.n_peers, *rates, settings)
    if any(penalty.proximal for penalty in penalties):
        updates.append(ProximalSteps(penalties, config.learning_rate))
    method = config.collaboration
    if method is not None and method.follows:
        updates.append(Followers(method, config.n_peers, config.collaboration_settings, buffer))
    if config.frozen:
        updates.append(KeepShared(buffer))
    asked = config.optimizer.weight_average
    if asked is not None:
        average = resolve(config.optimizer.label("weight_average"), asked, AVERAGES, WeightAverage)
        updates.append(AverageWeights(average, buffer, n_steps))
    return tuple(updates)


class Reduced(Update):
    """Sums the gradients of slices of a batch; before penalties, which count once."""

    def __init__(self, buffer: ParameterBuffer, collective: Collective) -> None:
        self._gradient, self._collective = buffer.gradient, collective

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        self._collective.add(self._gradient)

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`."""
        return Reduced(buffer, self._collective)


class KeepShared(Memberwise):
    """Sets all parameters and statistics that are not of a single task back after a step.

    Parameters
    ----------
    buffer : ParameterBuffer
        Weights and their gradients.
    """

    replayable = True
    saved = ("kept",)
    tensors = ("kept",)

    def __init__(self, buffer: ParameterBuffer) -> None:
        self.buffer, self.kept = buffer, buffer.values.clone()

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        for spec, (kept, current) in zip(self.buffer.specs, self.buffer.blocks_of(self.kept), strict=True):
            if spec.owner != "task":
                current.copy_(kept)
