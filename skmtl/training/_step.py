"""One step of training."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State
from skmtl.layers import ParameterBuffer
from skmtl.network import Network, Passes
from skmtl.training._batch import Batch, TileBatch
from skmtl.training._data import Data
from skmtl.training._objective import Objective, Validation
from skmtl.training._state import Resumable, join, split
from skmtl.training._weighting import BalancedWeights, StaticWeights
from skmtl.training.optimizers import Update
from skmtl.training.peer_sharing import ComposedUpdate


class StepCells(NamedTuple):
    """What terms of the loss see of a step.

    Attributes
    ----------
    outputs : Tensor of shape (member, row, output)
        Of all members.
    losses : Tensor of shape (member, row, task)
        Loss of each cell, not weighted.
    batch : Batch
        The rows. ``batch.row_mask`` says which of them a member may learn from; derivatives by the outputs of others
        are discarded.
    per_weight : Tensor of shape (1 or member, task)
        What a cell of weight 1 counts in its task's loss, as the batch estimates it.
    progress : float
        Fraction of the training that is done.
    """

    outputs: Tensor
    losses: Tensor
    batch: Batch
    per_weight: Tensor
    progress: float


class OutputTerm(Protocol):
    """A term of the training loss beside the supervised objective: a function of the outputs of all members."""

    def begin_epoch(self, progress: float, network: Network, validation: Validation | None) -> None:
        """Prepare for an epoch; held-out rows may be looked at."""
        ...

    def add(self, step: StepCells, gradient: Tensor) -> Tensor | None:
        """Add the term's derivative by the outputs to ``gradient``.

        Parameters
        ----------
        step : StepCells
            Outputs and losses.
        gradient : Tensor of shape (member, row, output)
            Changed in place.

        Returns
        -------
        Tensor that broadcasts with (member, row, task) or None
            Factor of each cell's part in the gradient of the supervised objective; None: 1. Reported losses are
            without it.
        """
        ...

    def select(self, members: Tensor) -> Self:
        """Return the term of some of the members."""
        ...


class Step:
    """Forward pass, gradient at the outputs, weights of the tasks, backward pass, updates.

    Parameters
    ----------
    passes : Passes
        Forward and backward pass of the network.
    objective : Objective
        The supervised term: losses of the tasks and their gradient at the outputs.
    weighting : StaticWeights or BalancedWeights
        Weights of the task losses.
    updates : sequence of Update
        What turns the gradient into new parameters, in this order: penalties, the optimizer.
    rows_per_weight : Tensor of shape (1 or member, task)
        Number of rows over the total weight of each task: times the mean over a batch's rows of weight times loss, it
        gives an unbiased estimate of the task's loss.
    terms : sequence of OutputTerm, optional
        Further terms, which the balancing does not weight.
    """

    def __init__(
        self,
        passes: Passes,
        objective: Objective,
        weighting: StaticWeights | BalancedWeights,
        updates: Sequence[Update],
        rows_per_weight: Tensor,
        terms: Sequence[OutputTerm] = (),
    ) -> None:
        self.passes, self.objective, self.weighting = passes, objective, weighting
        self.updates, self.terms = tuple(updates), tuple(terms)
        self.set_data(rows_per_weight)
        self._share_products()

    def _share_products(self) -> None:
        """Let peers multiply by the matrices that they share, where nothing but their update reads their weights."""
        if len(self.updates) == 1 and type(self.weighting) is StaticWeights:
            (update,) = self.updates
            if isinstance(update, ComposedUpdate):
                update.share_products(self.passes)

    def __call__(self, batch: Batch, rate_factor: float | Tensor, progress: float = 0.0) -> Tensor:
        """Do one step and return the loss sums ``(member, task)`` before it; ``progress`` is for the terms."""
        outputs = self.passes.forward(batch.x, batch.row_mask)
        losses, gradient = self.objective.cells(outputs, batch.targets)
        per_weight, scale = self._scales(batch, outputs.shape[1])
        further = None
        if self.terms:
            further = self._add_terms(StepCells(outputs, losses, batch, per_weight, progress), gradient)
        sums, gradient = self.objective.weighted(losses, gradient, batch.weights)
        gradient.mul_(scale)
        self.weighting.backward(self.passes, batch, sums, gradient, further)
        for update in self.updates:
            update.step(rate_factor)
        if self.weighting.needs_losses_after_step:
            after = self.passes.forward(batch.x, batch.row_mask)
            self.weighting.see_losses_after_step(batch, self.objective(after, batch)[0])
        return sums

    def batches(self, data: Data, batch_size: int, orders: Sequence[np.random.Generator], epoch: int) -> Iterator[Any]:
        """Batches of an epoch as the step takes them; see :meth:`Data.batches`."""
        return data.batches(batch_size, orders, epoch)

    def _scales(self, batch: Batch | TileBatch, n_rows: int) -> tuple[Tensor, Tensor]:
        """What a cell of weight 1 counts, ``(1 or member, task)``, and times its task's weight ``(member, 1, output)``.

        The second leads from the gradient of a batch's loss sums to that of each task's loss.
        """
        if n_rows in self._known_scales and batch.counts is None:
            return self._known_scales[n_rows]
        per_weight = self.rows_per_weight / (n_rows if batch.counts is None else batch.counts)
        scales = per_weight, self.objective.to_outputs(self.weighting.constant * per_weight)[:, None]
        if batch.counts is None:  # else it is one batch of an epoch
            self._known_scales[n_rows] = scales
        return scales

    def _add_terms(self, cells: StepCells, supervised: Tensor) -> Tensor:
        """Gradient of the further terms, 0 for rows that a member must not learn from; changes the supervised one."""
        gradient, mask = torch.zeros_like(supervised), cells.batch.row_mask
        for term in self.terms:
            factors = term.add(cells, gradient)
            if factors is not None:
                supervised.mul_(self.objective.to_outputs(factors))
        return gradient if mask is None else gradient.mul_(mask[:, :, None])

    def set_data(self, rows_per_weight: Tensor) -> None:
        """Go on with other data."""
        self.rows_per_weight = rows_per_weight
        self._known_scales: dict[int, tuple[Tensor, Tensor]] = {}

    def state(self) -> State:
        """Run state of the weights and the updates; see :class:`Resumable`."""
        return join({name: part.state() for name, part in self._parts().items()})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device) -> None:
        """Go on from a state; see :class:`Resumable`."""
        saved = split(state, arrays)
        for name, part in self._parts().items():
            part.load_state(*saved[name], device)
        self.set_data(self.rows_per_weight)

    def _parts(self) -> dict[str, Resumable]:
        parts = {f"update {i}": update for i, update in enumerate(self.updates)}
        terms = {f"term {i}": term for i, term in enumerate(self.terms) if isinstance(term, Resumable)}
        return {"weighting": self.weighting, **parts, **terms}

    def select(self, members: Tensor, passes: Passes, buffer: ParameterBuffer) -> Self:
        """Return the step of some of the members, whose parameters are now in ``buffer``.

        Between epochs only; ``self`` must not be used any more.
        """
        chosen = copy.copy(self)
        chosen.passes, chosen.weighting = passes, self.weighting.select(members, passes)
        updates = (update.select(members, buffer) for update in self.updates)
        chosen.updates = tuple(update for update in updates if update.acts)  # those of a run of these members alone
        chosen.terms = tuple(term.select(members) for term in self.terms)
        common = len(self.rows_per_weight) == 1
        chosen.set_data(self.rows_per_weight if common else self.rows_per_weight[members])
        chosen._share_products()
        return chosen
