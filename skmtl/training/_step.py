"""One step of training."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor

from skmtl.balancing import Balancer, Seen
from skmtl.layers import ParameterBuffer
from skmtl.network._backward import Differentiation
from skmtl.training._data import Batch
from skmtl.training._objective import Objective
from skmtl.training._optimizer import Update


class Weighting:
    """Asks the balancer for the weights of the task losses, once if they are constant.

    Parameters
    ----------
    balancer : Balancer
        The method.
    importance : Tensor of shape (member, task)
        The ``loss_weights``, normalised to sum 1.
    rows_per_weight : Tensor of shape (1 or member, task)
        Number of rows over the total weight of each task: times the mean over a batch's rows of weight times loss, it
        gives an unbiased estimate of the task's loss.
    """

    def __init__(self, balancer: Balancer, importance: Tensor, rows_per_weight: Tensor) -> None:
        self.balancer, self.importance, self.rows_per_weight = balancer, importance, rows_per_weight
        self.state: Any = balancer.start(importance)
        self.epoch = 0
        self.constant = not balancer.needs
        self.current, self.state = (
            balancer.weights(importance, Seen(), self.state) if self.constant else (importance, self.state)
        )

    def select(self, members: Tensor) -> Weighting:
        """Weighting of some of the members."""
        chosen = copy.copy(self)
        chosen.importance, chosen.current = self.importance[members], self.current[members]
        if len(self.rows_per_weight) > 1:
            chosen.rows_per_weight = self.rows_per_weight[members]
        chosen.state = self.balancer.select(self.state, members)
        return chosen

    def __call__(self, sums: Tensor, n_rows: int) -> Tensor:
        """Weights of the task losses from the batch's loss sums, ``(member, task)``."""
        if not self.constant:
            seen = Seen(losses=sums * (self.rows_per_weight / n_rows), epoch=self.epoch)
            self.current, self.state = self.balancer.weights(self.importance, seen, self.state)
        return self.current


class TrainingStep:
    """Outputs, losses, weights, backward, update.

    Parameters
    ----------
    passes : Differentiation
        Forward and backward of the network.
    objective : Objective
        Losses and their gradient at the outputs.
    weighting : Weighting
        Weights of the task losses.
    update : Update
        The optimizer's run state.
    """

    def __init__(self, passes: Differentiation, objective: Objective, weighting: Weighting, update: Update) -> None:
        self.passes, self.objective, self.weighting, self.update = passes, objective, weighting, update
        self._coefficients: dict[int, Tensor] = {}

    def __call__(self, batch: Batch, rate_factor: float) -> Tensor:
        """Do one step and return the loss sums ``(member, task)`` before it."""
        outputs = self.passes.forward(batch.x)
        sums, gradient = self.objective(outputs, batch)
        weights = self.weighting(sums, outputs.shape[1])
        self.passes.backward(gradient.mul_(self._coefficient(weights, outputs.shape[1])))
        self.update.step(rate_factor)
        return sums

    def select(self, members: Tensor, passes: Differentiation, buffer: ParameterBuffer) -> TrainingStep:
        """Steps of some of the members, whose parameters are now in ``buffer``, through ``passes`` over them."""
        update = self.update.select(members, buffer)
        return TrainingStep(passes, self.objective, self.weighting.select(members), update)

    def forget_coefficients(self) -> None:
        """Compute coefficients anew, after the data changed."""
        self._coefficients.clear()

    def _coefficient(self, weights: Tensor, n_rows: int) -> Tensor:
        """Factor from the gradient of loss sums to that of the weighted losses: ``(member, 1, output)``."""
        coefficient = self._coefficients.get(n_rows)
        if coefficient is None:
            coefficient = self.objective.spread(weights * (self.weighting.rows_per_weight / n_rows))[:, None]
            if self.weighting.constant:
                self._coefficients[n_rows] = coefficient
        return coefficient
