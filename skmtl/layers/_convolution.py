"""Convolutions and normalisation of every member at once, for autograd."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from skmtl.layers._buffer import ParameterBuffer, ParameterSpec, constant, uniform
from skmtl.layers._workspace import Workspace


class MemberConvolution:
    """A convolution without bias, zero-padded so that stride 1 keeps the size, for all members in one grouped call.

    The members' channels lie side by side: ``(row, member * channel, height, width)``.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_inputs, n_outputs : int
        Channels of one member.
    kernel : int, default=3
        Height and width of the kernel, odd.
    stride : int, default=1
        Step of the kernel.
    gain : float, default=1.0
        Scale of the initial weights, whose variance is gain^2 over the number of inputs of an output.
    """

    def __init__(
        self, name: str, n_inputs: int, n_outputs: int, *, kernel: int = 3, stride: int = 1, gain: float = 1.0
    ) -> None:
        self.n_inputs, self.kernel, self.stride = n_inputs, kernel, stride
        bound = gain * (3 / (n_inputs * kernel**2)) ** 0.5
        self.specs = (ParameterSpec(f"{name}.weight", (n_outputs, n_inputs, kernel, kernel), uniform(bound)),)

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        name = self.specs[0].name
        self.members = buffer.members
        self.weight = (buffer.views[name] if leaves is None else leaves[name]).flatten(0, 1)

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(row, [member *] n_inputs, h, w) -> (row, member * n_outputs, h / stride, w / stride)``."""
        groups = 1 if x.shape[1] == self.n_inputs else self.members  # rows common to the members go in once
        return F.conv2d(x, self.weight, stride=self.stride, padding=self.kernel // 2, groups=groups)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output."""
        return -(-height // self.stride), -(-width // self.stride)


class MemberGroupNorm:
    """Group normalisation (Wu and He, 2018) of each member's channels; needs no statistics over rows.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_channels : int
        Channels of one member.
    n_groups : int
        Groups of one member; divides ``n_channels``.
    """

    def __init__(self, name: str, n_channels: int, n_groups: int) -> None:
        self.n_groups = n_groups
        self.specs = (
            ParameterSpec(f"{name}.scale", (n_channels,), constant(1.0)),
            ParameterSpec(f"{name}.shift", (n_channels,), constant(0.0)),
        )

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        scale, shift = ((buffer.views[s.name] if leaves is None else leaves[s.name]).flatten() for s in self.specs)
        self.members, self.scale, self.shift = buffer.members, scale, shift

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(row, member * channel, h, w)`` to the same shape."""
        return F.group_norm(x, self.members * self.n_groups, self.scale, self.shift)


def members_as_channels(x: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images, channels last in memory: ``(1 or member, row, c * h * w) -> (row, [member *] c, h, w)``."""
    images: Tensor = x.unflatten(2, shape).transpose(0, 1).flatten(1, 2)
    return images.contiguous(memory_format=torch.channels_last)


def channels_as_rows(images: Tensor, members: int) -> Tensor:
    """Flat rows from images: ``(row, member * c, h, w) -> (member, row, c * h * w)``."""
    rows: Tensor = images.unflatten(1, (members, -1)).flatten(2).transpose(0, 1)
    return rows
