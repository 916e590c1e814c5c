"""Hidden layers of each task's own, against nets built by hand and in the limits that make them nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from skmtl.layers import Workspace
from skmtl.sharing import SHARINGS
from skmtl.tasks import Binary, Multiclass, SquaredError
from skmtl.training import Streams
from tests import _builders as build

N, N_INPUTS = 23, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, N_INPUTS))
NUMBER, CLASS, SIGN = X[:, 0] * X[:, 1], np.digitize(X[:, 2], [-0.5, 0.5]), X[:, 3] > 0
LAYOUT = build.make_layout([NUMBER, CLASS, SIGN], [SquaredError(), Multiclass(), Binary()])


def in_torch(arrays, member, task, n_outputs):
    """One task's net of a member under hard sharing, from the layers that it owns or shares, with its own layers."""
    trunk = [arrays[f"trunk.{i}.{part}"][member, 0] for i in range(2) for part in ("weight", "bias")]
    width = arrays["task_layers.own.0.weight"].shape[2]
    columns = slice(task * width, (task + 1) * width)  # of the first layers of all tasks side by side
    first = [arrays[f"task_layers.first.0.{part}"][member, 0][:, columns] for part in ("weight", "bias")]
    own = [arrays[f"task_layers.own.0.{part}"][member, task] for part in ("weight", "bias")]
    head = [arrays["head.weight"][member, task].T[:, :n_outputs], arrays["head.bias"][member, task].T[:, :n_outputs]]
    parts = [*trunk, *first, *own, *head]
    layers = []
    for weight, bias in zip(parts[::2], parts[1::2], strict=True):
        linear = nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T))
            linear.bias.copy_(torch.from_numpy(bias[0]))
        layers += [linear, nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def torch_losses(outputs, targets):
    """Loss sum of each task, from its outputs."""
    numbers, classes, signs = outputs
    return [
        ((numbers[:, 0] - targets[:, 0]) ** 2).sum(),
        nn.functional.cross_entropy(classes, targets[:, 1].long(), reduction="sum"),
        nn.functional.binary_cross_entropy_with_logits(signs[:, 0], targets[:, 2], reduction="sum"),
    ]


def test_loss_and_gradients_are_those_of_nets_built_in_torch():
    """Of one member among two; the trunk's gradient is the sum over the tasks."""
    assert [task.kind.__class__ for task in LAYOUT.tasks] == [SquaredError, Multiclass, Binary]
    fields = {"activation": "silu", "task_layer_sizes": (5, 6), "initial_bias": np.arange(5.0)}
    network = build.make_network("hard", N_INPUTS, (7, 8), LAYOUT.n_outputs, seeds=[0, 1], **fields)
    data = build.make_data(X, LAYOUT.encode([NUMBER, CLASS, SIGN], np.ones((N, 3), bool)))
    batch = data.take(slice(None))
    passes = network.training_passes([torch.Generator(), torch.Generator()])
    sums, gradient = build.make_objective(LAYOUT)(passes.forward(batch.x), batch)
    passes.backward(gradient)
    got = {spec.name: network.buffer.gradient_views[spec.name].clone() for spec in network.buffer.specs}
    arrays = network.buffer.arrays()
    nets = [in_torch(arrays, 1, task, n) for task, n in enumerate(LAYOUT.n_outputs)]
    losses = torch_losses([net(torch.from_numpy(X)) for net in nets], batch.targets[0])
    torch.testing.assert_close(sums[1], torch.stack(losses).detach(), rtol=0, atol=1e-10)
    torch.stack(losses).sum().backward()

    def same(name, part, layer, expected_of):
        gradients = [getattr(net[2 * layer], part).grad.t() for net in nets]
        torch.testing.assert_close(got[f"{name}.{part}"][1].squeeze(), expected_of(gradients), rtol=0, atol=1e-10)

    for part in ("weight", "bias"):
        for layer in range(2):
            same(f"trunk.{layer}", part, layer, lambda of_tasks: torch.stack(of_tasks).sum(0))
        same("task_layers.first.0", part, 2, lambda of_tasks: torch.cat(of_tasks, -1))
        same("task_layers.own.0", part, 3, torch.stack)
    for task, (net, n) in enumerate(zip(nets, LAYOUT.n_outputs, strict=True)):
        torch.testing.assert_close(got["head.weight"][1, task, :n], net[8].weight.grad, rtol=0, atol=1e-10)
        torch.testing.assert_close(got["head.bias"][1, task, :n, 0], net[8].bias.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", SHARINGS)
def test_without_widths_there_is_nothing(name):
    network = build.make_network(name, N_INPUTS, (6, 5), (1, 3), seeds=[0, 1])
    features, layers = torch.ones(2, 3, 5), network.layers.task_layers
    assert list(layers.specs) == []
    assert layers.forward(features, Workspace()) is features
    assert layers.backward(features, Workspace()) is features
    assert layers.input_gradient(features, Workspace()) is features


def test_identity_layers_change_no_output():
    plain = build.make_network("hard", N_INPUTS, (6, 5), (1, 3), seeds=[0, 1], activation="identity")
    fields = {"activation": "identity", "task_layer_sizes": (5, 5)}
    network = build.make_network("hard", N_INPUTS, (6, 5), (1, 3), seeds=[0, 1], **fields)
    arrays, of_plain = network.buffer.arrays(), plain.buffer.arrays()
    arrays |= {name: values for name, values in of_plain.items() if name.startswith("trunk")}
    arrays["task_layers.first.0.weight"][:] = np.tile(np.eye(5), 2)
    arrays["task_layers.own.0.weight"][:] = np.eye(5)
    for name in ("task_layers.first.0.bias", "task_layers.own.0.bias", "head.weight", "head.bias"):
        arrays[name][:] = 0.0
    arrays["head.weight"][:, 0, :1], arrays["head.weight"][:, 1] = np.split(of_plain["head.weight"][:, 0], [1], axis=1)
    network.buffer.load(arrays)
    x = torch.from_numpy(X)[None]
    torch.testing.assert_close(network(x), plain(x), rtol=0, atol=1e-10)


def permuted(arrays, order):
    """Parameters of the tasks in another order."""
    fused = arrays["task_layers.first.0.weight"].shape[1] == 1
    moved = {}
    for name, values in arrays.items():
        if name.startswith("task_layers.first") and fused:
            by_task = values.reshape(*values.shape[:3], len(order), -1)
            moved[name] = by_task[:, :, :, order].reshape(values.shape)
        else:
            moved[name] = values if name.startswith("trunk") else values[:, order]
    return moved


def test_training_with_permuted_tasks_permutes_the_parameters():
    order, Y = [2, 0, 1], np.column_stack([NUMBER, X[:, 0], X[:, 1] + X[:, 2]])

    def trained(labels, arrays=None):
        layout = build.make_layout(list(labels.T))
        data = build.make_data(X, layout.encode(list(labels.T), np.ones(labels.shape, bool)))
        streams = Streams.from_seed(0, 2)
        network = build.make_network("hard", N_INPUTS, (6,), (1, 1, 1), seeds=streams.initial, task_layer_sizes=(4, 3))
        begun = network.buffer.arrays()
        network.buffer.load(begun if arrays is None else permuted(arrays, order))
        training = build.make_training(network, layout, data, build.make_config(2, 3), streams)
        for _ in range(3):
            training.epoch()
        return begun, network.buffer.arrays()

    begun, expected = trained(Y)
    _, got = trained(Y[:, order], begun)
    for name, values in permuted(expected, order).items():
        np.testing.assert_allclose(got[name], values, rtol=0, atol=1e-10)
        assert np.abs(values - permuted(begun, order)[name]).max() > 1e-3
