"""What fit is given belongs to the user: to change it afterwards changes no fitted model."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.balancing import BALANCERS
from skmtl.encoders import ModuleEncoder, TabularEncoder
from skmtl.sharing import SHARINGS
from skmtl.tasks import Huber, Quantile
from skmtl.training import OPTIMIZERS, Device

RNG = np.random.default_rng(0)
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 2, "random_state": 0}


def module():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh())


OBJECTS = {
    **{f"sharing {name}": ("sharing", cls) for name, cls in SHARINGS.items()},
    **{f"balancing {name}": ("balancing", cls) for name, cls in BALANCERS.items()},
    **{f"optimizer {name}": ("optimizer", cls) for name, cls in OPTIMIZERS.items()},
    "loss": ("loss", Huber),
    "loss of a task": ("loss", lambda: {"a": Quantile(0.2)}),
    "encoder": ("encoder", TabularEncoder),
    "module": ("encoder", module),
    "pretrained": ("encoder", lambda: ModuleEncoder(module(), pretrained=True)),
    "device": ("device", lambda: Device("cpu")),
    "sizes": ("hidden_layer_sizes", lambda: [8]),
    "loss_weights": ("loss_weights", lambda: {"a": 1.0, "b": 3.0}),
    "state": ("random_state", lambda: np.random.RandomState(0)),
}


def spoil(given):
    """Change all that an object holds."""
    if isinstance(given, nn.Module):
        with torch.no_grad():
            for values in given.parameters():
                values.fill_(7.0)
        given.add_module("more", nn.Linear(3, 3))
    elif isinstance(given, dict):
        for value in given.values():
            spoil(value)
        given.clear()
    elif isinstance(given, list):
        given[:] = [3, 3]
    elif isinstance(given, np.random.RandomState):
        given.seed(5)
    elif hasattr(given, "__dict__"):
        for name, value in vars(given).items():
            if isinstance(value, nn.Module):
                spoil(value)
            setattr(given, name, "nonsense")


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_copied(name):
    parameter, make = OBJECTS[name]
    X = RNG.normal(size=(40, 4))
    y = pd.DataFrame(X[:, :2], columns=["a", "b"])
    given = make()
    model = MultiTaskNetRegressor(**SMALL | {parameter: given}).fit(X, y)
    twin = copy.deepcopy(model)
    before, score = model.predict(X), model.score(X, y)
    spoil(given)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.score(X, y) == score
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(again.predict(X), before)
        assert again.tasks_ == twin.tasks_
    model.set_params(**{parameter: make()})
    if parameter == "encoder" and isinstance(given, torch.nn.Module | ModuleEncoder):  # another module
        with pytest.raises(ValueError, match="encoder was"):
            model.partial_fit(X, y)
    else:
        model.partial_fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("encoder", ["auto", module()])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_are_copied(encoder, order, dtype):
    """Rows and labels that a model remembers, for corrections and for the next pass, are its own."""
    X = np.asarray(RNG.normal(size=(60, 4)), dtype=dtype, order=order)
    y = np.asarray(np.c_[X[:, 0], X[:, 1] > 0], dtype=dtype, order=order)
    weights, rows = np.ones((60, 2), dtype=dtype), X.copy()
    net = MultiTaskNet(**SMALL, tasks=["regression", "binary"], encoder=encoder, dtype=np.dtype(dtype).name)
    net.set_params(local_correction=True, early_stopping=True).fit(X, y, sample_weight=weights)
    before, out_of_fold, scores = net.predict(rows), net.oof_prediction_, net.oof_score_
    X[:], y[:], weights[:] = 9.0, 1.0, 5.0
    np.testing.assert_array_equal(net.predict(rows), before)
    np.testing.assert_array_equal(net.oof_prediction_, out_of_fold)
    assert net.oof_score_ == scores
