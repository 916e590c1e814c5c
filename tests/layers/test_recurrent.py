"""The batched recurrent layers equal torch's, member by member."""

import numpy as np
import pytest
import torch
from torch import nn

from skmtl.layers import MemberGRU, MemberLSTM, Packing, ParameterBuffer

MEMBERS, D, H = 2, 4, 3
LENGTHS = [3, 0, 5, 1, 3]
IDS = torch.tensor([[k + 1 if k < n else 0 for k in range(6)] for n in LENGTHS])
VECTORS = torch.randn(6, MEMBERS, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
# Where torch keeps the gates of ours: input, forget, output, candidate; and reset, update, candidate.
ORDER = {MemberLSTM: [0, 1, 3, 2], MemberGRU: [0, 1, 2]}
REFERENCE = {MemberLSTM: nn.LSTM, MemberGRU: nn.GRU}


def make(cls, copies):
    layer = cls("r", D, H, copies)
    buffer = ParameterBuffer(layer.specs, MEMBERS, torch.float64, torch.device("cpu"))
    buffer.initialise([np.random.default_rng(k) for k in range(MEMBERS)])
    layer.bind(buffer)
    return layer, buffer


def torch_layer(cls, buffer, member, copies):
    reference = REFERENCE[cls](D, H, bidirectional=copies == 2, batch_first=True).double()
    for copy, suffix in enumerate(["", "_reverse"][:copies]):
        for ours, theirs in (("input", "weight_ih"), ("recurrent", "weight_hh"), ("bias", "bias_ih")):
            blocks = buffer.views[f"r.{ours}"][member, copy].T.unflatten(0, (-1, H))[ORDER[cls]].flatten(0, 1)
            getattr(reference, f"{theirs}_l0{suffix}").data.copy_(blocks.reshape(blocks.shape[: 1 + (ours != "bias")]))
        getattr(reference, f"bias_hh_l0{suffix}").data.zero_()
    return reference


@pytest.mark.parametrize("cls", [MemberLSTM, MemberGRU])
@pytest.mark.parametrize("copies", [1, 2])
def test_recurrence_equals_torch(cls, copies):
    layer, buffer = make(cls, copies)
    packing = Packing.of(IDS)
    tokens = torch.stack([packing.take(IDS), packing.take_reversed(IDS)][:copies])
    x = VECTORS[tokens].permute(2, 0, 1, 3).flatten(0, 1)  # (member * copy, token, D)
    states, last = layer.forward(x, packing, slice(None))
    for pool in (packing.max(states), packing.mean(states), last):
        assert pool.shape == (MEMBERS * copies, len(LENGTHS), H)
    in_order = [packing.unsort(pool).unflatten(0, (MEMBERS, copies)) for pool in (packing.max(states), last)]
    for member in range(MEMBERS):
        reference = torch_layer(cls, buffer, member, copies)
        for row, length in enumerate(LENGTHS):
            if length == 0:
                assert not any(values[member, :, row].any() for values in in_order)
                continue
            out = reference(VECTORS[IDS[row, :length], member][None])[0][0].unflatten(1, (copies, H))
            largest, final = out.amax(0), torch.stack([out[-1, 0], out[0, -1]][:copies])
            torch.testing.assert_close(in_order[0][member, :, row], largest, rtol=0, atol=1e-12)
            torch.testing.assert_close(in_order[1][member, :, row], final, rtol=0, atol=1e-12)


def test_packing_pools_the_tokens_of_each_row():
    packing = Packing.of(IDS)
    values = packing.take(IDS).double()[None, :, None]
    assert packing.unsort(packing.max(values)).flatten().tolist() == LENGTHS
    means = [(n + 1) / 2 if n else 0 for n in LENGTHS]
    assert packing.unsort(packing.mean(values)).flatten().tolist() == pytest.approx(means)
    assert packing.running == [4, 3, 3, 1, 1]
    assert len(packing.row) == sum(LENGTHS)


def test_members_can_be_run_one_by_one():
    layer, _ = make(MemberLSTM, 2)
    packing = Packing.of(IDS)
    x = torch.randn(MEMBERS * 2, sum(LENGTHS), D, dtype=torch.float64)
    together = layer.forward(x, packing, slice(None))[1]
    alone = [layer.forward(x[2 * k : 2 * k + 2], packing, slice(k, k + 1))[1] for k in range(MEMBERS)]
    torch.testing.assert_close(torch.cat(alone), together, rtol=0, atol=1e-12)
