"""A fingerprint is a function of values: in every process, however they are held in memory."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from scipy.stats import loguniform
from torch import nn

from skmtl.checkpoints import fingerprint
from skmtl.encoders import TabularEncoder


def module(width):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, width), nn.ReLU())


def looped():
    items = [1]
    items.append(items)
    return items


VALUES = {
    "plain": lambda: {"a": [1, 2.5, None, True, "x"], 3: (b"y", {2, 1}), None: float("nan")},
    "array": lambda: np.arange(6.0).reshape(2, 3),
    "objects": lambda: np.array(["a", None, 1], dtype=object),
    "frame": lambda: pd.DataFrame({"a": [1.0, np.nan], "b": pd.Categorical(["u", "v"]), "c": ["s", None]}),
    "sparse": lambda: sp.csr_array(np.eye(3)),
    "module": lambda: module(4),
    "reduced": lambda: torch.ones(2, dtype=torch.bfloat16),
    "encoder": lambda: TabularEncoder(n_bins=3),
    "generator": lambda: np.random.RandomState(0),
    "distribution": lambda: loguniform(1e-3, 1.0),
    "function": lambda: lambda x: x + 1,
    "loop": looped,
}
CHANGED = {
    "plain": {"a": [1, 2.5, None, 1, "x"], 3: (b"y", {2, 1}), None: float("nan")},
    "array": np.arange(6.0).reshape(3, 2),
    "objects": np.array(["a", "None", 1], dtype=object),
    "frame": pd.DataFrame({"a": [1.0, np.nan], "b": pd.Categorical(["u", "u"], ["u", "v"]), "c": ["s", None]}),
    "sparse": sp.csr_array(np.eye(3)[[0, 2, 1]]),
    "module": module(5),
    "reduced": torch.ones(2, dtype=torch.float16),
    "encoder": TabularEncoder(n_bins=4),
    "generator": np.random.RandomState(1),
    "distribution": loguniform(1e-3, 2.0),
    "function": lambda x: x - 1,
    "loop": [1, [1]],
}


@pytest.mark.parametrize("name", VALUES)
def test_equal_values_and_no_others_have_one_fingerprint(name):
    value = VALUES[name]()
    found = fingerprint(value)
    loguniform(1.0, 2.0).rvs()  # moves the global generator, which is part of a distribution
    assert fingerprint(VALUES[name]()) == fingerprint(value) == found
    assert fingerprint(CHANGED[name]) != found


def test_it_is_the_same_in_every_process():
    named = {"x": np.arange(3), "y": (1.5, "text", None), None: [np.float32(2), {"b", "a"}]}
    assert fingerprint(named) == "9791722b7f97744f9c638656d4c8fd71"


def test_neither_shared_objects_nor_order_in_memory_count():
    text, rows = "".join(["a", "b"]), np.arange(6.0).reshape(2, 3)
    assert fingerprint([text, text]) == fingerprint(["ab", "".join(["ab"])])
    assert fingerprint(rows) == fingerprint(np.asfortranarray(rows))
