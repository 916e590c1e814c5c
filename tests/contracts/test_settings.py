"""Settings of all objects: a value that a setting cannot have is refused by an error that names the setting."""

import inspect
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from skmtl import MultiTaskNetRegressor
from skmtl.encoders import ENCODERS
from skmtl.estimators._nested_params import STRATEGIES

X = np.random.default_rng(0).normal(size=(20, 3))
SMALL = {"hidden_layer_sizes": (3,), "n_estimators": 1, "n_peers": 4, "max_iter": 1, "random_state": 0}
NEEDED = {"collaboration co_training": {"views": [[0], [1], [2], [0, 1]]}}  # settings without a default
OBJECTS = {
    f"{parameter} {name}": (parameter, cls)
    for parameter, choices in STRATEGIES.items()
    for name, cls in (choices if parameter != "encoder" else {"tabular": ENCODERS["tabular"]}).items()
    if parameter in inspect.signature(MultiTaskNetRegressor).parameters
}
SETTINGS = [(owner, setting) for owner, (_, cls) in OBJECTS.items() for setting in inspect.signature(cls).parameters]


@contextmanager
def naming(setting):
    """Fail for an error that does not name the setting."""
    try:
        yield
    except Exception as error:
        if setting not in str(error):
            raise AssertionError(f"an error that does not name {setting}") from error
        raise


@pytest.mark.parametrize(("owner", "setting"), SETTINGS)
def test_wrong_values_are_named(owner, setting):
    parameter, cls = OBJECTS[owner]

    def fit(value):
        MultiTaskNetRegressor(**SMALL | {parameter: cls(**NEEDED.get(owner, {}) | {setting: value})}).fit(X, X[:, :2])

    for value in ("nonsense", b"auto", 1 + 2j, np.array([1.0, 2.0]), object):
        with pytest.raises((ValueError, TypeError), match=setting):
            fit(value)
    for value in (10**20, []):  # a number, and no column, may be right
        with suppress(ValueError, TypeError), naming(setting):
            fit(value)
