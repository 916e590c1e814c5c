"""Grouped convolutions equal a loop over the members."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skmtl.layers import (
    MemberConvolution,
    MemberGroupNorm,
    ParameterBuffer,
    Workspace,
    channels_as_rows,
    members_as_channels,
)

MEMBERS, SHAPE = 3, (2, 5, 7)


def bound(layer):
    buffer = ParameterBuffer(layer.specs, MEMBERS, torch.float64, torch.device("cpu"))
    buffer.initialise([np.random.default_rng(k) for k in range(MEMBERS)])
    layer.bind(buffer)
    return buffer


def images(members, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(members, 4, 70, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("input_members", [1, MEMBERS])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 2), (5, 2)])
def test_one_grouped_convolution_equals_one_a_member(input_members, kernel, stride):
    layer = MemberConvolution("c", 2, 3, kernel=kernel, stride=stride)
    buffer = bound(layer)
    x = images(input_members)
    together = layer.forward(members_as_channels(x, SHAPE), Workspace())
    rows = channels_as_rows(together, MEMBERS)
    for member in range(MEMBERS):
        own = x[member % input_members].unflatten(1, SHAPE)
        alone = F.conv2d(own, buffer.views["c.weight"][member], stride=stride, padding=kernel // 2)
        torch.testing.assert_close(rows[member], alone.flatten(1), rtol=0, atol=1e-12)
        assert layer.size(*SHAPE[1:]) == tuple(alone.shape[2:])


def test_group_norm_does_not_mix_members():
    layer = MemberGroupNorm("n", 4, 2)
    buffer = bound(layer)
    for name, values in (("n.scale", 2.0), ("n.shift", 0.5)):
        buffer.views[name].mul_(torch.arange(1.0, 4.0)[:, None]).add_(values)
    x = torch.randn(5, MEMBERS * 4, 3, 3, dtype=torch.float64)
    together = layer.forward(x, Workspace()).unflatten(1, (MEMBERS, 4))
    for member in range(MEMBERS):
        own = x.unflatten(1, (MEMBERS, 4))[:, member]
        alone = F.group_norm(own, 2, buffer.views["n.scale"][member], buffer.views["n.shift"][member])
        torch.testing.assert_close(together[:, member], alone, rtol=0, atol=1e-12)


def test_flat_rows_and_images_are_each_other_undone():
    x = images(MEMBERS)
    assert torch.equal(channels_as_rows(members_as_channels(x, SHAPE), MEMBERS), x)
