"""What is on its way between processes stays what it is."""

import pickle

import numpy as np
import pytest
import torch

from skmtl import MultiTaskNetClassifier
from skmtl.balancing import Recorded
from skmtl.encoders import TabularEncoder
from skmtl.model_selection.search._transport import LazyPickle
from skmtl.training import AdamW
from tests._fits import fitted, read_inputs, stacks_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([X[:, 0] > 0, np.abs(X[:, 1]) > 0.5]).astype(float)
Y[RNG.random(Y.shape) < 0.3] = np.nan
Y[np.isnan(Y).all(axis=1), 0] = 1


def sent(content, stations=2):
    """Content that has been through other processes, which do not look inside."""
    pickled = LazyPickle(content)
    for _ in range(stations):
        pickled = pickle.loads(pickle.dumps(pickled))
    return pickled.open()


def test_nothing_is_packed_within_a_process():
    content = {"a": torch.ones(2)}
    assert LazyPickle(content).open() is content


def test_values_that_repeat_without_taking_memory_are_sent_once():
    wide = torch.arange(6.0)[::2][:1].expand(1000)
    assert len(pickle.dumps(LazyPickle(wide))) < 1000
    assert torch.equal(sent(wide), wide)
    assert sent(wide).stride() == (0,)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64, torch.bool, torch.float64])
def test_tensors_of_all_types(dtype):
    tensor = torch.arange(7).to(dtype)[2:]
    assert torch.equal(sent(tensor), tensor)
    assert sent(tensor).dtype == dtype
    assert sent(torch.empty(0, 3, dtype=dtype)).shape == (0, 3)


def test_generators_go_on_where_they_were():
    ours, theirs = torch.Generator().manual_seed(3), np.random.default_rng(3)
    torch.rand(5, generator=ours), theirs.random(5)
    other, another = sent((ours, theirs))
    assert torch.equal(torch.rand(5, generator=other), torch.rand(5, generator=ours))
    assert (another.random(5) == theirs.random(5)).all()


class OwnEncoder(TabularEncoder):
    """A class that only the process knows in which it was defined."""


OwnEncoder.__module__, OwnEncoder.__qualname__ = "__main__", "OwnEncoder"

IN_TRAINING = {
    "default": {},
    "dropout": {"dropout": 0.3, "input_dropout": 0.2, "input_scaling": True},
    "sgd, independent": {"optimizer": "sgd", "sharing": "independent"},
    "a penalty": {"sharing": "soft"},
    "experts, gradients": {"sharing": "mmoe", "balancing": Recorded("cagrad", ["gradient_norms"])},
    "losses, looked back at": {"sharing": "cross_stitch", "balancing": "famo"},
    "bfloat16": {"dtype": "bfloat16"},
    "a module of the user": {"encoder": torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())},
    "a class of the user": {"encoder": OwnEncoder(), "optimizer": AdamW(beta_1=0.8)},
}


@pytest.mark.parametrize("settings", IN_TRAINING.values(), ids=IN_TRAINING)
def test_networks_in_training_go_on_as_those_that_stayed(settings):
    net = MultiTaskNetClassifier(
        hidden_layer_sizes=(4,), n_estimators=2, max_iter=4, batch_size=32, dtype="float64", random_state=0
    )
    rates = [0.01, 0.02, 1e200]
    nets = [MultiTaskNetClassifier(**{**net.get_params(deep=False), "learning_rate_init": rate}) for rate in rates]
    for own in nets:
        own.set_params(**settings)
    train = [np.arange(60) % 4 != k for k in range(2)]
    rows = [read_inputs(nets[0], X[own], Y[own]) for own in train]
    staying, leaving = (list(stacks_of([(own, r) for r in rows for own in nets], 1e9)) for _ in range(2))
    for share, kept in [(0.5, range(6)), (0.75, (0, 1, 3)), (1.0, (1, 3))]:
        for stack in (*staying, *leaving):
            stack.keep(kept)
            stack.advance(share)
        leaving = sent(leaving)
        assert [list(stack.errors) for stack in leaving] == [list(stack.errors) for stack in staying]
    assert sorted(place for stack in leaving for place in stack.indices) == [1, 3]
    for ours, theirs in zip(leaving, staying, strict=True):
        for place in theirs.indices:
            assert_same(fitted(ours, place), fitted(theirs, place))


def assert_same(ours, theirs):
    for name, values in theirs.history_.items():
        np.testing.assert_array_equal(ours.history_[name], values)
    for name, values in theirs.network_.buffer.arrays().items():
        np.testing.assert_array_equal(ours.network_.buffer.arrays()[name], values)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
