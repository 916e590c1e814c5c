"""Inputs scaled and dropped in front of the hidden layers."""

import pickle

import numpy as np
import pytest
import torch

from skmtl.network import Network, task_gradients
from skmtl.sharing import SHARINGS
from tests import _builders as build

D, MEMBERS = 4, 3
NEED_LAYERS = {"attention", "bypass", "mmoe", "ple", "cgc"}
SCALE = np.random.default_rng(0).uniform(0.1, 3.0, (MEMBERS, D))


def make_network(sharing="hard", sizes=(6, 5), members=MEMBERS, input_dropout=0.0, dtype="float64"):
    return build.make_network(sharing, D, sizes, (1, 2), seeds=range(members), dtype=dtype, input_dropout=input_dropout)


def rows(members=1, n=9):
    return torch.randn(members, n, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("sharing", SHARINGS)
def test_scaled_inputs_equal_scaled_rows(sharing):
    plain, x = make_network(sharing), rows()
    scaled = plain.with_input_scale(SCALE)
    assert plain.architecture.input_scale is None
    by_hand = plain(x * torch.from_numpy(SCALE)[:, None])
    torch.testing.assert_close(scaled(x), by_hand, rtol=0, atol=1e-12)
    assert scaled.sharing_statistics(x).keys() == plain.sharing_statistics(x).keys()


@pytest.mark.parametrize(
    ("sharing", "sizes"),
    [*((name, (6, 5)) for name in SHARINGS), *((name, ()) for name in SHARINGS if name not in NEED_LAYERS)],
)
@pytest.mark.parametrize("input_members", [1, MEMBERS])
def test_inputs_that_are_not_read_equal_inputs_of_0(sharing, sizes, input_members):
    plain, x = make_network(sharing, sizes), rows(input_members)
    reading = plain.with_input_scale(SCALE, n_read=2)
    largest = np.where(SCALE >= np.sort(SCALE, axis=1)[:, [2]], SCALE, 0.0)
    np.testing.assert_array_equal(reading.architecture.input_scale, largest)
    torch.testing.assert_close(reading(x), plain(x * torch.from_numpy(largest)[:, None]), rtol=0, atol=1e-12)
    assert reading.n_parameters < plain.n_parameters


def test_a_factor_too_small_for_the_type_keeps_its_place():
    tiny = np.array([[1e-60, 2.0, 0.0, 1.0]] * MEMBERS)
    single = make_network(dtype="float32")
    reading, x = single.with_input_scale(tiny, n_read=3), rows().float()
    torch.testing.assert_close(reading(x), single(x * torch.tensor(tiny[0], dtype=torch.float32)))


def test_of_equal_factors_the_first_are_read():
    reading, x = make_network().with_input_scale(np.ones((MEMBERS, D)), n_read=3), rows()
    np.testing.assert_array_equal(reading.architecture.input_scale, [[1, 1, 1, 0]] * MEMBERS)
    x_without = x * torch.tensor([1, 1, 1, 0])
    torch.testing.assert_close(reading(x), make_network()(x_without), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("input_members", [1, MEMBERS])
@pytest.mark.parametrize("input_dropout", [0.0, 0.3])
@pytest.mark.parametrize("n_read", [None, 2])
def test_hand_derived_equals_autograd(sharing, input_members, input_dropout, n_read):
    network = make_network(sharing, input_dropout=input_dropout).with_input_scale(SCALE, n_read)
    gradients = []
    for autograd in (False, True):
        passes = network.training_passes([torch.Generator().manual_seed(k) for k in range(MEMBERS)], autograd=autograd)
        for n in (9, 5, 9):  # memory is reused
            outputs = passes.forward(rows(input_members, n))
            passes.backward(outputs * 0.5)
        gradients.append(network.buffer.gradient.clone())
    assert gradients[1].abs().max() > 0
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_read", [None, 2])
def test_scales_go_with_their_members(n_read):
    network, x = make_network().with_input_scale(SCALE, n_read), rows()
    outputs, parts = network(x), [network.select([2]), network.select([0, 1])]
    for part, members in zip(parts, ([2], [0, 1]), strict=True):
        np.testing.assert_array_equal(part.architecture.input_scale, network.architecture.input_scale[members])
        torch.testing.assert_close(part(x), outputs[members], rtol=0, atol=1e-12)
    torch.testing.assert_close(Network.stack(parts)(x), outputs[[2, 0, 1]], rtol=0, atol=1e-12)
    for copy in (network.copy(build.CPU), pickle.loads(pickle.dumps(network))):
        torch.testing.assert_close(copy(x), outputs, rtol=0, atol=0)


def test_the_gradient_of_a_linear_network_at_its_inputs_is_its_weight():
    network = make_network(sizes=()).with_input_scale(SCALE)
    gradient = torch.randn(MEMBERS, 9, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    before = network.buffer.values.clone()
    weight = network.buffer.views["head.weight"][:, 0].transpose(1, 2)  # kept transposed: few outputs
    expected = (gradient @ weight.transpose(1, 2)) * torch.from_numpy(SCALE)[:, None]
    x = rows().expand(len(gradient), -1, -1).clone().requires_grad_()
    (at_input,) = torch.autograd.grad(network(x), x, gradient)
    torch.testing.assert_close(at_input, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(network.buffer.values, before, rtol=0, atol=0)


def test_inputs_are_dropped_in_training_only_and_keep_their_mean():
    network, n = make_network(sizes=(), input_dropout=0.25), 20_000
    x = torch.ones(1, n, D, dtype=torch.float64)
    network.buffer.values.fill_(1.0)
    network.buffer.views["head.bias"].zero_()
    torch.testing.assert_close(network(x), torch.full((MEMBERS, n, 3), float(D), dtype=torch.float64))
    outputs = network.training_passes([torch.Generator().manual_seed(k) for k in range(MEMBERS)]).forward(x)
    kept = outputs[:, :, 0] * 0.75  # number of inputs kept in each row
    torch.testing.assert_close(kept, kept.round())
    assert (kept.mean(1) - 0.75 * D).abs().max() < 5 * (D * 0.25 * 0.75 / n) ** 0.5
    assert not torch.equal(kept[0], kept[1])


@pytest.mark.parametrize("sharing", ["hard", "mmoe", "ple", "bypass"])
def test_gradients_by_features_in_common_go_through_scaled_inputs(sharing):
    plain, x = make_network(sharing), rows()
    own = torch.randn(MEMBERS, 9, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weights = torch.tensor([[0.3, 0.7]], dtype=torch.float64).expand(MEMBERS, -1)

    def found(network, inputs):
        passes = network.training_passes([torch.Generator().manual_seed(k) for k in range(MEMBERS)])
        ways = task_gradients(passes, (1, 2), "representation", sharing)
        with passes.mode():
            passes.forward(inputs)
            gramian = ways.gramian(own.clone())
            ways.backward(own.clone(), weights)
        return gramian.clone(), network.buffer.gradient.clone()

    scaled = found(plain.with_input_scale(SCALE), x)
    for ours, reference in zip(scaled, found(plain, x * torch.from_numpy(SCALE)[:, None]), strict=True):
        torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)
    assert scaled[0].abs().max() > 0
