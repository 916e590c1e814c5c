"""A step that passes the outputs of many tasks tile by tile is the step on all of them at once."""

import numpy as np
import pytest
import torch

from skmtl.balancing import MGDA
from skmtl.network import _output_layers
from skmtl.tasks import Binary, Multiclass, SquaredError
from skmtl.training import Streams, _loop, _tiled, _weighting
from tests import _builders as build

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4))
CLASSES = RNG.integers(0, 3, (23, 4))
Y = np.column_stack([X @ RNG.normal(size=(4, 7)), X[:, :3] > 0, CLASSES, X[:, :3] ** 2, X[:, 3] > 0])
KINDS = [SquaredError()] * 7 + [Binary()] * 3 + [Multiclass()] * 4 + [SquaredError(1.0)] * 3 + [Binary()]
WEIGHTS = RNG.integers(0, 3, Y.shape).astype(float)


@pytest.fixture(autouse=True)
def _narrow_tiles(monkeypatch):
    monkeypatch.setattr(_output_layers, "WIDE", 16)
    monkeypatch.setattr(_tiled, "TILE_CELLS", 1)
    monkeypatch.setattr(_tiled, "NARROWEST", 4)


def trained(*, hidden=(6, 5), members=2, weights=WEIGHTS, **settings):
    """Parameters and losses after two epochs with batches of 8, 8 and 7 rows, and the step."""
    layout = build.make_layout(list(Y.T), KINDS)
    encoded = layout.encode(list(Y.T), np.ones(Y.shape, bool))
    kept = (torch.arange(members * 23).reshape(members, 23) % 5 > 0).double()
    data = build.make_data(X, encoded, weights, kept if weights is not None else None)
    streams = Streams.from_seed(0, members)
    network = build.make_network("hard", 4, hidden, layout.n_outputs, seeds=streams.initial, dropout=(0.2,) * members)
    config = build.make_config(members, len(KINDS), batch_size=8, max_iter=2, **settings)
    training = build.make_training(network, layout, data, config, streams)
    history, _ = build.train(training)
    return network.buffer.values, history.arrays()["loss"], training.step


@pytest.mark.parametrize("shape", [{}, {"hidden": ()}, {"members": 1, "weights": None}])
def test_tiles_learn_what_the_step_on_all_outputs_learns(shape, monkeypatch):
    values, losses, step = trained(**shape)
    assert isinstance(step, _tiled.TiledStep)
    assert len(step._tiles_of(8)) == 8  # 2 of 7 numbers, 4 of 12 outputs, 1 of 4 outputs, 1 of 3 numbers
    monkeypatch.setattr(_loop, "tiled", lambda step: step)
    whole, expected, other = trained(**shape)
    assert not isinstance(other, _tiled.TiledStep)
    torch.testing.assert_close(values, whole, rtol=0, atol=1e-12)
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-12)


def test_a_part_of_the_members_goes_on_in_tiles_over_its_own_parameters():
    _, _, step = trained()
    before = step._tiles_of(8)[0][1].weight
    member = torch.tensor([1])
    network = build.make_network("hard", 4, (6, 5), [1] * 20, seeds=[0])
    chosen = step.select(member, network.training_passes([torch.Generator()]), network.buffer)
    head = chosen._tiles_of(8)[0][1]
    assert head.weight.data_ptr() == network.buffer.views["head.weight"].data_ptr() != before.data_ptr()


def test_gradients_of_too_many_tasks_are_not_compared(monkeypatch):
    monkeypatch.setattr(_weighting, "MOST_TASKS", 17)
    with pytest.raises(ValueError, match="18 tasks are more than 17"):
        trained(balancer=MGDA())
