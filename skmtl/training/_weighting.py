"""Weights of the task losses in a step: constant, or chosen anew by a balancing method."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from skmtl.balancing import Balancer, BalancerInputs, GradientBalancer
from skmtl.network import Architecture, MixedPrecisionPasses, Passes, TaskGradients, task_gradients
from skmtl.processes import Collective
from skmtl.training._batch import Batch
from skmtl.training._objective import Objective
from skmtl.training._records import Recorder
from skmtl.training._state import Resumable
from skmtl.training._streams import Streams

MOST_TASKS = 10_000  # whose gradients are compared: 400 MB a member in float32


class StaticWeights(Resumable):
    """Weights that do not change during a run; they cost no operation of a step.

    Parameters
    ----------
    weights : Tensor of shape (member, task)
        The weights.
    tasks : slice, optional
        Tasks that the step has; by default all.

    Attributes
    ----------
    constant : Tensor of shape (member, task)
        Part of the weights that is known before the first step, of the tasks of the step, which multiplies the
        gradient by it.
    needs_losses_after_step : bool
        Whether the losses of a batch are computed again after the update.
    """

    needs_losses_after_step: bool = False

    def __init__(self, weights: Tensor, tasks: slice = slice(None)) -> None:
        self._weights, self._tasks, self.constant = weights, tasks, weights[:, tasks]

    def backward(self, passes: Passes, batch: Batch, sums: Tensor, gradient: Tensor, further: Tensor | None) -> None:
        """Fill the gradient buffer.

        Parameters
        ----------
        passes : Passes
            After the forward pass.
        batch : Batch
            The rows.
        sums : Tensor of shape (member, task)
            Loss sums of the batch.
        gradient : Tensor of shape (member, row, output)
            Of each task's loss times ``constant`` at the outputs; overwritten.
        further : Tensor of shape (member, row, output) or None
            Gradient of terms that are not weighted.
        """
        passes.backward(gradient if further is None else gradient.add_(further))

    def see_losses_after_step(self, batch: Batch, sums: Tensor) -> None:
        """Take in the loss sums of the batch after the update."""

    def begin_epoch(self, streams: Streams) -> None:
        """Begin the epoch of the streams."""

    def epoch_weights(self) -> Tensor:
        """Weights of the task losses in the epoch, ``(member, task)``."""
        return self._weights

    def records(self) -> dict[str, Tensor]:
        """Return what was recorded in the epoch."""
        return {}

    def select(self, members: Tensor, passes: Passes) -> Self:
        """Return the weights of some of the members between epochs; ``self`` must not be used any more."""
        chosen = copy.copy(self)
        chosen._weights, chosen.constant = self._weights[members], self.constant[members]
        return chosen


class BalancedWeights(StaticWeights):
    """Weights that a method chooses in each step from what it declares to need.

    The method sees the mean losses over the labels of the batch. Its weights multiply gradients that estimate those of
    the whole data without bias: a task with few labels in the batch counts less in this step.

    Parameters
    ----------
    balancer : Balancer
        The method.
    loss_weights : Tensor of shape (member, task)
        The ``loss_weights``, normalised to sum 1. A task of weight 0 takes no part, not even for its own parameters.
    objective : Objective
        Losses of the tasks.
    gradients : TaskGradients or None
        Where gradients of single tasks are looked at or recorded.
    record : sequence of str
        Names of quantities to record for the history.
    collective : Collective
        Processes whose batches are slices of one.
    """

    saved = ("balancer_state", "_losses_after_step")

    def __init__(
        self,
        balancer: Balancer,
        loss_weights: Tensor,
        objective: Objective,
        gradients: TaskGradients | None,
        record: Sequence[str],
        collective: Collective,
    ) -> None:
        super().__init__((loss_weights > 0).to(loss_weights.dtype))
        self.balancer, self.loss_weights, self.objective = balancer, loss_weights, objective
        self.collective = collective
        self.generators = [torch.Generator() for _ in loss_weights]  # one a member, for methods that draw
        self.gradients, self.recorder = gradients, Recorder(record)
        self.balancer_state: Any = balancer.start(loss_weights)
        self.needs_losses_after_step = "losses_after_step" in balancer.needs
        self._likelihood = objective.likelihood(loss_weights)
        self._epoch = -1
        self._losses_after_step: Tensor | None = None
        self._weight_sum, self._steps_with_label = torch.zeros_like(loss_weights), torch.zeros_like(loss_weights)
        self._fully_labelled: dict[int, _BatchLabels] = {}

    def backward(self, passes: Passes, batch: Batch, sums: Tensor, gradient: Tensor, further: Tensor | None) -> None:
        """Choose the weights, then fill the gradient buffer; see :class:`StaticWeights`."""
        if self.gradients is None or not isinstance(self.balancer, GradientBalancer):
            weights = self.objective.to_outputs(self._choose(batch, sums, gradient))
            super().backward(passes, batch, sums, gradient.mul_(weights[:, None]), further)
        elif further is None:
            self.gradients.backward(gradient, self._choose(batch, sums, gradient))
        else:  # first, as the tasks' gradients are kept in memory that another backward pass overwrites
            passes.backward(further, again=True)
            kept = passes.buffer.gradient.clone()
            self.gradients.backward(gradient, self._choose(batch, sums, gradient))
            passes.buffer.gradient.add_(kept)

    def _choose(self, batch: Batch, sums: Tensor, gradient: Tensor) -> Tensor:
        """Weights ``(member, task)`` of this step."""
        labels = self._labels(batch)
        inputs = self._inputs(self._summed(sums) / labels.total, gradient)
        weights, self.balancer_state = self.balancer.weights(labels.loss_weights, inputs, self.balancer_state)
        self._weight_sum.add_(weights)
        self._steps_with_label.add_(labels.present)
        return weights

    def _inputs(self, losses: Tensor, gradient: Tensor) -> BalancerInputs:
        """What the method declares to need; records what was asked for."""
        available: dict[str, Any] = {
            "losses": losses,
            "losses_after_step": self._losses_after_step,
            "epoch": self._epoch,
            "likelihood": self._likelihood,
            "generators": self.generators,
        }
        if self.gradients is not None:
            gramian = available["gramian"] = self.gradients.gramian(gradient)
            self.recorder.add(gramian)
            if "gradient_norms" in self.balancer.needs:
                available["gradient_norms"] = gramian.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
        return BalancerInputs(**{name: available[name] for name in self.balancer.needs})

    def _summed(self, sums: Tensor) -> Tensor:
        """Sums over all slices of the batch."""
        if self.collective.size == 1:
            return sums
        total = sums.clone()
        self.collective.add(total)
        return total

    def _labels(self, batch: Batch) -> _BatchLabels:
        """What the batch holds of each task; the same in every batch where all cells count 1."""
        if batch.weights is not None:
            return _BatchLabels.of(self._summed(batch.weights.sum(1)), self.loss_weights)
        n_rows = batch.targets.shape[1] if batch.drawn is None else batch.drawn[1]
        if n_rows not in self._fully_labelled:
            total = self.loss_weights.new_full((1, 1), n_rows)
            self._fully_labelled[n_rows] = _BatchLabels.of(total, self.loss_weights)
        return self._fully_labelled[n_rows]

    def see_losses_after_step(self, batch: Batch, sums: Tensor) -> None:
        """Keep the losses of the batch after the update; the method sees them in the next step."""
        self._losses_after_step = self._summed(sums) / self._labels(batch).total

    def begin_epoch(self, streams: Streams) -> None:
        """Forget the weights of the epoch before; see :class:`StaticWeights`."""
        self._epoch = streams.epoch
        if "generators" in self.balancer.needs:
            streams.seed(self.generators, "balancing")
        self._weight_sum.zero_()
        self._steps_with_label.zero_()

    def epoch_weights(self) -> Tensor:
        """Mean weights of the epoch's steps in which a task had a label, ``(member, task)``."""
        return self._weight_sum / self._steps_with_label.clamp(min=1)

    def records(self) -> dict[str, Tensor]:
        """Return what was recorded in the epoch, and begin anew."""
        return self.recorder.close()

    def select(self, members: Tensor, passes: Passes) -> Self:
        """Return the weights of some of the members; see :class:`StaticWeights`."""
        chosen = super().select(members, passes)
        chosen.gradients = None if self.gradients is None else self.gradients.over(passes)
        chosen.generators = [self.generators[member] for member in members.tolist()]
        chosen.balancer_state = self.balancer.select(self.balancer_state, members)
        for name in ("loss_weights", "_losses_after_step", "_weight_sum", "_steps_with_label"):
            values = getattr(self, name)
            setattr(chosen, name, None if values is None else values[members])
        chosen._fully_labelled = {}
        return chosen


