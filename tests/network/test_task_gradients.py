"""Per-task gradients and their Gramian against one recorded backward a task."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from skmtl.layers import ParameterBuffer, ParameterSpec, Workspace
from skmtl.network import _task_gradients as module
from skmtl.network import task_gradients
from skmtl.sharing import CGC, PLE, SHARINGS, Body, BodySpec, Bypass, Hard, Independent, MMoE, Sharing
from tests import _builders as build

MEMBERS, ROWS = 3, 11


class _Split(Sharing):
    """Hidden layers of which some columns belong to one task each, recorded by autograd."""

    def build(self, spec: BodySpec) -> Body:
        return _SplitBody(spec)


class _SplitBody(Body):
    hand_derived = False

    def __init__(self, spec: BodySpec) -> None:
        self.copies, self.width, self.n_inputs = spec.n_tasks, 5, spec.n_inputs

    @property
    def specs(self) -> list[ParameterSpec]:
        def draw(generator, shape):
            return generator.normal(size=shape)

        return [
            ParameterSpec("common", (self.n_inputs, 5), draw),
            ParameterSpec("apart", (self.copies, self.n_inputs, 5), draw, "task"),
        ]

    def bind(self, buffer: ParameterBuffer, leaves=None) -> None:
        values = leaves or {name: buffer.views[name] for name in ("common", "apart")}
        self.common, self.apart = values["common"], values["apart"]

    def forward(self, x: torch.Tensor, workspace: Workspace) -> torch.Tensor:
        weight = self.common[:, None] + self.apart  # (member, task, n_inputs, 5)
        return torch.tanh(x[:, None] @ weight).flatten(0, 1)


def make_network(sharing, n_outputs, sizes=(7, 5), activation="tanh", dropout=0.0, own=()):
    fields = {"activation": activation, "dropout": dropout, "task_layer_sizes": own}
    return build.make_network(sharing, 4, sizes, n_outputs, seeds=range(MEMBERS), **fields)


def generators():
    return [torch.Generator().manual_seed(k) for k in range(MEMBERS)]


def draw(n_outputs, rows=ROWS, members=1):
    rng = torch.Generator().manual_seed(3)
    x = torch.randn(members, rows, 4, generator=rng, dtype=torch.float64)
    return x, torch.randn(MEMBERS, rows, sum(n_outputs), generator=rng, dtype=torch.float64)


def reference(network, x, own, n_outputs):
    """Gradient of each task by every parameter, ``(task, values)``, by autograd one task at a time."""
    task_of = np.repeat(np.arange(len(n_outputs)), n_outputs)
    rows = []
    for task in range(len(n_outputs)):
        passes = network.training_passes(generators(), autograd=True)
        with passes.mode():
            passes.forward(x)
            passes.forward(x)  # the dropout masks of the second pass
            passes.backward(own * torch.from_numpy(task_of == task))
        rows.append({s.name: network.buffer.gradient_views[s.name].clone() for s in network.buffer.specs})
    return rows


def gramian_of(rows, names):
    jacobian = torch.stack([torch.cat([row[name].flatten(1) for name in names], 1) for row in rows], 1)
    return jacobian @ jacobian.mT


def shared(network):
    return [spec.name for spec in network.buffer.specs if spec.owner == "shared"]


def look(network, x, own, n_outputs, gradient, autograd=False):
    """Gramian, then the gradient buffer after a combination with unequal weights."""
    passes = network.training_passes(generators(), autograd=autograd)
    weights = torch.rand(MEMBERS, len(n_outputs), generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    with passes.mode():
        gradients = task_gradients(passes, n_outputs, gradient, network.architecture.sharing)
        for _ in range(2):  # the second pass runs on reused memory
            passes.forward(x)
            gramian = gradients.gramian(own.clone()).clone()
            gradients.backward(own.clone(), weights)
    return type(gradients).__name__, gramian, weights


def check_buffer(network, rows, weights):
    for spec in network.buffer.specs:
        factors = weights if spec.owner == "shared" else torch.ones_like(weights)
        shape = (-1,) + (1,) * len(spec.shape)
        expected = sum(row[spec.name] * factors[:, t].view(shape) for t, row in enumerate(rows))
        torch.testing.assert_close(network.buffer.gradient_views[spec.name], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_outputs", [(1, 1, 1), (1, 3, 2)])
@pytest.mark.parametrize("autograd", [False, True])
@pytest.mark.parametrize(
    ("sizes", "activation", "dropout", "rows", "members"),
    [
        ((7, 5), "tanh", 0.0, 11, 1),
        ((7, 5), "relu", 0.4, 11, 3),
        ((16, 9), "relu", 0.0, 3, 1),
        ((7, 5), "silu", 0.4, 11, 3),
        ((6,), "logistic", 0.2, 5, 1),
        ((3, 4, 5), "identity", 0.0, 4, 3),
    ],
)
@pytest.mark.parametrize("own", [(), (6, 4)])
def test_gramian_by_parameters_and_its_combination(n_outputs, autograd, sizes, activation, dropout, rows, members, own):
    network = make_network(Hard(), n_outputs, sizes, activation, dropout, own)
    x, upstream = draw(n_outputs, rows, members)
    by_task = reference(network, x, upstream, n_outputs)
    way, gramian, weights = look(network, x, upstream, n_outputs, "parameters", autograd)
    assert way == ("OfStackBelowTaskLayers" if own else "OfStack")
    torch.testing.assert_close(gramian, gramian_of(by_task, shared(network)), rtol=0, atol=1e-10)
    check_buffer(network, by_task, weights)


@pytest.mark.parametrize("n_outputs", [(1, 1, 1), (1, 3, 2)])
def test_any_body_with_shared_and_private_parameters(n_outputs):
    network = make_network(_Split(), n_outputs)
    x, own = draw(n_outputs)
    by_task = reference(network, x, own, n_outputs)
    way, gramian, weights = look(network, x, own, n_outputs, "parameters")
    assert way == "OfParameters"
    torch.testing.assert_close(gramian, gramian_of(by_task, ["common"]), rtol=0, atol=1e-10)
    check_buffer(network, by_task, weights)


@pytest.mark.parametrize(
    "sharing", [name for name in SHARINGS if name not in ("hard", "independent", "soft", "relationship")]
)
@pytest.mark.parametrize("n_outputs", [(1, 1, 1), (1, 3, 2)])
@pytest.mark.parametrize("own", [(), (6, 4)])
def test_every_architecture_that_shares_parameters(sharing, n_outputs, own):
    network = make_network(SHARINGS[sharing](), n_outputs, activation="silu", dropout=0.3, own=own)
    x, upstream = draw(n_outputs)
    by_task = reference(network, x, upstream, n_outputs)
    _, gramian, weights = look(network, x, upstream, n_outputs, "parameters")
    torch.testing.assert_close(gramian, gramian_of(by_task, shared(network)), rtol=0, atol=1e-10)
    check_buffer(network, by_task, weights)


@pytest.mark.parametrize("n_outputs", [(1, 1, 1), (1, 3, 2)])
@pytest.mark.parametrize("autograd", [False, True])
def test_gramian_by_the_representation(n_outputs, autograd):
    """Inner products of the tasks' gradients at the features; the combination is of the parameters' gradients."""
    network = make_network(Hard(), n_outputs)
    x, own = draw(n_outputs)
    by_task = reference(network, x, own, n_outputs)
    weight = network.buffer.views["head.weight"][:, 0].mT
    edges = np.cumsum((0, *n_outputs))
    at_features = torch.stack([own[:, :, a:b] @ weight[:, :, a:b].mT for a, b in pairwise(edges)], 1).flatten(2)
    way, gramian, weights = look(network, x, own, n_outputs, "representation", autograd)
    assert way == "OfRepresentation"
    torch.testing.assert_close(gramian, at_features @ at_features.mT, rtol=0, atol=1e-10)
    check_buffer(network, by_task, weights)


COMMON = {  # names of saved features, whether they hold several experts, of which the first few are read by all
    "hard": ("trunk.1.hidden", None),
    "mmoe": ("mixture.experts", 4),
    "cgc": ("level0.tasks.experts", 2),
    "ple": ("level1.tasks.experts", 2),
    "bypass": ("trunk.1.hidden", None),
}


@pytest.mark.parametrize(
    ("sharing", "own"),
    [
        (MMoE(gate_dropout=0.3), ()),
        (PLE(n_levels=3), ()),
        (PLE(n_private=2), (4,)),
        (PLE(1, 0), ()),
        (CGC(), (4, 3)),
        (Bypass(), ()),
        (Bypass(), (4,)),
        (Hard(), (4,)),
    ],
)
@pytest.mark.parametrize("hand_derived", [False, True])
def test_parameters_of_a_task_follow_its_own_loss_alone(sharing, own, hand_derived, monkeypatch):
    """In one backward by hand, or in two."""
    n_outputs = (1, 3, 2)
    network = make_network(sharing, n_outputs, sizes=(7, 5, 6), activation="silu", dropout=0.3, own=own)
    x, upstream = draw(n_outputs)
    by_task = reference(network, x, upstream, n_outputs)
    monkeypatch.setattr(type(network.layers.body), "hand_derived", hand_derived)
    check_buffer(network, by_task, look(network, x, upstream, n_outputs, "representation")[2])


@pytest.mark.parametrize(
    ("sharing", "own"), [pair for pair in product(COMMON, [(), (4, 3)]) if pair != ("hard", ())]
)  # without task layers the hard trunk has a way of its own
@pytest.mark.parametrize("n_outputs", [(1, 1, 1), (1, 3, 2)])
@pytest.mark.parametrize("autograd", [False, True])
def test_gramian_by_features_in_common(sharing, own, n_outputs, autograd):
    """The closed form over gates and heads equals recorded gradients at the shared experts or the trunk."""
    network = make_network(SHARINGS[sharing](), n_outputs, own=own)
    x, upstream = draw(n_outputs)
    by_task = reference(network, x, upstream, n_outputs)
    passes = network.training_passes(generators(), autograd=True)
    with passes.mode():
        passes.forward(x)
    name, experts = COMMON[sharing]
    task_of = torch.from_numpy(np.repeat(np.arange(len(n_outputs)), n_outputs))
    saved, outputs = passes.workspace.saved[name], passes._outputs
    by_output = [upstream * (task_of == task) for task in range(len(n_outputs))]
    at_features = [torch.autograd.grad(outputs, saved, of_task, retain_graph=True)[0] for of_task in by_output]
    jacobian = torch.stack([g if experts is None else g[:, :, :experts] for g in at_features], 1).flatten(2)
    way, gramian, weights = look(network, x, upstream, n_outputs, "representation", autograd)
    assert way == "OfFeaturesInCommon"
    torch.testing.assert_close(gramian, jacobian @ jacobian.mT, rtol=0, atol=1e-10)
    check_buffer(network, by_task, weights)


@pytest.mark.parametrize("own", [(), (4,)])
def test_chunks_of_members_change_nothing(own, monkeypatch):
    network = make_network(Hard(), (1, 1), own=own)
    x, upstream = draw((1, 1))
    by_task = reference(network, x, upstream, (1, 1))
    whole = look(network, x, upstream, (1, 1), "parameters")[1]
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    _, gramian, weights = look(network, x, upstream, (1, 1), "parameters")
    torch.testing.assert_close(gramian, whole, rtol=0, atol=1e-12)
    check_buffer(network, by_task, weights)


@pytest.mark.parametrize("gradient", ["parameters", "representation"])
@pytest.mark.parametrize(("sharing", "sizes"), [(Independent(), (5,)), (Hard(), ())])
def test_nothing_shared_is_an_error(gradient, sharing, sizes):
    network = make_network(sharing, (1, 1), sizes)
    with pytest.raises(ValueError, match=r"shared parameters, and sharing=.* has none"):
        task_gradients(network.training_passes(generators()), (1, 1), gradient, sharing)


def test_the_representation_needs_features_in_common():
    network = make_network(_Split(), (1, 1))
    with pytest.raises(ValueError, match="Use gradient='parameters'"):
        task_gradients(network.training_passes(generators()), (1, 1), "representation", "split")
