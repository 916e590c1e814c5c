"""A step in which the output layer of many tasks is passed tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import WideReadout
from skmtl.network import ManualPasses
from skmtl.training._batch import Batch, TileBatch
from skmtl.training._data import Data
from skmtl.training._objective import Tile
from skmtl.training._step import Step
from skmtl.training._weighting import StaticWeights
from skmtl.training.peer_sharing import ComposedUpdate

TILE_CELLS = 1 << 17  # outputs of a tile, which stay in the cache of a core with their losses, gradients and labels
NARROWEST = 256  # outputs of a tile at least, for products to be fast


class TiledStep(Step):
    """Outputs, losses and gradients of some of the tasks after another, from the features that all of them read.

    No more than a tile of the outputs exists at a time. Sums over the outputs, which the gradient at the features is,
    are taken tile by tile; all else is what the step on all outputs computes.
    """

    passes: ManualPasses

    def set_data(self, rows_per_weight: Tensor) -> None:
        """Go on with other data, or other members."""
        super().set_data(rows_per_weight)
        self._tiles: dict[int, list[tuple[Tile, WideReadout]]] = {}

    def batches(
        self, data: Data, batch_size: int, orders: Sequence[np.random.Generator], epoch: int
    ) -> Iterator[Batch | TileBatch]:
        """See :class:`Step`."""
        return data.batches_by_tile(batch_size, orders, epoch)

    def __call__(self, batch: Batch | TileBatch, rate_factor: float | Tensor, progress: float = 0.0) -> Tensor:
        """See :class:`Step`."""
        passes, workspace, sums = self.passes, self.passes.workspace, []
        features, below = passes.layers.features(batch.x, workspace), None
        n_rows = features.shape[1]
        _, scale = self._scales(batch, n_rows)
        for tile, head in self._tiles_of(n_rows):
            own, gradient = self._weighted(tile, head, features, batch, scale[..., tile.outputs])
            head.backward(gradient, workspace)
            if passes.has_layers_below:
                below = head.add_input_gradient(gradient, below, workspace)
            sums.append(own)
        if below is not None:
            passes.backward_below(below)
        for update in self.updates:
            update.step(rate_factor)
        return torch.cat(sums, 1)

    def _weighted(
        self, tile: Tile, head: WideReadout, features: Tensor, batch: Batch | TileBatch, factors: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Loss sums ``(member, task)``, and their gradient ``(member, row, output)`` times factors of the outputs."""
        workspace, (kind,) = self.passes.workspace, (group.kind for group in tile.objective.groups)
        targets, weights = batch.cells(tile.tasks, workspace)
        if kind.residual_sums is not None:
            return kind.residual_sums(head.residuals(features, targets, workspace), weights, factors)
        losses, gradient = tile.objective.cells(head.forward(features, workspace), targets)
        sums, gradient = tile.objective.weighted(losses, gradient, weights)
        return sums, gradient.mul_(factors)

    def _tiles_of(self, n_rows: int) -> list[tuple[Tile, WideReadout]]:
        """Tiles for a batch of so many rows, each with its part of the output layer."""
        if n_rows not in self._tiles:
            head = self.passes.layers.head
            assert isinstance(head, WideReadout)
            width = max(TILE_CELLS // (max(n_rows, 1) * self.passes.buffer.members), NARROWEST)
            self._tiles[n_rows] = [(tile, head.cut(tile.outputs)) for tile in self.objective.tiles(width)]
        return self._tiles[n_rows]


def is_separable(step: Step) -> bool:
    """Whether the outputs are many, of one layer, and nothing in a step looks at all of them at once."""
    plain = type(step.weighting) is StaticWeights and not step.terms
    composed = any(isinstance(update, ComposedUpdate) for update in step.updates)
    wide = isinstance(step.passes, ManualPasses) and type(step.passes.layers.head) is WideReadout
    return plain and wide and not composed


def tiled(step: Step) -> Step:
    """Have ``step`` pass the outputs in tiles, where that is possible and faster."""
    if not is_separable(step) or step.passes.buffer.values.device.type != "cpu":
        return step
    return TiledStep(step.passes, step.objective, step.weighting, step.updates, step.rows_per_weight)
