"""One step of training under weights that a method chooses anew each time."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from skmtl.balancing import Balancer, BalancerInputs
from skmtl.layers import ParameterBuffer
from skmtl.network import Passes, TaskGradients
from skmtl.training._data import Batch
from skmtl.training._objective import Objective
from skmtl.training._records import Unrecorded
from skmtl.training._step import members_of
from skmtl.training.optimizers import Update


@dataclass
class StepParts:
    """What every kind of step is made of.

    Attributes
    ----------
    passes : Passes
        Forward and backward of the network.
    objective : Objective
        Losses and their gradient at the outputs.
    update : Update
        The optimizer's run state.
    importance : Tensor of shape (member, task)
        The ``loss_weights``, normalised to sum 1.
    rows_per_weight : Tensor of shape (1 or member, task)
        Number of rows over the total weight of each task: times the mean over a batch's rows of weight times loss, it
        gives an unbiased estimate of the task's loss.
    """

    passes: Passes
    objective: Objective
    update: Update
    importance: Tensor
    rows_per_weight: Tensor


class _Labels(NamedTuple):
    """Of a batch, by task: total weight of its labels, 1 for none; loss weight, 0 for none; whether there is any."""

    divisor: Tensor
    importance: Tensor
    present: Tensor

    @classmethod
    def of(cls, divisor: Tensor, importance: Tensor) -> _Labels:
        return cls(divisor, importance, (importance > 0).to(importance.dtype))


class LossStep:
    """Outputs, losses, what the method wants to see, weights, backward, update.

    The method sees the mean losses over the labels of the batch. Its weights multiply gradients that estimate those of
    the whole data without bias: a task with few labels in the batch counts less in this step.

    Parameters
    ----------
    parts : StepParts
        Network, losses and optimizer.
    balancer : Balancer
        The method.
    record : Unrecorded
        Takes in each step for the history.
    generators : sequence of torch.Generator
        One stream a member for methods that draw.
    """

    def __init__(
        self, parts: StepParts, balancer: Balancer, record: Unrecorded, generators: Sequence[torch.Generator]
    ) -> None:
        self.passes, self.objective, self.update = parts.passes, parts.objective, parts.update
        self.importance, self.rows_per_weight = parts.importance, parts.rows_per_weight
        self.balancer, self.record = balancer, record
        self.state: Any = balancer.start(parts.importance)
        self.epoch = -1
        self._run_wide: dict[str, Any] = {
            "generators": generators,
            "likelihood": _likelihood(parts.objective, parts.importance),
        }
        self._coefficients: dict[int, Tensor] = {}
        self._full: dict[int, _Labels] = {}
        self._weight_sum = torch.zeros_like(parts.importance)
        self._steps_with_label = torch.zeros_like(parts.importance)

    def __call__(self, batch: Batch, rate_factor: float) -> Tensor:
        """Do one step and return the loss sums ``(member, task)`` before it."""
        outputs = self.passes.forward(batch.x)
        sums, gradient = self.objective(outputs, batch)
        labels = self._labels(batch)
        own = gradient.mul_(self._coefficient(outputs.shape[1]))
        seen = self._look(own, {"losses": sums / labels.divisor, "epoch": self.epoch, **self._run_wide})
        weights, self.state = self.balancer.weights(labels.importance, seen, self.state)
        self._backward(own, weights)
        self.update.step(rate_factor)
        self._weight_sum.add_(weights)
        self._steps_with_label.add_(labels.present)
        return sums

    def _look(self, own: Tensor, available: dict[str, Any]) -> BalancerInputs:
        """Show what the method declared to need."""
        self.record.look(own)
        return BalancerInputs(**{name: available[name] for name in self.balancer.needs})

    def _backward(self, own: Tensor, weights: Tensor) -> None:
        self.passes.backward(own.mul_(self.objective.spread(weights)[:, None]))

    def _labels(self, batch: Batch) -> _Labels:
        """What the batch holds of each task; known beforehand where every cell counts 1."""
        n_rows = batch.targets.shape[1]
        if batch.weights is not None:
            totals = batch.weights.sum(1)
            return _Labels.of(torch.where(totals > 0, totals, 1.0), self.importance * (totals > 0))
        full = self._full.get(n_rows)
        if full is None:
            full = self._full[n_rows] = _Labels.of(self.importance.new_full((1, 1), n_rows), self.importance)
        return full

    def _coefficient(self, n_rows: int) -> Tensor:
        """Factor from the gradient of loss sums to that of each task's own loss: ``(member, 1, output)``.

        A task with loss weight 0 takes no part, not even for parameters of its own.
        """
        coefficient = self._coefficients.get(n_rows)
        if coefficient is None:
            by_task = (self.rows_per_weight / n_rows) * (self.importance > 0)
            coefficient = self._coefficients[n_rows] = self.objective.spread(by_task)[:, None]
        return coefficient

    def select(self, members: Tensor, passes: Passes, buffer: ParameterBuffer) -> Self:
        """Steps of some of the members between epochs; ``self`` must not be used any more."""
        chosen = copy.copy(self)
        chosen.passes, chosen.update = passes, self.update.select(members, buffer)
        chosen.importance = self.importance[members]
        chosen.rows_per_weight = members_of(self.rows_per_weight, members)
        chosen.state, chosen.record = self.balancer.select(self.state, members), self.record.over(passes)
        generators = [self._run_wide["generators"][member] for member in members.tolist()]
        chosen._run_wide = {**self._run_wide, "generators": generators}
        chosen._coefficients, chosen._full = {}, {}
        chosen._weight_sum, chosen._steps_with_label = self._weight_sum[members], self._steps_with_label[members]
        return chosen

    def begin_epoch(self) -> None:
        """Take note that an epoch begins."""
        self.epoch += 1
        self._weight_sum.zero_()
        self._steps_with_label.zero_()

    def epoch_weights(self) -> Tensor:
        """Mean weights of the epoch's steps in which a task had a label, ``(member, task)``."""
        return self._weight_sum / self._steps_with_label.clamp(min=1)

    def records(self) -> dict[str, Tensor]:
        """What was recorded in the epoch."""
        return self.record.close()

    def expect(self, rows_per_weight: Tensor) -> None:
        """Go on with other data."""
        self.rows_per_weight = rows_per_weight
        self._coefficients.clear()


