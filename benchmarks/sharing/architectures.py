"""The architectures at their defaults, and the width at which each has a given number of parameters."""

from __future__ import annotations

import numpy as np
import torch

from skmtl.network import Architecture, Network
from skmtl.sharing import SHARINGS

NAMES = tuple(SHARINGS)
LEAST, MOST = 4, 2048


def n_parameters(name: str, width: int, n_inputs: int, n_outputs: tuple[int, ...], layers: int = 2) -> int:
    """Parameters of one member with ``layers`` hidden layers of ``width``, output layer included."""
    bias = np.zeros(sum(n_outputs))
    sizes = (width,) * layers
    network = Network(
        Architecture(SHARINGS[name](), n_inputs, sizes, "relu", n_outputs, 1, "float32", bias), torch.device("cpu")
    )
    return network.n_parameters


def width_for(name: str, budget: int, n_inputs: int, n_outputs: tuple[int, ...]) -> int:
    """Greatest width whose network has at most ``budget`` parameters; at least ``LEAST``."""
    low, high = LEAST, MOST
    while low < high:
        middle = (low + high + 1) // 2
        if n_parameters(name, middle, n_inputs, n_outputs) <= budget:
            low = middle
        else:
            high = middle - 1
    return low
