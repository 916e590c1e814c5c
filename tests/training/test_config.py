"""What the fields of a configuration are to the members of a network."""

from dataclasses import dataclass, field, fields, replace

import pytest
import torch

from skmtl._roles import Role, classified, names_of, role
from skmtl.balancing import Uncertainty
from skmtl.sharing import Soft
from skmtl.training import FitConfig
from tests import _builders as build


def test_a_field_without_a_role_is_an_error():
    @dataclass
    class Forgotten:
        known: int = field(metadata=role(Role.FIT))
        fresh: int

    with pytest.raises(TypeError, match=r"Forgotten\.fresh needs a role"):
        classified(Forgotten)


def test_members_are_stacked_and_selected():
    first = build.make_config(1, 2, learning_rate=torch.tensor([1.0]))
    second = build.make_config(2, 2, learning_rate=torch.tensor([2.0, 3.0]))
    stacked = FitConfig.stack([first, second])
    for name in names_of(FitConfig, Role.MEMBER):
        assert len(getattr(stacked, name)) == 3
    assert stacked.select(torch.tensor([0, 2])).learning_rate.tolist() == [1.0, 3.0]


def test_the_network_key_is_of_what_must_agree():
    config = build.make_config(1, 2)
    other = {"tol": 9.0, "batch_size": 7, "balancer": Uncertainty(), "activation": "relu", "sharing": Soft()}
    for name, value in other.items():
        assert replace(config, **{name: value}).network_key() != config.network_key()
    for one in fields(FitConfig):
        if one.metadata["role"] is not Role.NETWORK:
            assert replace(config, **{one.name: "other"}).network_key() == config.network_key()
    soft = [replace(config, sharing=Soft(strength=strength)).network_key() for strength in (0.1, 1.0)]
    assert soft[0] == soft[1]