class LookBackStep(LossStep):
    """Computes the losses of the batch again after the update; the method sees them in the next step."""

    _after: Tensor | None = None

    def __call__(self, batch: Batch, rate_factor: float) -> Tensor:
        """Do one step; see :class:`LossStep`."""
        sums = super().__call__(batch, rate_factor)
        after, _ = self.objective(self.passes.forward(batch.x), batch)
        self._after = after / self._labels(batch).divisor
        return sums

    def select(self, members: Tensor, passes: Passes, buffer: ParameterBuffer) -> Self:
        """Steps of some of the members; see :class:`LossStep`."""
        chosen = super().select(members, passes, buffer)
        chosen._after = None if self._after is None else self._after[members]
        return chosen

    def _look(self, own: Tensor, available: dict[str, Any]) -> BalancerInputs:
        return super()._look(own, {**available, "losses_after_step": self._after})


class GradientStep(LossStep):
    """The weights combine the tasks' gradients for shared parameters; others follow their own task's loss."""

    def __init__(
        self,
        parts: StepParts,
        balancer: Balancer,
        record: Unrecorded,
        generators: Sequence[torch.Generator],
        gradients: TaskGradients,
    ) -> None:
        super().__init__(parts, balancer, record, generators)
        self.gradients = gradients

    def select(self, members: Tensor, passes: Passes, buffer: ParameterBuffer) -> Self:
        """Steps of some of the members; see :class:`LossStep`."""
        chosen = super().select(members, passes, buffer)
        chosen.gradients = self.gradients.over(passes)
        return chosen

    def _look(self, own: Tensor, available: dict[str, Any]) -> BalancerInputs:
        gramian = self.gradients.gramian(own)
        self.record.add(gramian)
        available["gramian"] = gramian
        if "gradient_norms" in self.balancer.needs:
            available["gradient_norms"] = gramian.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
        return BalancerInputs(**{name: available[name] for name in self.balancer.needs})

    def _backward(self, own: Tensor, weights: Tensor) -> None:
        self.gradients.backward(own, weights)


def _likelihood(objective: Objective, like: Tensor) -> Tensor:
    """Factors of each task's likelihood, ``(2, task)``."""
    by_task = [g.kind.likelihood for g in objective.groups for _ in range(g.tasks.stop - g.tasks.start)]
    return torch.tensor(by_task, dtype=like.dtype, device=like.device).T
