"""Laws of parameters of strategies: what is stored as JSON comes back equal."""

import json
from typing import Any

import numpy as np
import pytest

from skmtl._params import Params, from_params_state, params_state
from skmtl.balancing import BALANCERS
from skmtl.sharing import SHARINGS
from skmtl.tasks import KINDS, Quantile
from skmtl.training import OPTIMIZERS


class Holder(Params):
    def __init__(self, value: Any = None, inner: Any = None) -> None:
        self.value, self.inner = value, inner


REGISTRY = {**KINDS, "holder": Holder}
VALUES = [
    None,
    True,
    3,
    0.1,
    float("inf"),
    "text",
    [1, [2.5, "a"]],
    (64, 32),
    ((1, 2), [3]),
    {"a": (1,), 2: None, ("b", 1): {}},
    {"tuple": [1]},
    Quantile(0.9),
    [Holder((Quantile(0.1),))],
]


def round_trip(owner: Params, registry: dict[str, type[Params]]) -> Params:
    return from_params_state(json.loads(json.dumps(params_state(owner, registry))), registry)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_equal_and_of_the_same_type(value: Any) -> None:
    back = round_trip(Holder(value, inner=Holder(value)), REGISTRY)
    assert back == Holder(value, inner=Holder(value))
    assert type(back.value) is type(value)


def test_arrays_come_back_with_their_type() -> None:
    value = np.array([[0.1, np.nan, 1 / 3]], dtype=np.float32)
    back = round_trip(Holder(value), REGISTRY).value
    assert back.dtype == value.dtype
    np.testing.assert_array_equal(back, value)


def test_numbers_of_numpy_become_plain() -> None:
    assert round_trip(Holder(np.float32(0.5), np.int64(2)), REGISTRY) == Holder(0.5, 2)


@pytest.mark.parametrize(
    ("registry", "name"),
    [(registry, name) for registry in (KINDS, BALANCERS, SHARINGS, OPTIMIZERS) for name in registry],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_strategy_with_a_name_comes_back_equal(registry: dict[str, type[Params]], name: str) -> None:
    owner = registry[name]()
    back = round_trip(owner, registry)
    assert back == owner
    assert type(back) is type(owner)


def test_what_has_no_name_is_refused() -> None:
    with pytest.raises(TypeError, match="Holder has no name to be stored under; those that have are binary"):
        params_state(Holder(), KINDS)


def test_values_that_are_no_data_are_refused() -> None:
    with pytest.raises(TypeError, match="Holder: value is a function, which cannot be stored as text"):
        params_state(Holder([round_trip]), REGISTRY)
