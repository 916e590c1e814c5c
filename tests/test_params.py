"""Laws of parameters of strategies: what is kept as data comes back equal."""

import io
import json
from typing import Any

import numpy as np
import pytest

from skmtl._params import Params
from skmtl._state import pack, unpack
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
    state, arrays = pack(owner, "owner", registry)
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    return unpack(json.loads(json.dumps(state)), np.load(file, allow_pickle=False), registry, {})


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


def test_numbers_of_numpy_keep_their_type() -> None:
    back = round_trip(Holder(np.float32(0.5), np.int64(2)), REGISTRY)
    assert (back.value, back.inner) == (0.5, 2)
    assert (type(back.value), type(back.inner)) == (np.float32, np.int64)


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
    with pytest.raises(TypeError, match=r"owner holds Holder\(.*cannot be kept as data.*objects of Binary"):
        pack(Holder(), "owner", KINDS)


def test_values_that_are_no_data_are_refused() -> None:
    with pytest.raises(TypeError, match=r"owner\.value\.0 holds <function .* of type function, which cannot be kept"):
        pack(Holder([round_trip]), "owner", REGISTRY)
