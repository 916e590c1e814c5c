"""Data whose batches are others, while any rows can be asked for as before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from skmtl.training._batch import Batch
from skmtl.training._data import IndexedData


class DataView(IndexedData):
    """Data of the same rows, of which subclasses change the batches.

    Parameters
    ----------
    whole : IndexedData
        The rows.

    Attributes
    ----------
    whole : IndexedData
        The same.
    """

    def __init__(self, whole: IndexedData) -> None:
        self.whole = whole
        self.n_rows, self.n_features, self.row_bytes = whole.n_rows, whole.n_features, whole.row_bytes
        self.totals, self.counts, self.epochs_per_pass = whole.totals, whole.counts, whole.epochs_per_pass

    def take(self, rows: Tensor | slice) -> Batch:
        """See :class:`IndexedData`."""
        return self.whole.take(rows)

    def x_at(self, rows: Tensor) -> Tensor:
        """See :class:`IndexedData`."""
        return self.whole.x_at(rows)

    def cells_at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`IndexedData`."""
        return self.whole.cells_at(rows)

    def permutation(self, orders: Sequence[np.random.Generator]) -> np.ndarray:
        """See :class:`IndexedData`."""
        return self.whole.permutation(orders)
