"""Small tables of several parts of the members as one, from which a batch of all is gathered at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skmtl.layers import NARROW
from skmtl.training._batch import Batch
from skmtl.training._data import DenseRows, IndexedData, TrainingData

MERGED_BYTES = 1 << 26  # of a second copy of the rows; steps on larger ones take long beside the calls that are saved


class MergedRows:
    """Rows, labels and masks of the parts, one below the other.

    A batch is the same as if every part gathered its own, in a few calls in place of a few for each part.

    Parameters
    ----------
    parts : sequence of TrainingData
        Of which the weights of cells are the same for all members.
    sizes : sequence of int
        Number of members of each.
    repeats : bool
        Whether the rows are repeated for each member of a part.
    """

    def __init__(self, parts: Sequence[TrainingData], sizes: Sequence[int], repeats: bool) -> None:
        device, n_rows = parts[0].targets.device, [part.n_rows for part in parts]
        self.first = torch.tensor([sum(n_rows[:k]) for k in range(len(parts))], device=device)[:, None]
        self.part_of_member = torch.arange(len(parts), device=device).repeat_interleave(
            torch.tensor(sizes, device=device)
        )
        self.repeats = repeats
        self.x = torch.cat([part.rows.take(slice(None))[0] for part in parts])
        self.targets = torch.cat([part.targets for part in parts])
        self.cell_weights, self.row_mask = None, None
        if not all(part.is_unweighted for part in parts):
            self.cell_weights = torch.cat([part.cell_weights for part in parts])
        if any(part.row_mask is not None for part in parts):
            self.row_mask = self.targets.new_zeros(sum(sizes), max(n_rows))  # beyond a part's rows none is asked for
            for part, own in zip(parts, self.row_mask.split_with_sizes(list(sizes)), strict=True):
                own[:, : part.n_rows] = 1.0 if part.row_mask is None else part.row_mask

    @classmethod
    def of(cls, parts: Sequence[IndexedData], sizes: Sequence[int], repeats: bool) -> MergedRows | None:
        """Merge parts that are small tables; None where they are not."""
        tables = [part for part in parts if type(part) is TrainingData and part.cell_weights.ndim == 2]
        small = sum(part.n_rows * part.row_bytes for part in parts) <= MERGED_BYTES
        if len(tables) < len(parts) or not (small and all(type(table.rows) is DenseRows for table in tables)):
            return None
        return cls(tables, sizes, repeats)

    def take(self, rows: Tensor) -> Batch:
        """Gather rows ``(part, row)``."""
        at = rows + self.first
        x = self.x.index_select(0, at.flatten()).unflatten(0, at.shape)
        if self.repeats:
            x = x.index_select(0, self.part_of_member)
        targets, weights = self._cells(self.targets, at), None
        if self.cell_weights is not None:
            weights = self._cells(self.cell_weights, at)
        if self.row_mask is None or weights is None:
            return Batch(x, targets, weights, None, weights)
        mask = self.row_mask.gather(1, rows.index_select(0, self.part_of_member))
        return Batch(x, targets, weights, mask, weights * mask[:, :, None])

    def _cells(self, cells: Tensor, at: Tensor) -> Tensor:
        """Cells for all members, ``(member, row, task)``, in the outputs' order of memory."""
        gathered = cells.index_select(0, at.flatten()).unflatten(0, at.shape)
        if cells.shape[1] < NARROW:
            gathered = gathered.transpose(1, 2)
        repeated: Tensor = gathered.index_select(0, self.part_of_member)
        return repeated.transpose(1, 2) if cells.shape[1] < NARROW else repeated
