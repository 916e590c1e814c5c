"""Losses on held-out rows."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.network import Network
from skmtl.training._data import Batch
from skmtl.training._objective import Objective

VALIDATION_CELLS = 1 << 22  # activations of one chunk


class Validation:
    """The rows that members are judged by: common to all, or each member's own.

    Parameters
    ----------
    objective : Objective
        Losses of the tasks.
    held_out : Batch
        Rows, targets and weights; axes ``(1 or member, row, ...)``.
    """

    def __init__(self, objective: Objective, held_out: Batch) -> None:
        self.objective, self.held_out = objective, held_out
        n_rows = held_out.targets.shape[1]
        self.totals = n_rows if held_out.weights is None else held_out.weights.sum(1)

    def losses(self, network: Network) -> Tensor:
        """Mean loss of each member and task; NaN where a member holds out no label of a task."""
        batch, sums = self.held_out, torch.zeros(())
        width = max(network.architecture.hidden_layer_sizes, default=1) * network.architecture.members
        for rows in torch.arange(batch.targets.shape[1]).split(max(VALIDATION_CELLS // width, 1)):
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            weights = None if batch.weights is None else batch.weights[:, part]
            chunk = Batch(batch.x[:, part], batch.targets[:, part], weights)
            sums = sums + self.objective(network(chunk.x), chunk)[0]
        return sums / self.totals
