"""A small residual convolutional network of every member at once."""

from __future__ import annotations

from math import prod

from torch import Tensor
from torch.nn import functional as F

from skmtl.encoders._extractor import Extractor
from skmtl.layers import (
    MemberConvolution,
    MemberGroupNorm,
    ParameterBuffer,
    Workspace,
    channels_as_rows,
    members_as_channels,
)

Shape = tuple[int, int, int]

_RELU_GAIN = 2**0.5
_CHANNELS_PER_GROUP = 8


def _groups(n_channels: int) -> int:
    """Groups of about eight channels, as many as divide them."""
    wanted = max(n_channels // _CHANNELS_PER_GROUP, 1)
    return next(groups for groups in range(wanted, 0, -1) if n_channels % groups == 0)


class _Block:
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x)), its shortcut a 1 x 1 convolution where the shape changes."""

    def __init__(self, name: str, n_inputs: int, n_outputs: int, stride: int) -> None:
        self.first = MemberConvolution(f"{name}.0", n_inputs, n_outputs, stride=stride, gain=_RELU_GAIN)
        self.first_norm = MemberGroupNorm(f"{name}.0.norm", n_outputs, _groups(n_outputs))
        self.second = MemberConvolution(f"{name}.1", n_outputs, n_outputs, gain=_RELU_GAIN)
        self.second_norm = MemberGroupNorm(f"{name}.1.norm", n_outputs, _groups(n_outputs))
        changes = stride != 1 or n_inputs != n_outputs
        self.shortcut = (
            MemberConvolution(f"{name}.shortcut", n_inputs, n_outputs, kernel=1, stride=stride) if changes else None
        )
        self.layers: list[MemberConvolution | MemberGroupNorm]
        self.layers = [self.first, self.first_norm, self.second, self.second_norm]
        if self.shortcut:
            self.layers.append(self.shortcut)

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        h = F.relu_(self.first_norm.forward(self.first.forward(x, workspace), workspace))
        h = self.second_norm.forward(self.second.forward(h, workspace), workspace)
        return F.relu_(h.add_(self.shortcut.forward(x, workspace) if self.shortcut else x))


class ResidualNetwork(Extractor):
    """A convolution, stages of residual blocks, and an average over a grid, for all members.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width of an image.
    channels : tuple of int
        Channels of each stage.
    n_blocks, stride, pool_size : int
        See :class:`ConvolutionEncoder`.
    """

    draws = False

    def __init__(self, shape: Shape, channels: tuple[int, ...], n_blocks: int, stride: int, pool_size: int) -> None:
        self.shape = shape
        self.stem = MemberConvolution(
            "encoder.stem", shape[0], channels[0], kernel=2 * stride + 1, stride=stride, gain=_RELU_GAIN
        )
        self.stem_norm = MemberGroupNorm("encoder.stem.norm", channels[0], _groups(channels[0]))
        self.blocks: list[_Block] = []
        n_inputs = channels[0]
        for stage, n_channels in enumerate(channels):
            for i in range(n_blocks):
                first_of_later = stage > 0 and i == 0
                self.blocks.append(_Block(f"encoder.{stage}.{i}", n_inputs, n_channels, 2 if first_of_later else 1))
                n_inputs = n_channels
        self.parts = [self.stem, self.stem_norm, *(layer for block in self.blocks for layer in block.layers)]
        self._measure(pool_size)

    def _measure(self, pool_size: int) -> None:
        """Sizes that follow from the shape of an image."""
        size = self.shape[1:]
        self.peak_activations, self.operations = prod(self.shape), 0
        for layer in self.parts:
            if isinstance(layer, MemberConvolution) and layer.kernel > 1:  # a shortcut runs beside its block
                size = layer.size(*size)
                positions = prod(size)
                self.peak_activations = max(self.peak_activations, 2 * layer.specs[0].shape[0] * positions)
                self.operations += layer.specs[0].size * positions
        self.grid = min(pool_size, size[0]), min(pool_size, size[1])
        self.width = self.blocks[-1].second.specs[0].shape[0] * prod(self.grid)

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Extractor`."""
        super().bind(buffer, leaves)
        self.members = buffer.members

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`Extractor`."""
        h = self.stem.forward(members_as_channels(x, self.shape), workspace)
        h = F.relu_(self.stem_norm.forward(h, workspace))
        for block in self.blocks:
            h = block.forward(h, workspace)
        return channels_as_rows(F.adaptive_avg_pool2d(h, self.grid), self.members)