class _BatchLabels(NamedTuple):
    """Of a batch, by task: total weight of its labels, 1 for none; loss weight, 0 for none; whether there is any."""

    total: Tensor
    loss_weights: Tensor
    present: Tensor

    @classmethod
    def of(cls, total: Tensor, loss_weights: Tensor) -> _BatchLabels:
        loss_weights = loss_weights * (total > 0)
        return cls(torch.where(total > 0, total, 1.0), loss_weights, (loss_weights > 0).to(loss_weights.dtype))


def make_weighting(
    balancer: Balancer,
    loss_weights: Tensor,
    objective: Objective,
    record: Sequence[str],
    passes: Passes,
    architecture: Architecture,
    collective: Collective,
    tasks: slice = slice(None),
) -> StaticWeights:
    """Return the weights of a balancing method.

    Raises
    ------
    ValueError
        If a quantity to record is not known, a setting of the method is out of range, or gradients of tasks are needed
        where nothing is shared.
    """
    state = balancer.start(loss_weights)  # checks the settings
    if not balancer.needs and not record:
        return StaticWeights(balancer.weights(loss_weights, BalancerInputs(), state)[0], tasks)
    gradients = None
    if record or isinstance(balancer, GradientBalancer):
        if isinstance(passes, MixedPrecisionPasses):
            raise ValueError(
                "Gradients of single tasks, which some methods of balancing and entries of record need, are not taken "
                "in bfloat16. Set dtype='float32', or choose balancing that looks at losses only."
            )
        if loss_weights.shape[1] > MOST_TASKS:
            raise ValueError(
                f"Gradients of single tasks, which some methods of balancing and entries of record need, are compared "
                f"pair by pair, and {loss_weights.shape[1]} tasks are more than {MOST_TASKS}. Choose balancing that "
                f"looks at losses only, or fewer tasks."
            )
        by = balancer.gradient if isinstance(balancer, GradientBalancer) else "parameters"
        gradients = task_gradients(passes, architecture.n_outputs, by, architecture.sharing)
    return BalancedWeights(balancer, loss_weights, objective, gradients, record, collective)
