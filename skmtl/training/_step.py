"""One step of training under constant weights: the default."""

from __future__ import annotations

from torch import Tensor

from skmtl.layers import ParameterBuffer
from skmtl.network import Passes
from skmtl.training._data import Batch
from skmtl.training._objective import Objective
from skmtl.training.optimizers import Update


class Weighting:
    """Weights of the task losses that do not change during a run.

    Parameters
    ----------
    weights : Tensor of shape (member, task)
        The weights.
    rows_per_weight : Tensor of shape (1 or member, task)
        Number of rows over the total weight of each task: times the mean over a batch's rows of weight times loss, it
        gives an unbiased estimate of the task's loss.
    """

    def __init__(self, weights: Tensor, rows_per_weight: Tensor) -> None:
        self.weights, self.rows_per_weight = weights, rows_per_weight

    def select(self, members: Tensor) -> Weighting:
        """Weights for some of the members."""
        return Weighting(self.weights[members], members_of(self.rows_per_weight, members))


def members_of(values: Tensor, members: Tensor) -> Tensor:
    """Some of the members of ``(1 or member, ...)``; what is common to all stays so."""
    return values if len(values) == 1 else values[members]


class TrainingStep:
    """Outputs, losses, weights, backward, update.

    Parameters
    ----------
    passes : Passes
        Forward and backward of the network.
    objective : Objective
        Losses and their gradient at the outputs.
    weighting : Weighting
        Weights of the task losses.
    update : Update
        The optimizer's run state.
    """

    def __init__(self, passes: Passes, objective: Objective, weighting: Weighting, update: Update) -> None:
        self.passes, self.objective, self.weighting, self.update = passes, objective, weighting, update
        self._coefficients: dict[int, Tensor] = {}

    def __call__(self, batch: Batch, rate_factor: float | Tensor) -> Tensor:
        """Do one step and return the loss sums ``(member, task)`` before it."""
        outputs = self.passes.forward(batch.x)
        sums, gradient = self.objective(outputs, batch)
        self.passes.backward(gradient.mul_(self._coefficient(batch, outputs.shape[1])))
        self.update.step(rate_factor)
        return sums

    def select(self, members: Tensor, passes: Passes, buffer: ParameterBuffer) -> TrainingStep:
        """Steps of some of the members, whose parameters are now in ``buffer``, through ``passes`` over them."""
        update = self.update.select(members, buffer)
        return TrainingStep(passes, self.objective, self.weighting.select(members), update)

    def begin_epoch(self) -> None:
        """Nothing changes from epoch to epoch."""

    def epoch_weights(self) -> Tensor:
        """Weights of the task losses, ``(member, task)``."""
        return self.weighting.weights

    def records(self) -> dict[str, Tensor]:
        """Nothing is recorded."""
        return {}

    def expect(self, rows_per_weight: Tensor) -> None:
        """Go on with other data."""
        self.weighting.rows_per_weight = rows_per_weight
        self._coefficients.clear()

    def _coefficient(self, batch: Batch, n_rows: int) -> Tensor:
        """Factor from the gradient of loss sums to that of the weighted losses: ``(member, 1, output)``."""
        if batch.counts is not None:  # one batch of an epoch
            return self._per_row(batch.counts)
        coefficient = self._coefficients.get(n_rows)
        if coefficient is None:
            coefficient = self._coefficients[n_rows] = self._per_row(n_rows)
        return coefficient

    def _per_row(self, n_rows: int | Tensor) -> Tensor:
        weighting = self.weighting
        return self.objective.spread(weighting.weights * (weighting.rows_per_weight / n_rows))[:, None]
