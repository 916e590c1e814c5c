"""Modules of the user's own in front of the network."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skmtl import MultiTaskNetRegressor
from skmtl.encoders import ModuleEncoder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
Y = np.column_stack([X[:, 0], X[:, 1] - X[:, 2]])
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 2, "max_iter": 3, "random_state": 0}


def fit(encoder, X=X, **params):
    return MultiTaskNetRegressor(encoder=encoder, **{**SMALL, **params}).fit(X, Y)


def make(shape):
    return nn.Sequential(nn.Linear(shape[0], 5), nn.Tanh())


def initial(model, name="encoder.0.weight"):
    """Weights ``(member, ...)`` before training."""
    untrained = fit(model, learning_rate_init=1e-30, weight_decay=0)
    return untrained.network_.buffer.arrays()[name]


def test_a_module_is_an_encoder_and_stays_as_it_is():
    module = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.Tanh()).eval()
    before = {name: values.clone() for name, values in module.state_dict().items()}
    model = fit(module)
    assert all(torch.equal(values, before[name]) for name, values in module.state_dict().items())
    assert not module.training
    assert model.encoder is module
    assert isinstance(model.encoder_, ModuleEncoder)
    np.testing.assert_array_equal(fit(module).predict(X), model.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_members_start_from_weights_of_their_own_unless_pretrained():
    module = make((6,))
    drawn = initial(module)
    assert not np.allclose(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], module[0].weight.detach())
    kept = initial(ModuleEncoder(module, pretrained=True))
    np.testing.assert_allclose(kept, np.broadcast_to(module[0].weight.detach(), kept.shape), atol=1e-12)
    made = initial(ModuleEncoder(make))
    assert not np.allclose(made[0], made[1])
    np.testing.assert_array_equal(made, initial(ModuleEncoder(make)))


def test_frozen_parameters_stay():
    module = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))
    module[0].requires_grad_(False)
    names = [spec.name for spec in fit(module).network_.buffer.specs if spec.name.startswith("encoder")]
    assert names == ["encoder.1.weight", "encoder.1.bias"]


def test_lazy_modules_take_the_shape_of_x():
    model = fit(nn.Sequential(nn.LazyLinear(7), nn.ReLU()))
    assert model.network_.buffer.views["encoder.0.weight"].shape == (2, 7, 6)


def test_input_shape_reshapes_flat_rows():
    module = nn.Sequential(nn.Conv1d(2, 3, 2), nn.Flatten())
    flat = fit(ModuleEncoder(module, input_shape=(2, -1)))
    stacked = fit(module, X.reshape(30, 2, 3))
    np.testing.assert_array_equal(flat.predict(X), stacked.predict(X.reshape(30, 2, 3)))
    assert flat.n_features_in_ == stacked.n_features_in_ == 6


def test_it_trains_the_module():
    target = np.column_stack([np.abs(X[:, 0]), X[:, 1]])
    model = MultiTaskNetRegressor(
        encoder=ModuleEncoder(make), hidden_layer_sizes=(), n_estimators=1, max_iter=150, learning_rate_init=0.02,
        early_stopping=False, random_state=0,
    ).fit(X, target)  # fmt: skip
    assert model.score(X, target) > 0.9


class Pair(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("encoder", "error", "words"),
    [
        (nn.Linear(5, 3), ValueError, "fails on a batch of shape.*input_shape"),
        (Pair(), ValueError, "float tensor.*got tuple"),
        (nn.Flatten(0), ValueError, "float tensor.*got shape"),
        (
            nn.BatchNorm1d(6, track_running_stats=False),
            ValueError,
            "batch normalisation '' has no running.*track_running_stats=True.*GroupNorm",
        ),
        (
            nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3, track_running_stats=False)),
            ValueError,
            "batch normalisation '1' has no running.*single row",
        ),
        (nn.LazyBatchNorm1d(), TypeError, "encoder cannot be copied.*uninitialized.*ModuleEncoder.function."),
        (ModuleEncoder(lambda shape: 3), TypeError, "returns int"),
        (ModuleEncoder("linear"), TypeError, "got str"),
        (ModuleEncoder(make, input_shape=(4,)), ValueError, "input_shape=.4,. does not fit"),
        (ModuleEncoder(make, input_type="integer"), ValueError, "input_type='integer'"),
        (ModuleEncoder(make, input_type="bool"), ValueError, "input_type must be one of 'float', 'integer'"),
        (nn.Linear, TypeError, "encoder must be one of"),
        ("resnet", ValueError, "'convolution'"),
    ],
)
def test_bad_modules_are_named(encoder, error, words):
    with pytest.raises(error, match=words):
        fit(encoder)
