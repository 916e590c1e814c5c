"""The hand-derived backward equals autograd."""

import numpy as np
import pytest
import torch

from skmtl.layers import ACTIVATIONS
from skmtl.sharing import SHARINGS
from tests import _builders as build

MADE_OF_LAYERS = {"bypass", "mmoe", "ple", "cgc", "attention"}


def make_network(sharing="hard", sizes=(7, 5), activation="relu", members=3, n_outputs=(1, 3, 1), **fields):
    bias = np.arange(sum(n_outputs), dtype=float)
    fields |= {"activation": activation, "initial_bias": bias}
    network = build.make_network(sharing, 4, sizes, n_outputs, seeds=range(members), **fields)
    initialise(network, range(members))
    return network


def initialise(network, seeds):
    """Draw the parameters, and move them off values such as 0 that hide what depends on them."""
    network.buffer.initialise([np.random.default_rng(seed) for seed in seeds])
    for spec in network.buffer.specs:
        for member, seed in enumerate(seeds):
            noise = np.random.default_rng((seed, len(spec.name))).normal(0, 0.1, spec.shape)
            network.buffer.views[spec.name][member] += torch.from_numpy(noise)


def generators(members):
    return [torch.Generator().manual_seed(k) for k in range(members)]


def both_gradients(network, input_members):
    """Outputs and parameters' gradients by hand, then by autograd."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(input_members, 11, 4, generator=rng, dtype=torch.float64)
    output_gradient = torch.randn(3, 11, 5, generator=rng, dtype=torch.float64)
    return [gradient(network, x, output_gradient, autograd=autograd) for autograd in (False, True)]


def gradient(network, x, output_gradient, *, autograd):
    passes = network.training_passes(generators(network.architecture.members), autograd=autograd)
    for _ in range(2):  # the second pass runs on reused memory
        outputs = passes.forward(x)
        passes.backward(output_gradient.clone())
    return outputs.clone(), network.buffer.gradient.clone()


def assert_gradients_agree(network, input_members):
    by_hand, recorded = both_gradients(network, input_members)
    for ours, reference in zip(by_hand, recorded, strict=True):
        torch.testing.assert_close(ours, reference, rtol=0, atol=1e-10)
    assert recorded[1].abs().max() > 0


@pytest.mark.parametrize(
    ("sharing", "sizes"), [(s, n) for s in SHARINGS for n in [(), (6,), (7, 5, 6)] if n or s not in MADE_OF_LAYERS]
)
@pytest.mark.parametrize(
    ("activation", "dropout", "input_members"), [("tanh", 0.0, 1), ("silu", 0.0, 3), ("silu", 0.4, 1), ("relu", 0.4, 3)]
)
def test_hand_derived_equals_autograd(sharing, activation, sizes, dropout, input_members):
    """With activations whose derivatives look at their output or at their input."""
    assert_gradients_agree(make_network(sharing, sizes, activation, dropout=dropout), input_members)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_of_hidden_layers(activation, dropout):
    assert_gradients_agree(make_network(activation=activation, dropout=dropout), 1)


@pytest.mark.parametrize(
    ("sharing", "sizes"), [(s, n) for s in SHARINGS for n in [(), (7, 5)] if n or s not in MADE_OF_LAYERS]
)
@pytest.mark.parametrize(("task_layer_sizes", "input_members"), [((4,), 3), ((4, 6), 1)])
def test_hand_derived_equals_autograd_with_task_layers(sharing, sizes, task_layer_sizes, input_members):
    network = make_network(sharing, sizes, "silu", dropout=0.4, task_layer_sizes=task_layer_sizes)
    assert_gradients_agree(network, input_members)


def test_a_smaller_last_batch_uses_memory_of_its_own():
    network = make_network()
    passes = network.training_passes(generators(3))
    reference = network.training_passes(generators(3), autograd=True)
    for rows in (8, 3, 8):
        x = torch.randn(1, rows, 4, dtype=torch.float64)
        torch.testing.assert_close(passes.forward(x), reference.forward(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sharing", SHARINGS)
def test_members_of_a_stack_compute_what_they_compute_alone(sharing):
    network, x = make_network(sharing), torch.randn(1, 9, 4, dtype=torch.float64)
    outputs = network(x)
    for member in range(3):
        alone = make_network(sharing, members=1)
        initialise(alone, [member])
        torch.testing.assert_close(alone(x)[0], outputs[member], rtol=0, atol=1e-12)


def test_independent_tasks_do_not_touch_each_others_parameters():
    network = make_network("independent", n_outputs=(1, 1, 1))
    passes = network.training_passes(generators(3))
    passes.forward(torch.randn(1, 6, 4, dtype=torch.float64))
    only_second = torch.zeros(3, 6, 3, dtype=torch.float64)
    only_second[:, :, 1] = 1.0
    passes.backward(only_second)
    for spec in network.buffer.specs:
        block = network.buffer.gradient_views[spec.name]  # (member, task, ...)
        assert (block[:, [0, 2]] == 0).all()
        assert block[:, 1].abs().max() > 0


def test_outputs_start_at_the_initial_bias():
    network = make_network()
    outputs = network(torch.zeros(1, 1, 4, dtype=torch.float64))
    assert (outputs - torch.arange(5.0, dtype=torch.float64)).abs().max() < 1


def test_state_holds_no_torch_object():
    network = make_network()
    state = network.__getstate__()
    assert set(state) == {"architecture", "parameters"}
    assert all(isinstance(array, np.ndarray) for array in state["parameters"].values())
    assert sum(a.size for a in state["parameters"].values()) == 3 * network.n_parameters


def test_rows_take_room_for_every_copy_of_the_hidden_layers():
    assert make_network("independent").peak_activations == 3 * make_network("hard").peak_activations == 3 * 7
    assert make_network(task_layer_sizes=(6, 4)).peak_activations == 3 * 6
