"""The training loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skmtl.balancing import Balancer
from skmtl.network import Network
from skmtl.training._data import TrainingData
from skmtl.training._history import History
from skmtl.training._objective import Objective
from skmtl.training._optimizer import Optimizer, Penalised
from skmtl.training._schedule import Schedule
from skmtl.training._step import TrainingStep, Weighting
from skmtl.training._stopping import Stopping
from skmtl.training._streams import Streams
from skmtl.training._validation import Validation


class DivergenceError(FloatingPointError):
    """The training loss stopped being finite."""


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

    def agrees_with(self, other: Settings) -> bool:
        """Whether steps under the other settings are the same; sizes and numbers of epochs may differ."""
        rates = ("learning_rate", "weight_decay", "importance")
        return (
            self.optimizer == other.optimizer
            and self.balancer == other.balancer
            and self.schedule is other.schedule
            and all(torch.equal(getattr(self, name), getattr(other, name)) for name in rates)
        )


class Run:
    """A training run that can be continued: the network, the optimizer's moments, the random streams.

    Parameters
    ----------
    network : Network
        Trained in place.
    objective : Objective
        Losses of the tasks.
    data : TrainingData
        What to learn from.
    settings : Settings
        How.
    streams : Streams
        Randomness.
    """

    def __init__(
        self, network: Network, objective: Objective, data: TrainingData, settings: Settings, streams: Streams
    ) -> None:
        self.network, self.objective, self.settings, self.streams = network, objective, settings, streams
        update = settings.optimizer.start(network.buffer, settings.learning_rate, settings.weight_decay)
        weighting = Weighting(settings.balancer, settings.importance, _rows_per_weight(data))
        passes = network.training_passes(streams.dropout(network.device))
        if passes.body.penalties:
            update = Penalised(update, passes.body.penalties)
        self.step = TrainingStep(passes, objective, weighting, update)
        self.steps_done = 0

    def go_on(self, settings: Settings, data: TrainingData) -> None:
        """Expect ``data`` from now on, under settings that agree with those so far."""
        self.settings = settings
        self.step.weighting.rows_per_weight = _rows_per_weight(data)
        self.step.forget_coefficients()

    def epoch(self, data: TrainingData, n_steps: int) -> Tensor:
        """One pass over the data; the mean losses on the way, ``(member, task)``; NaN without a label."""
        sums = torch.zeros_like(self.settings.importance)
        with self.step.passes.mode():
            for batch in data.batches(self.settings.batch_size, self.streams.order):
                sums.add_(self.step(batch, self.settings.schedule(self.steps_done, n_steps)))
                self.steps_done += 1
        return sums / data.totals


def _rows_per_weight(data: TrainingData) -> Tensor:
    return torch.where(data.totals > 0, data.n_rows / data.totals, 0.0)


EpochReport = Callable[[int, History], bool | None]


def train(
    run: Run,
    data: TrainingData,
    validation: Validation | None,
    *,
    report: EpochReport | None = None,
    task_names: list[str] | None = None,
) -> tuple[History, Stopping]:
    """Train until every member has stopped or ``max_iter`` epochs are done.

    Parameters
    ----------
    run : Run
        What to continue.
    data : TrainingData
        What to learn from.
    validation : Validation or None
        Held-out rows; with them the weights of each member's best epoch are kept.
    report : callable, optional
        Called after each epoch with its index and the history; returning True stops.
    task_names : list of str, optional
        For error messages.

    Returns
    -------
    history : History
        Losses and weights by epoch.
    stopping : Stopping
        Best epoch of each member.

    Raises
    ------
    DivergenceError
        If a loss stops being finite.
    """
    settings, buffer = run.settings, run.network.buffer
    n_steps = settings.max_iter * -(-data.n_rows // settings.batch_size)
    stopping = Stopping(buffer, settings.patience, settings.tol, keep_best=validation is not None)
    history = History()
    try:
        for epoch in range(settings.max_iter):
            run.step.weighting.epoch = epoch
            losses = run.epoch(data, n_steps)
            held_out = None if validation is None else validation.losses(run.network)
            history.append(losses, held_out, run.step.weighting.current, stopping.active)
            watched = _watched(losses, held_out, data.totals, None if validation is None else validation.totals)
            score = (watched * settings.importance).sum(1).double().cpu().numpy()
            if not np.isfinite(score).all():
                raise _divergence(watched, epoch, settings, task_names)
            stopping.update(epoch, score)
            if (report is not None and report(epoch, history)) or not stopping.active.any():
                break
    except KeyboardInterrupt:
        warnings.warn(
            f"Training interrupted by user in epoch {len(history)}; the weights so far are kept.", stacklevel=2
        )
    stopping.finish()
    if not buffer.values.sum().isfinite():
        raise _divergence(buffer.values.sum()[None, None], len(history) - 1, settings, None)
    return history, stopping


def _watched(losses: Tensor, held_out: Tensor | None, totals: Tensor, held_out_totals: Tensor | None) -> Tensor:
    """Held-out loss of each member and task; the training loss where it holds out no label; 0 without a label."""
    watched = torch.where(totals > 0, losses, 0.0)
    if held_out is None or held_out_totals is None:
        return watched
    return torch.where(held_out_totals > 0, held_out, watched)


def _divergence(losses: Tensor, epoch: int, settings: Settings, task_names: list[str] | None) -> DivergenceError:
    task = int((~losses.isfinite()).any(0).nonzero()[0])
    where = f"the loss of task {task_names[task]!r}" if task_names else "a weight"
    rate = float(settings.learning_rate.max())
    return DivergenceError(
        f"Training diverged: {where} is not finite in epoch {epoch} at learning_rate_init={rate:g}. "
        f"Lower learning_rate_init, or look for extreme values in X and y."
    )
