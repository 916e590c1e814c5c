"""What takes part in one step: rows with their labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from skmtl.layers import NARROW, Workspace


class Batch(NamedTuple):
    """Rows that take part in one step.

    Attributes
    ----------
    x : Tensor of shape (1 or part or member, row, feature)
        Encoded rows; of parts of the members where neither all share them nor each has its own.
    targets : Tensor of shape (1 or member, row, task)
        Encoded labels.
    cell_weights : Tensor of shape (1 or member, row, task) or None
        Weight of each label, 0 where no label is, whoever may learn from it; None if all are 1.
    row_mask : Tensor of shape (member, row) or None
        1 where a member may learn from a row, 0 where it holds the row out; None if all may learn from all.
    weights : Tensor of shape (1 or member, row, task) or None
        What each cell counts for a member: the product of the two; None if all count 1.
    counts : Tensor of shape (1 or member, 1) or None
        Number of rows that belong to a member, where not all do, or of the batch that the rows are a slice of.
    drawn : (int, int) or None
        Of a slice: its first row in the batch, and the number of rows of the batch, for which dropout is drawn.
    """

    x: Tensor
    targets: Tensor
    cell_weights: Tensor | None = None
    row_mask: Tensor | None = None
    weights: Tensor | None = None
    counts: Tensor | None = None
    drawn: tuple[int, int] | None = None

    def cells(self, tasks: slice, workspace: Workspace) -> tuple[Tensor, Tensor | None]:
        """Labels of some of the tasks, which may be overwritten, and what they count."""
        return self.targets[..., tasks].clone(), None if self.weights is None else self.weights[..., tasks]


class TileBatch(NamedTuple):
    """Rows that take part in one step, whose labels are gathered for a tile of the tasks at a time.

    What is gathered then is in the cache when it is used; of all tasks it would go out to the memory and back.

    Attributes
    ----------
    x : Tensor of shape (1, row, feature)
        Encoded rows.
    targets : Tensor of shape (n, task)
        Encoded labels of all rows.
    cell_weights : Tensor of shape (n, task) or (member, n, task), or None
        Weight of each label, 0 where no label is; None if all are 1.
    rows : Tensor of shape (row,), int
        Which rows.
    row_mask : Tensor of shape (member, row) or None
        1 where a member may learn from a row, 0 where it holds the row out; None: all may learn from all.
    counts, drawn : None
        See :class:`Batch`.
    """

    x: Tensor
    targets: Tensor
    cell_weights: Tensor | None
    rows: Tensor
    row_mask: Tensor | None = None
    counts: None = None
    drawn: None = None

    def cells(self, tasks: slice, workspace: Workspace) -> tuple[Tensor, Tensor | None]:
        """Labels of some of the tasks, which may be overwritten, and what they count."""
        targets = self._gathered("targets", self.targets, tasks, workspace)
        if self.cell_weights is None:
            return targets, None
        weights = self._gathered("weights", self.cell_weights, tasks, workspace)
        return targets, weights if self.row_mask is None else weights * self.row_mask[:, :, None]

    def _gathered(self, name: str, table: Tensor, tasks: slice, workspace: Workspace) -> Tensor:
        if table.ndim == 3:
            return table[..., tasks].index_select(1, self.rows)
        own = table[:, tasks]
        memory = workspace.out(name, 1, len(self.rows), own.shape[1], own)
        out = None if memory is None else memory[0]  # along the first axis, which takes a sixth of the time
        return torch.index_select(own, 0, self.rows, out=out)[None]


def rows_of(values: Tensor, rows: Tensor | slice) -> Tensor:
    """Rows of ``(n, width)`` or ``(member, n, width)`` as ``(1 or member, row, width)``; a gather copies whole rows."""
    chosen = values[..., rows, :] if isinstance(rows, slice) else values.index_select(-2, rows)
    return chosen if chosen.ndim == 3 else chosen[None]


def cells_of(cells: Tensor, rows: Tensor | slice) -> Tensor:
    """Targets or weights ``(n, task)`` or ``(member, n, task)`` of some rows, in the outputs' order of memory:

    ``(1 or member, row, task)`` for a slice or an index ``(row,)``, ``(member, row, task)`` for an index
    ``(member, row)``. Whole rows are gathered, which touches least memory; those of few tasks are then turned rows
    last, as their outputs are, so that elementwise work on both is one run.
    """
    if isinstance(rows, slice) or rows.ndim == 1:
        gathered = rows_of(cells, rows)
    elif cells.ndim == 2:
        gathered = cells.index_select(0, rows.flatten()).unflatten(0, rows.shape)
    else:
        gathered = torch.take_along_dim(cells, rows[:, :, None], 1)
    return gathered.transpose(1, 2).contiguous().transpose(1, 2) if cells.shape[-1] < NARROW else gathered
