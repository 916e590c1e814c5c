"""Held-out rows of numeric tasks, or of others, and a network in name only."""

from types import SimpleNamespace

import numpy as np

from skmtl.postprocess import HeldOutRows
from skmtl.tasks import KINDS


def network_of(n_inputs):
    """All of a network that a blend asks for."""
    encoder = SimpleNamespace(plain_bounds=lambda: np.full(n_inputs, np.inf))
    return SimpleNamespace(architecture=SimpleNamespace(dtype="float64", encoder=encoder))


def held_out_rows(rows, columns, responses, kinds=None, weights=None, units=None):
    """Rows of numeric tasks, or of tasks of ``kinds``."""
    n = len(rows)
    kinds = ["regression"] * len(columns) if kinds is None else kinds
    tasks = [
        KINDS[kind]().fit(k, column, np.ones(n)) for k, (kind, column) in enumerate(zip(kinds, columns, strict=True))
    ]
    weights = np.ones((n, len(columns))) if weights is None else weights
    units = np.arange(n) if units is None else units
    return HeldOutRows(units, tasks, columns, weights, responses, rows, weights, np.ones((1, 1), dtype=bool))
