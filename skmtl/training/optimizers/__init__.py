"""Optimizers: one file each."""

from skmtl.training.optimizers._optimizer import Memberwise, Optimizer, Penalties, Update
from skmtl.training.optimizers.adamw import AdamW
from skmtl.training.optimizers.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {"adamw": AdamW, "sgd": SGD}

__all__ = ["OPTIMIZERS", "SGD", "AdamW", "Memberwise", "Optimizer", "Penalties", "Update"]
